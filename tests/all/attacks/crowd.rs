//! Thousands of HTTP/2 connections from one address, whose streams all stall: memory stays below `--max-total-memory`.

use super::clients::{open_from_everywhere_is_impossible, raise_descriptor_limit};
use super::shares::figure;
use super::{effort, is_torture};
use crate::http::hostile_clients::serve_with;
use crate::support::client::get;
use crate::support::clock::{wait_between_actions, wait_until_true};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::frames::{FrameClient, PREFACE, WINDOW_UPDATE, asking, frame, setting};
use crate::support::proc::memory;
use crate::support::server::TestServer;
use rustix::process::{Resource, getrlimit};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Requests of each connection: a large file, listings of many entries, and an archive. Some are cached, some are not.
const TARGETS: [&str; 4] = ["/long", "/many/", "/?download=tar", "/many/?sort=size"];
/// Entries of the directory that is listed, so that its listing is longer than a window.
const ENTRIES: usize = 400;
/// The largest window (RFC 9113 6.9.1), and that of a new connection.
const MAX_WINDOW: u32 = (1 << 31) - 1;
const DEFAULT_WINDOW: u32 = 65_535;
/// The number of the setting for the window of a new stream (RFC 9113 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
/// Descriptors that the server needs for the long form: three of four are for connections.
const DESCRIPTORS: u64 = 11_000;

/// Opens the connections from 127.0.0.2. Each stream has this window; none is read.
fn crowd(server: &TestServer, connections: usize, window: u32) -> Vec<FrameClient> {
    let mut bytes = [PREFACE, &setting(INITIAL_WINDOW_SIZE, window)].concat();
    if let Some(more) = window.checked_sub(DEFAULT_WINDOW) {
        bytes.extend(frame(WINDOW_UPDATE, 0, 0, &more.to_be_bytes()));
    }
    let streams = (1..).step_by(2);
    bytes.extend(streams.zip(TARGETS).flat_map(|(stream, target)| asking(stream, target)));
    let open = |_| {
        let mut client = FrameClient::silent_from(Ipv4Addr::new(127, 0, 0, 2), server.address());
        client.send(&bytes).expect("the server reads");
        client
    };
    (0..connections).map(open).collect()
}

#[test]
fn a_crowd_with_stalled_streams() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    if is_torture() && getrlimit(Resource::Nofile).maximum.is_some_and(|most| most < DESCRIPTORS) {
        return fixture::skipped("7,500 connections: the limit of open files is lower");
    }
    raise_descriptor_limit();
    let (connections, mebibytes) = (effort(400, 7_500), effort(128, 512));
    let (most, total) = ((connections + 100).to_string(), mebibytes as u64 * 1024 * 1024);
    // By default, one address may have half of all connections, which may be three of four open files.
    let limits = ["--max-connections", &most, "--max-connections-per-address", &most, "--send-timeout", "2m"];
    let memory_limit = format!("{mebibytes}M");
    let limits = [&limits[..], &["--max-total-memory", &memory_limit, "--admin", "0"]].concat();
    for (name, window) in [("no windows", 0), ("tiny windows", 1), ("windows that are not read", MAX_WINDOW)] {
        let (place, server) = serve_with(&limits);
        for entry in 0..ENTRIES {
            put(&place.path().join(format!("many/an-entry-of-the-directory-{entry}")), b"", MODIFIED);
        }
        let held = crowd(&server, connections, window);
        let all = connections as u64;
        wait_until_true("all connections are open", || figure(&server, "open_connections") >= all);
        let (mut largest, end) = (0, Instant::now() + Duration::from_secs(effort(2, 10) as u64));
        while Instant::now() < end {
            let own = figure(&server, "answer_memory_bytes");
            assert!(own <= total, "{name}: responses hold {own} of {total} bytes");
            assert_eq!(figure(&server, "max_answer_memory_bytes"), total);
            assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n", "{name}");
            largest = largest.max(own);
            wait_between_actions(Duration::from_millis(100));
        }
        let resident = memory(&server, "VmHWM:").map(|most| most << 10);
        if is_torture() {
            let [own, resident] = [largest, resident.unwrap_or_default()].map(|bytes| bytes >> 20);
            eprintln!("{name}: {connections} connections, {own} of {mebibytes} MiB held, {resident} MiB resident");
        }
        assert!(resident < Some(total), "{name}: the server has taken {resident:?} bytes");
        assert!(largest > total / 4, "{name}: the clients held {largest} bytes only");
        drop(held);
        wait_until_true("the memory is released", || figure(&server, "answer_memory_bytes") <= total / 16);
    }
}
