//! Clients that open, keep, starve and flood connections. Malformed requests are in `http::hostile_clients`.

use super::bystander::{Good, Tally, attack};
use super::effort;
use crate::http::hostile_clients::serve_with;
use crate::support::client::{BodyFraming, HttpConnection, TIMEOUT, request};
use crate::support::clock;
use crate::support::fixture;
use crate::support::proc::{descriptors, descriptors_return, memory, unread_responses};
use crate::support::server::TestServer;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustix::process::{Resource, getrlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const HELLO: Good = Good { target: "/hello.txt", content: b"hello\n" };
const GET: &[u8] = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";

fn open(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
    stream
}

/// The status of what came before the connection ended, or 0 for nothing.
#[track_caller]
fn last_word(mut stream: TcpStream) -> u16 {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("a connection that should end: {error}"),
        _ => {}
    }
    status(&text)
}

#[track_caller]
fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    if text.is_empty() {
        return 0;
    }
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {text}"))
}

/// Attacks a new server with `hello.txt` and the 64 MiB of `long`, and returns by how many KiB it grew.
#[track_caller]
pub fn besiege<Held>(name: &str, arguments: &[&str], act: impl FnOnce(&TestServer, &mut Tally) -> Held) -> u64 {
    let (_place, mut server) = serve_with(arguments);
    attack(name, &mut server, HELLO, act)
}

