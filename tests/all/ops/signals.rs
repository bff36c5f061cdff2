//! Shutdown and reload by signals. A request from before the signal gets its full response, and a signal costs no
//! client a response.

use crate::support::client::{BodyFraming, HttpConnection, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Setup, Stack, TestServer};
use rustix::process::Signal;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;

/// More than the buffers between a server and a client that does not read.
const LONG: u64 = 64 << 20;

fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let long = fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(LONG).expect("a file can be long");
    place
}

fn serve(stack: Stack, directory: &Path, arguments: &[&str]) -> TestServer {
    TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false })
}

/// A client that reads the head of its response, and no further.
fn stalled(address: SocketAddr) -> HttpConnection {
    let mut connection = HttpConnection::open(address);
    connection.send(&request("GET", "/long", &[])).expect("the server reads");
    connection.head().expect("an answer begins").expect("it has a head");
    connection
}

#[track_caller]
fn wait_until_connections_are_refused(address: SocketAddr) {
    clock::wait_until_true("connections are refused", || TcpStream::connect(address).is_err());
}

#[test]
fn an_answer_under_way_is_finished() {
    let place = tree();
    for signal in [Signal::TERM, Signal::INT] {
        let server = serve(Stack::Host, place.path(), &["--grace", "1h"]);
        let mut slow = stalled(server.address());
        server.signal(signal);
        wait_until_connections_are_refused(server.address());
        let read = slow.body(BodyFraming::Length(LONG), |_| {}).expect("all of it comes");
        assert_eq!(read, LONG);
        assert_eq!(server.end().status.code(), Some(0));
    }
}

/// A connection without a request does not delay the end: browsers connect in advance, and proxies keep connections.
#[test]
fn connections_without_a_request_are_not_waited_for() {
    let place = tree();
    let server = serve(Stack::Host, place.path(), &["--grace", "1h"]);
    let silent = HttpConnection::open(server.address());
    let mut half = HttpConnection::open(server.address());
    half.send(b"GET /hello.txt HTTP/1.1\r\nHo").expect("the server reads");
    let mut kept = HttpConnection::open(server.address());
    kept.send(&request("GET", "/hello.txt", &[])).expect("the server reads");
    assert_eq!(kept.answer("GET").expect("an answer").text(), "hello\n");
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    drop((silent, half, kept));
}

#[test]
fn handshakes_are_not_waited_for() {
    let place = tree();
    let server = serve(Stack::HostTls, place.path(), &["--grace", "1h", "--header-timeout", "1h"]);
    let silent = HttpConnection::open(server.address());
    let mut half = HttpConnection::open(server.address());
    // The first bytes of a TLS record.
    half.send(&[22, 3, 1]).expect("the server reads");
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    drop((silent, half));
}

#[test]
fn grace_has_an_end() {
    let place = tree();
    let server = serve(Stack::Host, place.path(), &["--grace", "100ms"]);
    let mut slow = stalled(server.address());
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    assert!(slow.body(BodyFraming::Length(LONG), |_| {}).is_err(), "it was cut");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = tree();
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::INT), (Signal::TERM, Signal::INT)] {
        let mut server = serve(Stack::Host, place.path(), &["--grace", "1h"]);
        let slow = stalled(server.address());
        server.signal(first);
        wait_until_connections_are_refused(server.address());
        assert!(server.is_alive(), "it waits for its client");
        assert_eq!(server.stop(second).status.code(), Some(0));
        drop(slow);
    }
}

/// A place with two directories, and a link to the first that is called `site`.
fn releases() -> TempDir {
    let place = fixture::place();
    for release in ["1", "2"] {
        put(&place.path().join("releases").join(release).join("v.txt"), release.as_bytes(), MODIFIED);
    }
    point(place.path(), "1");
    place
}

/// Turns the link to a release, at one blow.
fn point(place: &Path, release: &str) {
    let next = place.join("next");
    symlink(place.join("releases").join(release), &next).expect("a link can be made");
    fs::rename(next, place.join("site")).expect("a link can be replaced");
}

/// Sends SIGHUP, and waits until it was done `times` times in all.
#[track_caller]
pub fn reload(server: &TestServer, times: usize) {
    server.signal(Signal::HUP);
    server.wait_for_stderr("that it reloaded", |text| {
        (text.lines().filter(|line| line.starts_with("glasshouse: reloaded")).count() >= times).then_some(())
    });
}

#[test]
fn a_reload_under_load_fails_no_request() {
    let place = releases();
    let above = place.path().join("releases");
    let also = above.to_str().expect("the path is UTF-8");
    let server = serve(Stack::Host, &place.path().join("site"), &["--harden-also", also, "--require-harden"]);
    let (address, is_over) = (server.address(), AtomicBool::new(false));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                scope.spawn({
                    let is_over = &is_over;
                    move || {
                        // One connection for all of it: a reload ends none.
                        let mut connection = HttpConnection::open(address);
                        let target = if client % 2 == 0 { "/v.txt" } else { "/?format=text" };
                        let mut answers = 0;
                        while !is_over.load(Ordering::Relaxed) {
                            connection.send(&request("GET", target, &[])).expect("the connection is kept");
                            let answer = connection.answer("GET").expect("an answer");
                            assert_eq!(answer.head.status, 200);
                            assert!(["1", "2", "v.txt\n"].contains(&answer.text().as_str()), "{:?}", answer.text());
                            answers += 1;
                        }
                        answers
                    }
                })
            })
            .collect();
        for times in 1..=20 {
            let release = if times % 2 == 0 { "1" } else { "2" };
            point(place.path(), release);
            reload(&server, times);
            assert_eq!(get(address, "/v.txt").text(), release, "after reload {times}");
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no request fails") > 20, "all of them asked all the time");
        }
    });
    assert!(!server.stderr().contains("tree not replaced"), "{}", server.stderr());
}

#[test]
fn what_may_not_be_read_any_more_is_not_served_and_what_was_open_still_is() {
    let place = releases();
    let site = place.path().join("site");
    let server = serve(Stack::Host, &site, &["--require-harden"]);
    point(place.path(), "2");
    reload(&server, 1);
    assert_eq!(get(server.address(), "/v.txt").text(), "1");
    let line = server.stderr().lines().find(|line| line.contains("tree not replaced")).map(str::to_owned);
    assert!(line.as_ref().is_some_and(|line| line.contains("--harden-also")), "{}", server.stderr());

    let free = serve(Stack::Host, &site, &["--no-harden"]);
    point(place.path(), "1");
    assert_eq!(get(free.address(), "/v.txt").text(), "2", "not before the signal");
    reload(&free, 1);
    assert_eq!(get(free.address(), "/v.txt").text(), "1");
    fs::remove_file(&site).expect("a link can be removed");
    reload(&free, 2);
    assert_eq!(get(free.address(), "/v.txt").text(), "1");
    assert!(free.stderr().contains("no such directory or file; restore it"), "{}", free.stderr());
}
