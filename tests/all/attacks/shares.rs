//! Clients that take as much as they can of what all clients share: instances, memory and open files.

use super::bystander::{Good, Tally, attack};
use super::clients::{besiege, open_from_everywhere_is_impossible};
use super::effort;
use crate::http::hostile_clients::serve_with;
use crate::support::client::{HttpConnection, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::frames::{FrameClient, HEADERS, PREFACE, RST_STREAM, WINDOW_UPDATE, asking, frame, setting};
use crate::support::proc::{descriptors, descriptors_return, memory};
use crate::support::prometheus::read;
use crate::support::server::{TestServer, glasshouse};
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

const HELLO: Good = Good { target: "/hello.txt", content: b"hello\n" };
/// The streams of a connection.
const STREAMS: u32 = 100;
/// The number of the setting for the room that a stream begins with (RFC 9113 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
/// The longest time for the head of a response, on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// A client at 127.0.0.`last` that asks for the same on every stream of some connections, and gives each so much room.
fn hold(server: &TestServer, last: u8, connections: usize, room: u32, path: &str) -> Vec<FrameClient> {
    let mut words = [PREFACE, &setting(INITIAL_WINDOW_SIZE, room)].concat();
    if room > 65_535 {
        words.extend(frame(WINDOW_UPDATE, 0, 0, &(room - 65_535).to_be_bytes()));
    }
    words.extend((0..STREAMS).flat_map(|stream| asking(2 * stream + 1, path)));
    let begin = |_| {
        let mut raw = FrameClient::silent_from(Ipv4Addr::new(127, 0, 0, last), server.address());
        raw.send(&words).expect("the server reads");
        raw
    };
    (0..connections).map(begin).collect()
}

/// Waits until every stream has its head, or was refused.
fn wait_for_heads(held: &mut [FrameClient], tally: &mut Tally) {
    for raw in held {
        for _ in 0..STREAMS {
            let head = raw.wait("an answer", |frame| matches!(frame.kind, HEADERS | RST_STREAM));
            // What was said before on the connection is said again by its number in a table, which is not kept here.
            tally.count(match (head.kind, head.status()) {
                (_, Some(status)) => status.to_string(),
                (HEADERS, None) => "503 again".to_owned(),
                _ => "reset".to_owned(),
            });
        }
    }
}

/// Sends new requests, each on a new connection, and returns the time of the slowest response.
#[track_caller]
fn ask_new(server: &TestServer, count: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let target = format!("/{}?new={number}", ["hello.txt", ""][number % 2]);
        let start = Instant::now();
        let mut connection = HttpConnection::open(server.address());
        let answer = connection.send(&request("GET", &target, &[])).and_then(|()| connection.answer("GET"));
        let answer = answer.unwrap_or_else(|error| panic!("{target}: no answer: {error}"));
        assert_eq!(answer.head.status, 200, "{target} after {:?}", start.elapsed());
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < SOON, "another client waited for {slowest:?}");
    slowest
}

/// Archives of which nothing is read keep their instances busy. Others have theirs, and so has the same client for what
/// is short.
#[test]
fn unread_archives() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    let crowd = |server: &TestServer, tally: &mut Tally| {
        let mut held = hold(server, 2, 13, 1, "/?download=tar");
        wait_for_heads(&mut held, tally);
        held
    };
    // What an allocator keeps of a first crowd for the next one is not taken for a leak.
    let (_place, mut server) = serve_with(&[]);
    let before = descriptors(&server);
    drop(crowd(&server, &mut Tally::default()));
    descriptors_return(&server, before);
    attack("unread archives", &mut server, HELLO, |server, tally| {
        let held = crowd(server, tally);
        assert!(tally.of(200) > 0 && tally.of(503) > 0, "{tally:?}");
        ask_new(server, effort(20, 200));
        let mut own = HttpConnection::open_from(Ipv4Addr::new(127, 0, 0, 2), server.address());
        own.send(&request("GET", "/hello.txt?own", &[])).expect("the server reads");
        assert_eq!(own.answer("GET").expect("an answer").head.status, 200);
        held
    });
}