/// CVE-2007-6750: heads that never end, some of them a byte at a time, and connections that say nothing.
#[test]
fn slowloris() {
    const HEADER: Duration = Duration::from_secs(2);
    let grown = besiege("slowloris", &["--header-timeout", "2s", "--idle-timeout", "3s"], |server, tally| {
        let start = Instant::now();
        let mut clients: Vec<_> = (0..1000).map(|_| open(server)).collect();
        for (index, client) in clients.iter_mut().enumerate() {
            let begun: [&[u8]; 4] = [b"", b"GET /hel", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"G"];
            client.write_all(begun[index % 4]).expect("the server reads");
        }
        while start.elapsed() < HEADER {
            for client in clients.iter_mut().skip(2).step_by(4) {
                // The connection may be closed already.
                let _ = client.write_all(b"x");
            }
            clock::wait_between_actions(Duration::from_millis(250));
        }
        for (index, client) in clients.into_iter().enumerate() {
            let status = last_word(client);
            assert_eq!(status, if index % 4 == 0 { 0 } else { 408 }, "client {index}");
            tally.count(status);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
        let late = |log: &str| log.lines().filter(|line| line.ends_with("\"\" 408 0")).count();
        let failures = |log: &str| log.matches("code 408, message Request Timeout").count();
        server.wait_for_stderr("a line for each late head", |log| (late(log) == 750).then_some(()));
        assert_eq!(failures(&server.stderr()), 750);
    });
    assert!(grown < 24 << 10, "1000 connections took {grown} KiB");
}

/// Clients that ask for much and take nothing of it are cut; one that takes little by little is not.
#[test]
fn slow_readers() {
    const EACH: usize = 64 << 20;
    let grown = besiege("slow readers", &["--send-timeout", "2s"], |server, tally| {
        let before = descriptors(server);
        let mut steady = HttpConnection::open(server.address());
        steady.send(&request("GET", "/long", &[])).expect("the server reads");
        steady.head().expect("an answer").expect("an answer");
        let start = Instant::now();
        let stalled: Vec<_> = (0..60)
            .map(|_| {
                let mut client = open(server);
                client.write_all(&request("GET", "/long", &[]).repeat(3)).expect("the server reads");
                client
            })
            .collect();
        let mut taken = 0;
        while start.elapsed() < Duration::from_secs(4) {
            let some = BodyFraming::Length(32 << 10);
            taken += steady.body(some, |_| ()).expect("a client that reads is not cut");
            clock::wait_between_actions(Duration::from_millis(20));
        }
        let rest = BodyFraming::Length(EACH as u64 - taken);
        steady.body(rest, |_| ()).expect("a client that reads gets all of it");
        // The bystander may have connected since, and the steady client has a connection and a file.
        clock::wait_until_true("stalled clients are cut", || descriptors(server) <= before.map(|before| before + 16));
        let peak = memory(server, "VmHWM:");
        for mut client in stalled {
            let mut got = Vec::new();
            let _ = client.read_to_end(&mut got);
            assert!(got.len() < EACH, "a client that took nothing got {} bytes", got.len());
            tally.count(status(&got[..64]));
        }
        assert!(peak.is_none_or(|peak| peak < 160 << 10), "the server took {peak:?} KiB");
    });
    assert!(grown < 48 << 10, "60 readers took {grown} KiB");
}

/// Requests sent ahead by clients that read no answer: the server reads no further than it can answer. Then all are
/// answered.
#[test]
fn floods_of_requests() {
    const AHEAD: usize = 10_000;
    let grown = besiege("requests sent ahead", &[], |server, tally| {
        let unread: Vec<_> = (0..effort(4, 16)).map(|_| open(server)).collect();
        thread::scope(|scope| {
            for client in &unread {
                scope.spawn(move || {
                    let mut client = client;
                    let bytes = GET.repeat(AHEAD);
                    client.write_all(&bytes).expect("all requests are read in the end");
                    client.shutdown(Shutdown::Write).expect("a half can be closed");
                });
            }
            clock::wait_for_stable("unread responses", || unread_responses(server));
            let readers: Vec<_> = unread
                .iter()
                .map(|client| {
                    scope.spawn(move || {
                        let mut client = client;
                        let mut answers = Vec::new();
                        client.read_to_end(&mut answers).expect("all answers arrive");
                        String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK\r\n").count()
                    })
                })
                .collect();
            for reader in readers {
                let count = reader.join().expect("a reader reads");
                assert_eq!(count, AHEAD);
                tally.add(200, count);
            }
        });
    });
    assert!(grown < 48 << 10, "requests sent ahead took {grown} KiB");
}

/// Ten thousand connections, half of them new and half kept after an answer.
#[test]
fn idle_connections() {
    const CLIENTS: usize = 10_000;
    let most = getrlimit(Resource::Nofile).maximum;
    if most.is_some_and(|most| most < 16_000) {
        return fixture::skipped("10,000 connections: the limit of open files is lower");
    }
    raise_descriptor_limit();
    let limits = ["--max-connections", "10100", "--max-connections-per-address", "10100"];
    let (_place, mut server) = serve_with(&limits);
    let crowd = |server: &TestServer, tally: &mut Tally| {
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| open(server)).collect();
        for client in clients.iter_mut().step_by(2) {
            client.write_all(GET).expect("the server reads");
        }
        for client in clients.iter_mut().step_by(2) {
            let mut answer = [0; 1024];
            let got = client.read(&mut answer).expect("the server answers");
            tally.count(status(&answer[..got]));
        }
        assert_eq!(tally.of(200), CLIENTS / 2);
        clock::wait_until_true("all are accepted", || descriptors(server).is_none_or(|open| open > CLIENTS));
        // One more client is served while all of them are connected, and so is the bystander.
        let mut one = HttpConnection::open(server.address());
        for _ in 0..1000 {
            one.send(GET).expect("the server reads");
            assert_eq!(one.answer("GET").expect("an answer").head.status, 200);
        }
        clients
    };
    // The first crowds come before it is measured: what an allocator keeps for the next time is then not taken for a
    // leak, and a leak is still one.
    let (start, before) = (memory(&server, "VmRSS:"), descriptors(&server));
    for _ in 0..3 {
        drop(crowd(&server, &mut Tally::default()));
        descriptors_return(&server, before);
    }
    attack("idle connections", &mut server, HELLO, crowd);
    let grown = memory(&server, "VmHWM:").zip(start).map_or(0, |(most, start)| most.saturating_sub(start));
    assert!(grown < 240 << 10, "10,000 connections took {grown} KiB");
}

