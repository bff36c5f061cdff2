//! Users and passwords, with files of htpasswd and requests of curl, and the cost of guessing.

use crate::ops::signals::reload;
use crate::support::client::{HttpConnection, HttpResponse, TIMEOUT, ask, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, glasshouse, run};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};
use tempfile::TempDir;

/// `open sesame`, at a cost of about a quarter of a second.
pub const ALICE: &str = "alice:$2y$12$X8MPcXiZaZey.9K25hDLv.kCrmBZ/6cIkRTPe/kd8q7HlxaewgooO\n";
/// `open: sesame`.
const BOB: &str = "bob b:$6$k.wZC5ZK//g9SLJ.$qQ1NRZr2D4ZthtozcbKcpx/oOLVViMSr2ctrXoiaQoEwHOQGw8.iYMCyIPq.g9iU055vkM/\
                   7.hjYL09vx09wD/\n";
/// How many failures an address has in a minute.
const FAILURES: usize = 10;

/// A directory to be served, and one beside it for the file of users.
pub struct AuthFixture {
    pub site: TempDir,
    pub beside: TempDir,
}

impl AuthFixture {
    pub fn new(users: &str) -> AuthFixture {
        let place = AuthFixture { site: fixture::place(), beside: fixture::place() };
        put(&place.site.path().join("hello.txt"), b"hello\n", MODIFIED);
        fs::write(place.users(), users).expect("a file can be written");
        place
    }

    pub fn users(&self) -> PathBuf {
        self.beside.path().join("users")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = glasshouse();
        command.current_dir(self.site.path()).arg("--auth").arg(self.users()).args(arguments);
        command
    }

    #[track_caller]
    pub fn serve(&self) -> TestServer {
        self.serve_with(&[])
    }

    #[track_caller]
    pub fn serve_with(&self, arguments: &[&str]) -> TestServer {
        TestServer::spawn(self.command(&[&["0", "-b", "127.0.0.1"], arguments].concat()))
    }
}

pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

#[track_caller]
pub fn get(address: SocketAddr, name: &str, password: &str) -> HttpResponse {
    let fields = [("Authorization", &*basic(name, password))];
    ask(address, "GET", "/hello.txt", &fields).expect("every request is answered")
}

#[track_caller]
fn get_from(source: [u8; 4], address: SocketAddr, name: &str, password: &str) -> HttpResponse {
    let mut connection = HttpConnection::open_from(Ipv4Addr::from(source), address);
    let fields = [("Authorization", &*basic(name, password))];
    connection.send(&request("GET", "/hello.txt", &fields)).expect("the server reads");
    connection.answer("GET").expect("every request is answered")
}