/// The same on connections of HTTP/1, each with one archive.
#[test]
fn unread_archives_one_for_each_connection() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    besiege("the same, HTTP/1", &["--max-instances", "64"], |server, tally| {
        let mut held: Vec<_> = (0..effort(150, 1100))
            .map(|_| {
                let mut connection = HttpConnection::open_from(Ipv4Addr::new(127, 0, 0, 2), server.address());
                connection.send(&request("GET", "/?download=tar", &[])).expect("the server reads");
                connection
            })
            .collect();
        for connection in &mut held {
            let head = connection.head().expect("an answer").expect("an answer");
            if head.status == 503 {
                assert_eq!(head.one("retry-after"), Some("1"), "{head:?}");
            }
            tally.count(head.status);
        }
        assert!(tally.of(200) > 0 && tally.of(503) > 0, "{tally:?}");
        ask_new(server, 20);
        held
    });
}

/// Streams with an empty window, and streams with the largest window on connections without a reader, hold a bounded
/// amount of memory together, which the metrics show.
#[test]
fn streams_that_take_nothing() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    const TOTAL: u64 = 64 << 20;
    for (name, room) in [("streams without room", 1), ("unread connections", (1 << 31) - 1)] {
        let (_place, mut server) = serve_with(&["--max-total-memory", "64M", "--admin", "0"]);
        let before = memory(&server, "VmRSS:");
        attack(name, &mut server, HELLO, |server, _| {
            let held = hold(server, 2, effort(20, 300), room, "/long");
            let end = Instant::now() + Duration::from_secs(3);
            while Instant::now() < end {
                // Half of it, and the share of another client at the same time.
                let (own, most) = (figure(server, "answer_memory_bytes"), figure(server, "max_answer_memory_bytes"));
                assert!(own <= most / 2 + (8 << 20) && most == TOTAL, "{own} of {most} bytes are held");
                ask_new(server, 10);
            }
            held
        });
        let grown = memory(&server, "VmHWM:").zip(before).map(|(most, before)| (most - before) << 10);
        assert!(grown < Some(2 * TOTAL), "{name} took {grown:?} bytes");
    }
}

/// One of the figures at the admin address.
pub fn figure(server: &TestServer, name: &str) -> u64 {
    let stdout = server.stdout();
    let line = stdout.lines().find_map(|line| line.strip_prefix("Admin on ")?.split_once("(http://"));
    let admin =
        line.and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).expect("the admin address is announced");
    let samples = read(&get(admin, "/metrics").text()).expect("figures can be read");
    *samples.get(&format!("glasshouse_{name}")).unwrap_or_else(|| panic!("no figure {name}")) as u64
}

/// Where few files may be open, those of one client do not keep others from being accepted and answered.
#[test]
fn files_of_one_client() {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    const LIMIT: usize = 1024;
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let long = std::fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(64 << 20).expect("a file can be long");
    let (program, mut command) = (glasshouse(), Command::new("sh"));
    program.get_envs().for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.args(["-c", &format!("ulimit -n {LIMIT}; exec \"$0\" \"$@\"")]).arg(program.get_program());
    command.args(["0", "--bind", "127.0.0.1", "--directory"]).arg(place.path());
    let mut server = TestServer::spawn(command);
    attack("files of one client", &mut server, HELLO, |server, tally| {
        let held = hold(server, 2, 12, 1, "/long");
        let end = Instant::now() + Duration::from_secs(effort(2, 30) as u64);
        while Instant::now() < end {
            ask_new(server, 10);
            let open = descriptors(server);
            assert!(open < Some(LIMIT - 64), "{open:?} descriptors are open");
            tally.count("new requests");
        }
        held
    });
}
