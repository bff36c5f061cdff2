//! The memory of the server does not grow with the length of a file, the number of ranges, or clients that do not read.

use crate::support::client::{BodyFraming, HttpConnection, request};
use crate::support::fixture;
use crate::support::proc::memory;
use crate::support::server::{Setup, Stack, TestServer};
use std::fs::File;

const LENGTH: u64 = 10 << 30;
const RANGES: u64 = 1000;
const SLOW: usize = 200;
/// What the server may take for all of them, in KiB: a block of 256 KiB for each client that does not read, the buffers
/// of 1,000 connections, and as much again.
const BOUND: u64 = 160 << 10;

#[test]
fn slow_clients_and_parallel_ranges_leave_memory_flat() {
    let place = fixture::place();
    let file = File::create(place.path().join("huge")).expect("a file can be made");
    file.set_len(LENGTH).expect("the file system has sparse files");
    let server = TestServer::start(Stack::Host, place.path());
    let before = memory(&server, "VmRSS:");

    let slow: Vec<HttpConnection> = (0..SLOW).map(|_| asked(&server, &[])).collect();
    let ranges = (0..RANGES).map(|index| {
        let start = index * (LENGTH / RANGES);
        asked(&server, &[("Range", &format!("bytes={start}-{}", start + 65_535))])
    });
    let ranges: Vec<HttpConnection> = ranges.collect();
    for mut connection in ranges {
        let head = connection.head().expect("a head").expect("an answer");
        assert_eq!((head.status, head.one("content-length")), (206, Some("65536")));
        let read = connection.body(BodyFraming::Length(65_536), |bytes| assert!(bytes.iter().all(|byte| *byte == 0)));
        assert_eq!(read.expect("a whole part"), 65_536);
    }
    let peak = memory(&server, "VmHWM:");
    if let (Some(before), Some(peak)) = (before, peak) {
        assert!(peak < before + BOUND, "the server took {peak} KiB, and {before} KiB before");
    }
    // They are served all this time, and not cut.
    for mut connection in slow {
        let head = connection.head().expect("a head").expect("an answer");
        assert_eq!((head.status, head.one("content-length")), (200, Some("10737418240")));
    }
}

fn asked(server: &TestServer, fields: &[(&str, &str)]) -> HttpConnection {
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", "/huge", fields)).expect("the server listens");
    connection
}

/// Answers without content need no instance any longer. If each kept its own for a moment, these would be hundreds.
#[test]
fn answers_without_content_leave_nothing_behind() {
    const ANSWERS: usize = 2000;
    let place = fixture::place();
    fixture::put(&place.path().join("hello.txt"), b"hello\n", fixture::MODIFIED);
    let arguments = &["--no-replay"];
    let directory = place.path();
    let setup = Setup { stack: Stack::Host, directory, options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    let mut connection = HttpConnection::open(server.address());
    for fields in [&[][..], &[("If-None-Match", "*")]] {
        for _ in 0..ANSWERS {
            connection.send(&request("HEAD", "/hello.txt", fields)).expect("the server listens");
            let status = connection.answer("HEAD").expect("an answer").head.status;
            assert_eq!(status, if fields.is_empty() { 200 } else { 304 });
        }
    }
    if let Some(peak) = memory(&server, "VmHWM:") {
        assert!(peak < 96 << 10, "the server took {peak} KiB");
    }
}