#[test]
fn without_a_password_the_response_is_401_and_nothing_else() {
    let place = AuthFixture::new(&[ALICE, BOB].concat());
    let server = place.serve();
    let check = |method: &str, target: &str, fields: &[(&str, &str)]| {
        let answer = ask(server.address(), method, target, fields).expect("every request is answered");
        assert_eq!(answer.head.status, 401, "{method} {target} {fields:?}");
        let challenge = answer.head.one("www-authenticate");
        assert_eq!(challenge, Some(r#"Basic realm="glasshouse", charset="UTF-8""#), "{method} {target} {fields:?}");
        assert_eq!(answer.text(), if method == "HEAD" { "" } else { "401 Unauthorized\n" }, "{method} {target}");
        assert!(answer.head.one("etag").is_none() && answer.head.one("last-modified").is_none());
    };
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        for target in ["/hello.txt", "/none", "/", "/../x"] {
            check(method, target, &[]);
        }
    }
    // A browser that asks before it asks.
    check("OPTIONS", "/hello.txt", &[("Origin", "http://a.example"), ("Access-Control-Request-Method", "GET")]);
    for value in ["Basic", "Bearer YTpi", "Basic ####", &basic("alice", "\n")] {
        check("GET", "/hello.txt", &[("Authorization", value)]);
    }
    let right = basic("alice", "open sesame");
    check("GET", "/hello.txt", &[("Authorization", &right), ("Authorization", &right)]);
    // None of these was a guess.
    assert_eq!(get(server.address(), "alice", "open sesame").text(), "hello\n");
}

#[test]
fn who_has_one_is_let_in_and_named_in_the_log() {
    let place = AuthFixture::new(&[ALICE, BOB].concat());
    let server = place.serve();
    for (name, password, status) in [
        ("alice", "open sesame", 200),
        ("alice", "open: sesame", 401),
        ("alice", "", 401),
        ("bob b", "open: sesame", 200),
        ("bob", "open: sesame", 401),
        ("carol", "open sesame", 401),
        // Given again, and by replay.
        ("alice", "open sesame", 200),
        ("bob b", "open: sesame", 200),
    ] {
        assert_eq!(get(server.address(), name, password).head.status, status, "{name} {password}");
    }
    let done = server.stop(Signal::TERM);
    let mut users: Vec<&str> = done
        .stderr
        .lines()
        .filter(|line| line.contains('"'))
        .filter_map(|line| line.strip_prefix("127.0.0.1 - ")?.split_once(" [").map(|(user, _)| user))
        .collect();
    // Threads write their entries after the response, so entries of different connections have no order.
    users.sort_unstable();
    assert_eq!(users, ["-", "-", "-", "-", "alice", "alice", r"bob\x20b", r"bob\x20b"], "{}", done.stderr);
    for secret in ["sesame", "carol", "Basic", &STANDARD.encode("alice:open sesame")] {
        assert!(!done.stderr.contains(secret), "{secret} is in the log:\n{}", done.stderr);
    }
}

#[test]
fn a_password_that_was_right_is_not_looked_at_a_hundred_times() {
    let place = AuthFixture::new(ALICE);
    let server = place.serve();
    let first = Instant::now();
    assert_eq!(get(server.address(), "alice", "open sesame").head.status, 200);
    let one = first.elapsed();
    let rest = Instant::now();
    for _ in 0..100 {
        assert_eq!(get(server.address(), "alice", "open sesame").head.status, 200);
    }
    assert!(rest.elapsed() < one * 20, "100 more took {:?}, the first {one:?}", rest.elapsed());
}

/// A page with many pictures is asked for over many connections at once.
#[test]
fn those_who_ask_at_once_wait_for_one_look() {
    let place = AuthFixture::new(ALICE);
    let server = place.serve();
    let address = server.address();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asking: Vec<_> =
            (0..30).map(|_| scope.spawn(move || get(address, "alice", "open sesame").head.status)).collect();
        asking.into_iter().map(|asked| asked.join().expect("it asks")).collect()
    });
    assert_eq!(statuses, [200; 30]);
}

#[test]
fn guessing_is_stopped_for_the_address_that_guesses() {
    // A cheap hash, so that all of it is over within the window.
    let place = AuthFixture::new(BOB);
    let server = place.serve();
    let address = server.address();
    assert_eq!(get(address, "bob b", "open: sesame").head.status, 200);
    for guess in 0..FAILURES {
        assert_eq!(get(address, "bob b", &format!("guess {guess}")).head.status, 401, "{guess}");
    }
    for name in ["bob b", "dave"] {
        let limited = get(address, name, "another guess");
        assert_eq!(limited.head.status, 429, "{name}");
        let wait = limited.head.one("retry-after").and_then(|wait| wait.parse().ok());
        assert!(wait.is_some_and(|wait: u64| (1..=60).contains(&wait)), "{:?}", limited.head);
        assert_eq!(limited.text(), "429 Too Many Requests\n");
    }
    assert_eq!(get(address, "bob b", "open: sesame").head.status, 200, "who was let in stays in");
    assert_eq!(get_from([127, 0, 0, 2], address, "bob b", "open: sesame").head.status, 200);
    assert_eq!(get_from([127, 0, 0, 3], address, "bob b", "guess").head.status, 401);
}

