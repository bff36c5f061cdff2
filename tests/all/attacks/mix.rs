//! Four clients attack at once, and a fifth measures its responses.
//!
//! The p99 of the fifth may be three times that on the idle server, plus what the machine costs. The attackers and the
//! server want more processors than there are, so a thread that wakes waits for one, and a thread that computes is
//! interrupted. Both delays are measured during the attack: a thread waits for a millisecond and measures how late it
//! wakes, and now and then computes for as long as a turn in the server and measures how long that takes. A request
//! needs two wakings, of the server and of the client, and waits for two turns of other clients: the one that runs when
//! the request arrives, and the one that was queued before it.

use super::bystander::AttackGuard;
use super::clients::open_from_everywhere_is_impossible;
use super::{effort, is_torture};
use crate::support::certs;
use crate::support::client::{HttpConnection, connect_from, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::frames::{FrameClient, PREFACE, WINDOW_UPDATE, asking, frame, setting};
use crate::support::server::{Setup, Stack, TestServer};
use rustix::time::{ClockId, clock_gettime};
use rustls::{ClientConnection, StreamOwned};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// Bystander's requests before the attack, and the fewest during it.
const SAMPLES: usize = 300;
/// How long work computes in the server before the turn of the next client.
const TURN: Duration = Duration::from_millis(5);
/// How long an attacker keeps a connection.
const ROUND: Duration = Duration::from_secs(2);
/// Everything that a client is given room for.
const ROOM: u32 = (1 << 31) - 1;

fn client(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// Asks for targets on a hundred streams of a connection, again as soon as all of them are answered, and reads all that
/// comes, or nothing.
fn ask_on_all_streams(address: SocketAddr, last: u8, room: u32, targets: &[&str], is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        let mut words = [PREFACE, &setting(4, room)].concat();
        if room == ROOM {
            words.extend(frame(WINDOW_UPDATE, 0, 0, &(room - 65_535).to_be_bytes()));
        }
        words.extend((0..100).flat_map(|stream| asking(2 * stream + 1, targets[stream as usize % targets.len()])));
        let mut raw = FrameClient::silent_from(client(last), address);
        let (until, lasts) = (Instant::now() + ROUND, || !is_over.load(Relaxed));
        if raw.send(&words).is_err() {
            continue;
        }
        if room == ROOM {
            while lasts() && Instant::now() < until && matches!(raw.next(), Ok(Some(_))) {}
        } else {
            clock::poll(ROUND, || (!lasts()).then_some(()));
        }
    }
}

/// Asks for what is not there, one after the other.
fn ask_for_nothing(address: SocketAddr, last: u8, is_over: &AtomicBool) {
    while !is_over.load(Relaxed) {
        let mut connection = HttpConnection::open_from(client(last), address);
        for number in 0..100 {
            let target = format!("/many/nearly-entry-{number}.tx");
            let _ = connection.send(&request("GET", &target, &[])).and_then(|()| connection.answer("GET"));
        }
    }
}

/// Shakes hands over TLS, and leaves.
fn shake_hands(address: SocketAddr, last: u8, is_over: &AtomicBool) {
    let config = certs::client(&[]);
    while !is_over.load(Relaxed) {
        let socket = connect_from(client(last), address);
        let connection = ClientConnection::new(Arc::clone(&config), address.ip().into()).expect("an address is a name");
        let _ = StreamOwned::new(connection, socket).flush();
    }
}

/// How long each of the bystander's requests takes: every other one for what was given before, the others for what was
/// not.
#[track_caller]
fn bystand(server: &TestServer, is_secure: bool, goes_on: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut connections: Vec<_> = (0..8)
        .map(|_| match is_secure {
            true => HttpConnection::secure(server.address(), certs::client(&[])),
            false => HttpConnection::open(server.address()),
        })
        .collect();
    let mut times = Vec::new();
    while goes_on(times.len()) {
        let number = times.len();
        let target = if number.is_multiple_of(2) { "/hello.txt".to_owned() } else { format!("/hello.txt?{number}") };
        let connection = &mut connections[number / 2 % 8];
        let start = Instant::now();
        let answer = connection.send(&request("GET", &target, &[])).and_then(|()| connection.answer("GET"));
        times.push(start.elapsed());
        let answer = answer.unwrap_or_else(|error| panic!("request {number}: the bystander got no answer: {error}"));
        assert_eq!((answer.head.status, answer.body.as_slice()), (200, b"hello\n".as_slice()), "request {number}");
        clock::wait_between_actions(Duration::from_millis(1));
    }
    times
}

/// How late a thread wakes, and how long it takes to compute for a turn, each time.
fn measure(is_over: &AtomicBool) -> (Vec<Duration>, Vec<Duration>) {
    let (mut lateness, mut turns) = (Vec::new(), Vec::new());
    while !is_over.load(Relaxed) {
        let due = Instant::now() + Duration::from_millis(1);
        clock::wait_until(due);
        lateness.push(due.elapsed());
        if lateness.len().is_multiple_of(16) {
            let (start, end) = (Instant::now(), time_of_thread() + TURN);
            while time_of_thread() < end {}
            turns.push(start.elapsed());
        }
    }
    (lateness, turns)
}

fn time_of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn at(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort();
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

#[track_caller]
fn four_against_one(is_secure: bool) {
    if open_from_everywhere_is_impossible() {
        return fixture::skipped("several addresses of one machine");
    }
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    for number in 0..effort(500, 4000) {
        put(&place.path().join(format!("many/entry-{number}.txt")), b"some text", MODIFIED);
        put(&place.path().join(format!("deep/{}/{}/{number}.txt", number % 10, number % 100)), b"x", MODIFIED);
    }
    let big: Vec<u8> = (0..4 << 20).map(|byte: u32| (byte.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    put(&place.path().join("big.bin"), &big, MODIFIED);
    let stack = if is_secure { Stack::HostTls } else { Stack::Host };
    let arguments = &["--compress"];
    let (directory, options) = (place.path(), &[][..]);
    let server = TestServer::launch(Setup { stack, directory, options, arguments, unprivileged: false });
    let idle = at(bystand(&server, is_secure, |done| done < SAMPLES), 99);
    let (is_over, address) = (&AtomicBool::new(false), server.address());
    let (during, (lateness, turns)) = thread::scope(|scope| {
        if is_secure {
            for last in 2..=5 {
                scope.spawn(move || shake_hands(address, last, is_over));
            }
        } else {
            let archives: &[&str] = &["/?download=tar.gz", "/many/?download=zip", "/?download=tar"];
            let pages: &[&str] = &["/many/", "/many/?format=json", "/deep/?search=7", "/?search=entry-1"];
            let stalled: &[&str] = &["/?download=tar", "/big.bin", "/many/"];
            for _ in 0..effort(1, 4) {
                scope.spawn(move || ask_on_all_streams(address, 2, ROOM, archives, is_over));
                scope.spawn(move || ask_on_all_streams(address, 3, ROOM, pages, is_over));
                scope.spawn(move || ask_on_all_streams(address, 4, 1, stalled, is_over));
            }
            scope.spawn(move || ask_for_nothing(address, 5, is_over));
            scope.spawn(move || ask_for_nothing(address, 5, is_over));
        }
        let late = scope.spawn(move || measure(is_over));
        let end = Instant::now() + Duration::from_secs(effort(4, 60) as u64);
        let over = AttackGuard(is_over);
        let during = bystand(&server, is_secure, |done| done < SAMPLES || Instant::now() < end);
        drop(over);
        (during, late.join().expect("a thread sleeps"))
    });
    let (requests, machine) = (during.len(), (at(lateness, 99) + at(turns, 99)) * 2);
    let (median, during) = (at(during.clone(), 50), at(during, 99));
    let most = idle * 3 + machine;
    let figures = format!(
        "four against one{}: {requests} requests, p99 idle {idle:.1?}, under attack {during:.1?} (median {median:.1?}), of which \
         {machine:.1?} are the machine's",
        if is_secure { ", TLS" } else { "" },
    );
    if is_torture() {
        eprintln!("{figures}");
    }
    assert!(during <= most, "more than {most:?}: {figures}");
}

/// Archives, searches, compressed listings, streams that take nothing, and what is not there.
#[test]
fn four_clients_against_one() {
    four_against_one(false);
}

/// Handshakes from four addresses.
#[test]
fn four_clients_that_shake_hands_against_one() {
    four_against_one(true);
}
