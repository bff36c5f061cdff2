//! The admin address: health and metrics, in a form that a strict parser accepts, and on no other address.

use crate::attacks::{effort, is_torture};
use crate::support::client::{HttpConnection, TIMEOUT, ask, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::proc::descriptors;
use crate::support::prometheus::{MetricSamples, read};
use crate::support::server::{Setup, Stack, TestServer};
use rustix::process::Signal;
use std::io::Write as _;
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server with an admin address, and that address.
#[track_caller]
pub fn serve(arguments: &[&str]) -> (TempDir, TestServer, SocketAddr) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let arguments = &[&["--admin", "0"], arguments].concat();
    let server = TestServer::launch(Setup {
        stack: Stack::Host,
        directory: place.path(),
        options: &[],
        arguments,
        unprivileged: false,
    });
    let admin = admin_address(&server);
    (place, server, admin)
}

/// The admin address that a server has announced.
#[track_caller]
pub fn admin_address(server: &TestServer) -> SocketAddr {
    let stdout = server.stdout();
    let line = stdout.lines().find_map(|line| line.strip_prefix("Admin on ")?.split_once("(http://"));
    line.and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).expect("the admin address is announced")
}

/// The figures, once they are as `look` wants them: what is counted when an answer is over may come after its last
/// byte.
#[track_caller]
pub fn figures(admin: SocketAddr, look: impl Fn(&dyn Fn(&str) -> f64) -> bool) -> MetricSamples {
    let mut last = MetricSamples::default();
    let found = clock::poll(TIMEOUT, || {
        let answer = get(admin, "/metrics");
        assert_eq!(answer.head.one("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        last = read(&answer.text()).unwrap_or_else(|wrong| panic!("{wrong}: {}", answer.text()));
        look(&|name| last.get(&format!("glasshouse_{name}")).copied().unwrap_or_default()).then(|| mem::take(&mut last))
    });
    found.unwrap_or_else(|| panic!("the metrics never were as expected: {last:#?}"))
}

/// Waits until no instance works. The server stores a response when its instance has ended, which may be after the last
/// byte.
#[track_caller]
pub fn wait_until_stored(admin: SocketAddr) {
    figures(admin, |of| of("busy_instances") == 0.0 && of("generating_instances") == 0.0);
}

#[test]
fn what_happens_is_counted() {
    let (place, server, admin) = serve(&["--threads", "2"]);
    std::fs::File::create(place.path().join("long"))
        .expect("a file can be made")
        .set_len(64 << 20)
        .expect("it can be long");
    for _ in 0..4 {
        assert_eq!(get(server.address(), "/hello.txt").body, b"hello\n");
        wait_until_stored(admin);
    }
    let missing = get(server.address(), "/none").body.len();
    let mut broken = HttpConnection::open(server.address());
    broken.send(b"GET\r\n\r\n").expect("the server reads");
    broken.rest().expect("an answer");
    figures(admin, |of| {
        of("requests_total{status=\"200\"}") == 4.0
            && of("requests_total{status=\"404\"}") == 1.0
            && of("requests_total{status=\"400\"}") == 1.0
            && of("sent_bytes_total") == (24 + missing) as f64
            && of("request_duration_seconds_count") == 5.0
            && of("request_duration_seconds_sum") > 0.0
            && of("requests_in_flight") == 0.0
            && of("open_connections") == 0.0
            && of("connections_total") == 6.0
            // All but the first time, on two threads.
            && of("replay_hits_total") == 3.0
            && of("replay_misses_total") == 2.0
            && of("replay_evictions_total") == 0.0
            && of("replay_bytes") > 0.0
            && of("max_replay_bytes") == f64::from(64 << 20)
            && of("instances_total") >= 1.0
            && of("traps_total") == 0.0
            && of("ceilings_reached_total{ceiling=\"max-cpu\"}") == 0.0
    });
    let mut slow = HttpConnection::open(server.address());
    slow.send(&request("GET", "/long", &[])).expect("the server reads");
    slow.head().expect("an answer").expect("an answer");
    figures(admin, |of| of("requests_in_flight") == 1.0 && of("open_connections") == 1.0);
}

/// A handler that means harm reaches the ceilings that it wants to, traps when it wants to, and each is counted for
/// what it was.
#[test]
fn limits_and_traps_are_counted_separately() {
    let (place, server, admin) =
        serve(&["--handler", env!("HOSTILE_P3"), "--max-cpu", "200ms", "--max-memory", "32M", "--threads", "1"]);
    put(&place.path().join("good.txt"), b"good\n", MODIFIED);
    let asked = [("/loop", 503), ("/allocate", 503), ("/allocate", 503), ("/trap", 500), ("/good", 200)];
    for (target, status) in asked {
        assert_eq!(get(server.address(), target).head.status, status, "{target}");
    }
    let samples = figures(admin, |of| of("request_duration_seconds_count") == asked.len() as f64);
    let of = |name: &str| samples.get(&format!("glasshouse_{name}")).copied();
    for (name, expected) in [
        ("traps_total", 1.0),
        ("requests_total{status=\"503\"}", 3.0),
        ("requests_total{status=\"500\"}", 1.0),
        ("requests_total{status=\"200\"}", 1.0),
        // Each that failed is gone, and the last one waits for more.
        ("instances_total", 5.0),
        ("live_instances", 1.0),
    ] {
        assert_eq!(of(name), Some(expected), "{name}: {samples:#?}");
    }
    let ceilings: Vec<(&str, f64)> = samples
        .iter()
        .filter_map(|(series, count)| {
            let name = series.strip_prefix("glasshouse_ceilings_reached_total{ceiling=\"")?;
            Some((name.strip_suffix("\"}")?, *count))
        })
        .filter(|(_, count)| *count > 0.0)
        .collect();
    assert_eq!(ceilings, [("max-cpu", 1.0), ("max-memory", 2.0)]);
}

/// A counter never goes back, whatever is read again.
#[test]
fn what_was_counted_stays_counted() {
    let (_place, server, admin) = serve(&["--threads", "1"]);
    for _ in 0..2 {
        get(server.address(), "/hello.txt");
        wait_until_stored(admin);
    }
    figures(admin, |of| of("replay_hits_total") == 1.0 && of("instances_total") == 1.0);
    server.signal(Signal::HUP);
    server.wait_for_stderr("the answer to a signal", |text| text.contains("reloaded").then_some(()));
    for _ in 0..2 {
        get(server.address(), "/hello.txt");
        wait_until_stored(admin);
    }
    figures(admin, |of| {
        of("replay_hits_total") == 2.0 && of("instances_total") == 2.0 && of("requests_total{status=\"200\"}") == 4.0
    });
}

#[test]
fn the_figures_are_nowhere_else() {
    let (_place, server, admin) = serve(&[]);
    assert_ne!(admin, server.address());
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(server.address(), target).head.status, 404, "{target}");
        assert_eq!(get(admin, target).head.status, 200, "{target}");
    }
    assert_eq!(get(admin, "/hello.txt").head.status, 404);
    let refused = ask(admin, "POST", "/metrics", &[]).expect("an answer");
    assert_eq!((refused.head.status, refused.head.one("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_server_that_drains_is_alive_and_not_ready() {
    let (place, server, admin) = serve(&[]);
    std::fs::File::create(place.path().join("long"))
        .expect("a file can be made")
        .set_len(64 << 20)
        .expect("it can be long");
    let mut slow = HttpConnection::open(server.address());
    slow.send(&request("GET", "/long", &[])).expect("the server reads");
    slow.head().expect("an answer").expect("an answer");
    assert_eq!(get(admin, "/readyz").head.status, 200);
    server.signal(Signal::TERM);
    let deadline = Instant::now() + TIMEOUT;
    while get(admin, "/readyz").head.status != 503 {
        assert!(Instant::now() < deadline, "it never drained");
    }
    assert_eq!(get(admin, "/healthz").head.status, 200);
}

/// A probe gets its response, however many other clients connect and read nothing, send nothing, or send half a
/// request.
#[test]
fn clients_that_do_not_read_keep_no_probe_out() {
    let (_place, server, admin) = serve(&[]);
    let before = descriptors(&server);
    let asking = request("GET", "/metrics", &[]);
    let clients: Vec<TcpStream> = (0..effort(66, 400))
        .map(|index| {
            let mut client = TcpStream::connect(admin).expect("it accepts");
            client.set_write_timeout(Some(Duration::from_millis(50))).expect("a timeout can be set");
            let words = [asking.repeat(2000), Vec::new(), asking[..20].to_vec()];
            // As much as is taken of it.
            let _ = client.write_all(&words[index % 3]);
            if index % 8 == 0 {
                probed(admin);
            }
            client
        })
        .collect();
    for _ in 0..10 {
        probed(admin);
    }
    assert!(descriptors(&server) <= before.map(|before| before + 40), "no more than so many are open");
    if is_torture() {
        // Those that are left are given up, by the limit for what is written or for a head.
        let all_gone = || (descriptors(&server) <= before.map(|before| before + 4)).then_some(());
        let gone = clock::poll(Duration::from_secs(60), all_gone);
        assert!(gone.is_some(), "{:?} descriptors, {before:?} before", descriptors(&server));
    }
    drop(clients);
}

/// Asks as a probe does, which does not wait for long.
#[track_caller]
fn probed(admin: SocketAddr) {
    for target in ["/healthz", "/readyz"] {
        let mut connection = HttpConnection::open(admin);
        connection.wait_at_most(Duration::from_secs(5));
        connection.send(&request("GET", target, &[])).expect("the server reads");
        assert_eq!(connection.answer("GET").expect("an answer in time").head.status, 200, "{target}");
    }
}