/// Ten at once are no more guesses than ten one after the other.
#[test]
fn guessing_at_once_is_no_way_around() {
    let place = AuthFixture::new(BOB);
    let server = place.serve();
    let (address, wrong) = (server.address(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for guess in 0..40 {
            let wrong = &wrong;
            scope.spawn(move || match get(address, "bob b", &format!("guess {guess}")).head.status {
                401 => drop(wrong.fetch_add(1, Ordering::Relaxed)),
                status => assert_eq!(status, 429),
            });
        }
    });
    assert_eq!(wrong.into_inner(), FAILURES);
}

/// The time of a failed login does not reveal whether the user exists.
#[test]
fn an_unknown_name_costs_a_hash() {
    let place = AuthFixture::new(ALICE);
    let server = place.serve();
    let refused = |name: &str, guess: usize| {
        let start = Instant::now();
        assert_eq!(get(server.address(), name, &format!("guess {guess}")).head.status, 401);
        start.elapsed()
    };
    // By turns, as a machine may be busy for a while; and within a factor that a busy one keeps to. Without a hash it
    // would be a hundred.
    let tries = (0..4).map(|guess| (refused("alice", guess), refused("carol", guess)));
    let (known, unknown): (Vec<Duration>, Vec<Duration>) = tries.unzip();
    let (known, unknown) = (known.into_iter().min().unwrap_or_default(), unknown.into_iter().min().unwrap_or_default());
    assert!(unknown > known / 4 && known > unknown / 4, "{known:?} for a user, {unknown:?} for an unknown name");
}

/// Fifty guess, each from an address of its own, so that the limit of none is reached and hashes are made all the time.
/// There is one thread that serves, so anything that blocked it would block all clients.
#[test]
fn hashes_do_not_delay_authenticated_users() {
    const EVERY: Duration = Duration::from_millis(10);
    let place = AuthFixture::new(ALICE);
    let server = TestServer::spawn(place.command(&["0", "-b", "127.0.0.1", "--threads", "1"]));
    let address = server.address();
    let mut connection = HttpConnection::open(address);
    let fields = [("Authorization", &*basic("alice", "open sesame"))];
    // From when a request was due, and not from when the one before it let it be sent.
    let mut p99 = |requests: u32| {
        let start = Instant::now();
        let mut took: Vec<Duration> = (0..requests)
            .map(|number| EVERY * number)
            .take_while(|_| start.elapsed() < TIMEOUT)
            .map(|due| {
                clock::wait_until(start + due);
                connection.send(&request("GET", "/hello.txt", &fields)).expect("the server reads");
                assert_eq!(connection.answer("GET").expect("an answer").text(), "hello\n");
                start.elapsed() - due
            })
            .collect();
        took.sort();
        took[took.len() * 99 / 100]
    };
    let hash = p99(1);
    let before = p99(300);
    let (stop, refused, busy) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let during = thread::scope(|scope| {
        for guesser in 1..=50 {
            let (stop, refused, busy) = (&stop, &refused, &busy);
            scope.spawn(move || {
                // Further guesses would only be rejected.
                for _ in (0..FAILURES).take_while(|_| !stop.load(Ordering::Relaxed)) {
                    match get_from([127, 0, 1, guesser], address, "alice", "guess").head.status {
                        401 => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        503 => drop(busy.fetch_add(1, Ordering::Relaxed)),
                        status => panic!("{status}"),
                    }
                }
            });
        }
        let during = p99(300);
        stop.store(true, Ordering::Relaxed);
        during
    });
    let (refused, busy) = (refused.into_inner(), busy.into_inner());
    println!("50 guess: refused {refused}, busy {busy}; a hash {hash:?}, p99 before {before:?}, during {during:?}");
    assert!(refused > 0);
    assert!(during < hash / 2, "a hash {hash:?}, p99 before {before:?}, during {during:?}");
}