/// Lets this process open as many files as its hard limit allows.
pub fn raise_descriptor_limit() {
    use rustix::process::{Rlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .expect("a soft limit can be raised to the hard one");
}

/// Connections that end as soon as they begin: without a word, amid a head, before their answer; closed or reset.
#[test]
fn connect_and_vanish() {
    besiege("connect and vanish", &[], |server, tally| {
        let words: [&[u8]; 4] = [b"", b"GET /hello.txt HT", GET, b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n"];
        for index in 0..effort(5_000, 100_000) {
            let mut client = open(server);
            // The connection may be reset by now.
            let _ = client.write_all(words[index % 4]);
            // Closed in order, a connection keeps its port for a minute, and there are not so many ports.
            if index % 16 != 0 {
                sockopt::set_socket_linger(&client, Some(Duration::ZERO)).expect("a socket can be reset");
            }
            tally.count("gone");
        }
    });
}

/// A connection from another address of this machine.
fn open_from(server: &TestServer, last: u8) -> std::io::Result<TcpStream> {
    let SocketAddr::V4(to) = server.address() else { panic!("the server listens on IPv4") };
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&stream, &from)?;
    connect(&stream, &SocketAddr::V4(to))?;
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Connects until there is a place, which there must be soon.
#[track_caller]
fn admitted(server: &TestServer, last: u8) -> TcpStream {
    clock::wait_for("a place that was given back", || {
        let mut client = open_from(server, last).expect("an address of this machine");
        // Who is turned away may be so before it asks.
        let _ = client.write_all(GET);
        let mut answer = [0; 1024];
        let got = client.read(&mut answer).ok()?;
        (status(&answer[..got]) == 200).then_some(client)
    })
}

/// Connections up to the limits are served, from one address and then from others. Further ones get 503.
#[test]
fn more_connections_than_there_are_places() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    let limits = ["--max-connections", "36", "--max-connections-per-address", "20"];
    besiege("more connections than places", &limits, |server, tally| {
        let mut unauthorized = |last: u8| {
            for _ in 0..20 {
                let client = open_from(server, last).expect("an address of this machine");
                let mut answer = Vec::new();
                (&client).read_to_end(&mut answer).expect("a response without a request");
                let text = String::from_utf8_lossy(&answer);
                assert!(
                    text.contains("\r\nretry-after: 1\r\n") && text.contains("\r\nconnection: close\r\n"),
                    "{text}"
                );
                tally.count(status(&answer));
            }
        };
        // The bystander has another address and eight connections.
        let mut first: Vec<_> = (0..20).map(|_| admitted(server, 2)).collect();
        unauthorized(2);
        let second: Vec<_> = (0..8).map(|_| admitted(server, 3)).collect();
        drop(first.split_off(10));
        first.extend((0..10).map(|_| admitted(server, 2)));
        unauthorized(2);
        let refused = |log: &str| log.lines().filter(|line| line.ends_with("\"\" 503 0")).count();
        server.wait_for_stderr("a line for each refusal", |log| (refused(log) >= 40).then_some(()));
        assert_eq!(tally.of(503), 40);
        (first, second)
    });
    // With as many as there may be in all, an address that has none is turned away too.
    let (_place, server) = serve_with(&limits);
    let first: Vec<_> = (0..20).map(|_| admitted(&server, 2)).collect();
    let second: Vec<_> = (0..16).map(|_| admitted(&server, 3)).collect();
    assert_eq!(last_word(open_from(&server, 4).expect("an address of this machine")), 503);
    drop(first);
    drop(admitted(&server, 4));
    drop(second);
}

/// All of 127.0.0.0/8 is this machine on Linux, and only there.
pub fn open_from_everywhere_is_impossible() -> bool {
    let any = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
    bind(&any, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0))).is_err()
}

/// Unwanted content is read up to the limit and no further.
#[test]
fn unwanted_uploads() {
    const LENGTH: usize = 64 << 20;
    besiege("unwanted uploads", &[], |server, tally| {
        let begin = |fields: &str| {
            let mut connection = HttpConnection::open(server.address());
            let head = format!("POST /hello.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            connection.send(head.as_bytes()).expect("the server reads");
            connection
        };
        let declared = format!("Content-Length: {LENGTH}\r\n");
        // Announced, it is not waited for, nor asked for.
        for fields in [declared.clone(), format!("{declared}Expect: 100-continue\r\n")] {
            let mut connection = begin(&fields);
            let head = connection.head().expect("an answer").expect("an answer");
            assert!(head.status == 405 && head.closes(), "{head:?}");
            tally.count(head.status);
        }
        // In chunks, the first byte too many is the last.
        let mut connection = begin("Transfer-Encoding: chunked\r\n");
        let chunk = |length: usize| format!("{length:x}\r\n{}\r\n", "x".repeat(length));
        connection.send(chunk(1 << 20).as_bytes()).expect("the server reads");
        connection.wait_at_most(Duration::from_millis(300));
        assert!(connection.head().is_err(), "an answer before all of the content that is read");
        connection.wait_at_most(TIMEOUT);
        connection.send(chunk(1).as_bytes()).expect("the server reads");
        let head = connection.head().expect("an answer").expect("an answer");
        assert!(head.status == 405 && head.closes(), "{head:?}");
        tally.count(head.status);
        // Who sends all of it regardless does not get rid of it.
        for fields in [declared.as_str(), "Transfer-Encoding: chunked\r\n"] {
            for _ in 0..effort(4, 64) {
                let mut connection = begin(fields);
                let piece = chunk(64 << 10);
                let sent = (0..LENGTH / piece.len()).take_while(|_| connection.send(piece.as_bytes()).is_ok()).count();
                assert!(sent * piece.len() < LENGTH / 2, "{fields}: {sent} pieces were taken");
                tally.count(connection.head().ok().flatten().map_or(0, |head| head.status));
            }
        }
    });
}
