//! Clients that fill the memory of recorded responses: with paths, misses and headers that never come again.

use super::{effort, is_torture};
use crate::ops::admin::{admin_address, figures};
use crate::support::client::{HttpConnection, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::proc::memory;
use crate::support::server::{TestServer, glasshouse};
use std::net::SocketAddr;
use std::thread;

/// The value of `--replay-memory`.
const REPLAY: u64 = 16 << 20;
/// What the server may take for it, in KiB. The allocator keeps a part of what threads have freed: 0.9 to 1.2 times the
/// memory of the responses, from run to run.
const BOUND: u64 = 5 * (REPLAY >> 10) / 2;
/// Files that other clients request during the flood.
const HOT: u32 = 20;
/// Requests of a client at once.
const BATCH: u32 = 50;

fn serve(arguments: &[&str]) -> (tempfile::TempDir, TestServer) {
    let place = fixture::place();
    for number in 0..HOT {
        put(&place.path().join(format!("hot{number}.txt")), b"hot\n", MODIFIED);
    }
    put(&place.path().join("long.txt"), &[b'a'; 12 << 10], MODIFIED);
    let mut command = glasshouse();
    command.current_dir(place.path()).args(["0", "-b", "127.0.0.1", "--threads", "2", "--admin", "0"]).args(arguments);
    (place, TestServer::spawn(command))
}

/// Sends requests that differ, some of them twice, so that their content is kept.
fn flood(address: SocketAddr, client: u32, requests: u32) {
    let mut connection = HttpConnection::open(address);
    for batch in 0..requests / BATCH {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let asking = numbers.flat_map(|number| {
            let unique = format!("{client}-{}", number / 2);
            match number % 8 {
                0 | 1 => request("GET", &format!("/long.txt?{unique}"), &[]),
                2 | 3 => request("GET", &format!("/none/{}/{unique}", "x".repeat(500)), &[]),
                4 | 5 => request("GET", "/hot0.txt", &[("If-None-Match", &format!("\"{unique}\""))]),
                6 => request("GET", "/none", &[("Accept", &format!("text/html, x/{unique}"))]),
                _ => request("GET", &format!("/hot{}.txt", number / 8 % HOT), &[]),
            }
        });
        connection.send(&asking.collect::<Vec<_>>()).expect("the server reads");
        for _ in 0..BATCH {
            let status = connection.answer("GET").expect("an answer").head.status;
            assert!(matches!(status, 200 | 404), "{status}");
        }
    }
}

/// The memory of a server after the flood, in KiB.
fn flooded(server: &TestServer, requests: u32) -> Option<u64> {
    let address = server.address();
    thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || flood(address, client, requests / 4));
        }
    });
    memory(server, "VmRSS:")
}

#[test]
fn recorded_responses_take_bounded_memory() {
    let requests = effort(80_000, 1_600_000) as u32;
    let (_place, without) = serve(&["--no-replay"]);
    let plain = flooded(&without, requests / 10);
    drop(without);
    let (_place, server) = serve(&["--replay-memory", &REPLAY.to_string()]);
    let full = flooded(&server, requests);
    let admin = admin_address(&server);
    let figures = figures(admin, |of| {
        of("replay_bytes") <= REPLAY as f64 && of("replay_evictions_total") > 1000.0 && of("requests_in_flight") == 0.0
    });
    let of = |name: &str| figures[&format!("glasshouse_{name}")];
    if is_torture() {
        let bytes = of("replay_bytes");
        println!("flood: {requests} requests, {bytes} bytes recorded, {plain:?} KiB without, {full:?} KiB with them");
    }
    assert!(of("replay_bytes") > REPLAY as f64 / 2.0, "it is full: {figures:#?}");
    if let Some((plain, full)) = plain.zip(full) {
        assert!(full < plain + BOUND, "{full} KiB, and {plain} KiB without recorded responses");
    }
    // What is requested again and again stays.
    let hits = of("replay_hits_total");
    for number in 0..HOT {
        assert_eq!(get(server.address(), &format!("/hot{number}.txt")).body, b"hot\n");
    }
    crate::ops::admin::figures(admin, |of| of("replay_hits_total") >= hits + f64::from(HOT) * 0.9);
}
