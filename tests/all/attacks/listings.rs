//! A listing of a very large directory: when it begins and ends, and what the server takes for it.

use crate::support::client::{BodyFraming, HttpConnection, get, request};
use crate::support::fixture;
use crate::support::proc::memory;
use crate::support::server::{Stack, TestServer};
use std::time::{Duration, Instant};

/// The most entries that a listing and an archive have by default.
const MANY: usize = 100_000;
/// The time until the first byte of the page, and until the last.
const LIMITS: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(3));
/// KiB of resident memory.
const MEMORY: u64 = 200 << 10;
/// The best of some requests counts, because other programs may delay one.
const REQUESTS: usize = 5;

#[test]
fn a_large_directory_is_listed_soon_and_in_little_memory() {
    let place = fixture::place();
    fixture::put_many(&place.path().join("many"), MANY);
    for stack in [Stack::Host, Stack::HostP2] {
        let server = TestServer::start(stack, place.path());
        let times: Vec<_> = (0..REQUESTS).map(|_| times(&server, "/many/")).collect();
        let first = times.iter().map(|(first, _)| *first).min().expect("there were requests");
        let last = times.iter().map(|(_, last)| *last).min().expect("there were requests");
        assert!(
            first < LIMITS.0 && last < LIMITS.1,
            "{stack:?}: the first byte after {first:?}, the last after {last:?}"
        );
        if let Some(peak) = memory(&server, "VmHWM:") {
            assert!(peak < MEMORY, "{stack:?}: the server took {peak} KiB");
        }
        // Within the processor time that a request has by default.
        for form in ["tar", "tar.gz", "zip"] {
            let archive = get(server.address(), &format!("/many/?download={form}"));
            assert_eq!((archive.head.status, archive.body.len() > 500_000), (200, true), "{stack:?} {form}");
        }
    }
}

/// The time until the first byte of the body, and until the last.
fn times(server: &TestServer, target: &str) -> (Duration, Duration) {
    let mut connection = HttpConnection::open(server.address());
    let start = Instant::now();
    connection.send(&request("GET", target, &[])).expect("the server reads");
    let head = connection.head().expect("a response").expect("a response");
    assert_eq!((head.status, head.one("content-length")), (200, None), "{target}");
    let mut first = None;
    let framing = BodyFraming::of("GET", &head).expect("the body has an end");
    let read = connection.body(framing, |_| {
        first.get_or_insert_with(|| start.elapsed());
    });
    read.expect("the whole body arrives");
    (first.expect("it has a body"), start.elapsed())
}