#[test]
fn a_reload_reads_the_users_again() {
    let place = AuthFixture::new(ALICE);
    let server = TestServer::spawn(place.command(&["0", "-b", "127.0.0.1", "--require-harden"]));
    let status = |name: &str, password: &str| get_from([127, 0, 0, 1], server.address(), name, password).head.status;
    assert_eq!((status("alice", "open sesame"), status("bob b", "open: sesame")), (200, 401));
    fs::write(place.users(), BOB).expect("a file can be written");
    reload(&server, 1);
    assert_eq!((status("alice", "open sesame"), status("bob b", "open: sesame")), (401, 200));
    fs::write(place.users(), "bob b:plain").expect("a file can be written");
    reload(&server, 2);
    assert_eq!(status("bob b", "open: sesame"), 200, "they stay who they were");
    assert!(server.stderr().contains("reloaded with errors"), "{}", server.stderr());
    assert!(!server.stderr().contains("plain\n"), "{}", server.stderr());
}

#[test]
fn passwords_are_not_asked_for_where_others_can_read_them() {
    let place = AuthFixture::new(ALICE);
    for arguments in [&["0"][..], &["0", "-b", "0.0.0.0"], &["0", "-b", "127.0.0.1,0.0.0.0"], &["0", "-b", "::"]] {
        let done = run(place.command(arguments));
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {done:?}");
        for word in ["--auth", "without encryption", "localhost", "--auth-insecure"] {
            assert!(done.stderr.contains(word), "{arguments:?}: {}", done.stderr);
        }
    }
    let server = TestServer::spawn(place.command(&["0", "--auth-insecure"]));
    assert_eq!(get(server.address(), "alice", "open sesame").head.status, 200);
    // It means nothing by itself.
    let mut alone = glasshouse();
    alone.args(["0", "--auth-insecure"]);
    assert_eq!(run(alone).status.code(), Some(2));
}

/// As editors of other systems write it: a mark before the first name, and other line ends.
#[test]
fn a_file_of_another_editor_is_read() {
    let bob = BOB.trim_end();
    for text in [format!("\u{feff}{BOB}"), format!("\u{feff}{bob}\r\n# note\r\n\r\n"), format!("{bob} \t\r\n")] {
        let place = AuthFixture::new(&text);
        let server = place.serve();
        assert_eq!(get(server.address(), "bob b", "open: sesame").head.status, 200, "{text:?}");
        assert_eq!(get(server.address(), "\u{feff}bob b", "open: sesame").head.status, 401, "{text:?}");
    }
}

/// With `-v` the log has the reason of a failed login.
#[test]
fn a_failed_login_has_a_reason_in_the_log() {
    let place = AuthFixture::new(BOB);
    let server = place.serve_with(&["-v"]);
    let address = server.address();
    assert_eq!(ask(address, "GET", "/hello.txt", &[]).expect("an answer").head.status, 401);
    for guess in 0..=FAILURES {
        get(address, if guess == 0 { "carol" } else { "bob b" }, "a guess");
    }
    let reported = server.stop(Signal::TERM).stderr;
    let event = "authentication failed: 127.0.0.1: ";
    let reasons: Vec<&str> =
        reported.lines().filter_map(|line| line.split_once(event)).map(|(_, reason)| reason).collect();
    assert_eq!(reasons.len(), FAILURES + 2, "{reported}");
    assert_eq!(reasons[0], "no user and password");
    assert!(reasons[1..=FAILURES].iter().all(|reason| *reason == "unknown user or wrong password"), "{reasons:?}");
    let last = reasons[FAILURES + 1].strip_prefix("too many failures; next try in ");
    let wait = last.and_then(|last| last.strip_suffix(" s")?.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| (1..=60).contains(&wait)), "{reasons:?}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let rows = [
        ("# note\n\u{200b}bob:y\n", "line 2 contains an invisible character, U+200B"),
        ("bob\u{a0}:y\n", "line 1 contains an invisible character, U+00A0"),
        (" bob:y\n", "line 1 is not NAME:HASH"),
        ("", "the file contains no users"),
        ("alice\n", "line 1"),
        ("# note\nalice:hunter2\n", "line 2 has, for user 'alice', a plain password"),
        ("alice:$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "costs too"),
        ("alice:$2y$31$X8MPcXiZaZey.9K25hDLv.kCrmBZ/6cIkRTPe/kd8q7HlxaewgooO", "costs too much"),
    ];
    for (text, expected) in rows {
        let place = AuthFixture::new(text);
        let done = run(place.command(&["0", "-b", "127.0.0.1"]));
        assert_eq!(done.status.code(), Some(1), "{text:?}: {done:?}");
        for word in [expected, "--auth", "/users'", "glasshouse passwd"] {
            assert!(done.stderr.contains(word), "{text:?}: {}", done.stderr);
        }
        assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
        // Looked at without serving, too.
        assert_eq!(run(place.command(&["-b", "127.0.0.1", "--check"])).status.code(), Some(1), "{text:?}");
    }
    let place = AuthFixture::new(ALICE);
    fs::remove_file(place.users()).expect("it is there");
    let done = run(place.command(&["0", "-b", "127.0.0.1"]));
    assert!(done.status.code() == Some(1) && done.stderr.contains("no such file"), "{done:?}");
    // A file that every user could download.
    let within = place.site.path().join(".users");
    fs::write(&within, ALICE).expect("a file can be written");
    symlink(&within, place.users()).expect("a link can be made");
    let done = run(place.command(&["0", "-b", "127.0.0.1"]));
    assert!(done.status.code() == Some(2) && done.stderr.contains("in a served directory"), "{done:?}");
}

/// Files as htpasswd writes them, and passwords as curl sends them.
#[test]
fn files_of_htpasswd_and_requests_of_curl() {
    if !fixture::is_there("htpasswd", "files of users") || !fixture::is_there("curl", "signing in") {
        return;
    }
    let place = AuthFixture::new("");
    let write = |options: &[&str]| {
        let mut command = Command::new("htpasswd");
        command.args(options).arg(place.users()).args(["jos\u{e9}", "pa:ss w\u{f6}rd"]);
        let done = run(command);
        assert!(done.status.success(), "{options:?}: {done:?}");
    };
    let curl = |server: &TestServer, user: &str| {
        let mut command = Command::new("curl");
        command.args(["-s", "-o", "/dev/stdout", "-w", "%{http_code}", "-u", user]);
        command.arg(format!("http://{}/hello.txt", server.address()));
        run(command).stdout
    };
    for options in [&["-cbB"][..], &["-cbBC", "4"], &["-cb5"], &["-cb5r", "20000"]] {
        write(options);
        let server = place.serve();
        assert_eq!(curl(&server, "jos\u{e9}:pa:ss w\u{f6}rd"), "hello\n200", "{options:?}");
        assert_eq!(curl(&server, "jos\u{e9}:pa:ss word"), "401 Unauthorized\n401", "{options:?}");
    }
    for (options, kind) in
        [("-cbm", "MD5"), ("-cbs", "SHA-1"), ("-cb2", "SHA-256"), ("-cbd", "old crypt"), ("-cbp", "plain password")]
    {
        write(&[options]);
        let done = run(place.command(&["0", "-b", "127.0.0.1"]));
        assert_eq!(done.status.code(), Some(1), "{options}: {done:?}");
        for word in ["line 1", "jos\u{e9}", kind, "glasshouse passwd"] {
            assert!(done.stderr.contains(word), "{options}: {}", done.stderr);
        }
    }
}
