//! The log file on a machine with problems: full disks, moved files, links into the served directory, and a server that
//! ends before its responses do.

use crate::ops::signals::reload;
use crate::support::client::{HttpConnection, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::h2;
use crate::support::server::{Setup, Stack, TestServer, glasshouse_in, run};
use rustix::process::Signal;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// A place with a directory to serve and one beside it.
fn place() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("site/hello.txt"), b"hello\n", MODIFIED);
    let long = fs::File::create(place.path().join("site/long")).expect("a file can be made");
    long.set_len(64 << 20).expect("a file can be long");
    fs::create_dir(place.path().join("logs")).expect("a directory can be made");
    place
}

#[track_caller]
fn serve_over(stack: Stack, place: &TempDir, arguments: &[&str]) -> TestServer {
    let directory = &place.path().join("site");
    TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false })
}

#[track_caller]
fn serve(place: &TempDir, log: &Path, arguments: &[&str]) -> TestServer {
    let log = log.to_str().expect("the path is UTF-8");
    serve_over(Stack::Host, place, &[&["--log-file", log], arguments].concat())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// By whatever path: the server does not start, and nothing is made.
#[test]
fn no_path_leads_a_log_into_what_is_served() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("site/sub")).expect("a directory can be made");
    fs::create_dir_all(at("docs")).expect("a directory can be made");
    fs::write(at("docs/there"), "").expect("a file can be written");
    fs::write(at("one.txt"), "one").expect("a file can be written");
    for (target, link) in [
        ("../site/evil.log", "logs/l"),
        ("l", "logs/twice"),
        ("../docs/evil.log", "logs/mount"),
        ("../docs/there", "logs/there"),
        ("../site/sub", "logs/sub"),
        ("../one.txt", "logs/one"),
        ("site", "current"),
    ] {
        symlink(target, at(link)).expect("a link can be made");
    }
    fs::hard_link(at("one.txt"), at("logs/same")).expect("a file can have two names");
    let both = &["-d", "site", "--mount", "/docs=docs"][..];
    let rows: &[(&[&str], &str)] = &[
        (both, "site/log"),
        (both, "logs/l"),
        (both, "logs/twice"),
        (both, "logs/mount"),
        (both, "logs/there"),
        (both, "logs/sub/log"),
        (both, "logs/../site/sub/../log"),
        (both, "docs/log"),
        (both, "current/log"),
        (&["-d", "current"], "site/log"),
        (&["-d", "site/sub/.."], "logs/l"),
        (&["-d", "one.txt"], "one.txt"),
        (&["-d", "one.txt"], "logs/one"),
        (&["-d", "one.txt"], "logs/same"),
    ];
    for (served, log) in rows {
        for check in [&[][..], &["--check"]] {
            let mut command = glasshouse_in(place.path(), &["--log-file", log]);
            let done = run({
                command.args(*served).args(check);
                command
            });
            assert_eq!(done.status.code(), Some(1), "{served:?} {log} {check:?}: {done:?}");
            assert!(done.stderr.contains("it is in a served directory, where every client could read it"), "{done:?}");
        }
    }
    let names = |name: &str| fs::read_dir(at(name)).expect("it can be read").count();
    assert_eq!((names("site"), names("site/sub"), names("docs")), (3, 0, 1), "nothing was made");
    assert_eq!(read(&at("one.txt")), "one");
}

/// A directory that is put in the place of the served one is not served if the log is in it.
#[test]
fn a_reload_does_not_serve_the_log() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    symlink("site", at("current")).expect("a link can be made");
    let log = at("logs/access.log");
    let [directory, also, file] = [at("current"), place.path().to_owned(), log.clone()];
    let arguments = &["--harden-also", also.to_str().expect("UTF-8"), "--log-file", file.to_str().expect("UTF-8")];
    let setup = Setup { stack: Stack::Host, directory: &directory, options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    fs::remove_file(at("current")).expect("a link can be removed");
    symlink("logs", at("current")).expect("a link can be made");
    reload(&server, 1);
    assert!(server.stderr().contains("it contains the log file"), "{}", server.stderr());
    assert!(server.stderr().contains("glasshouse: reloaded with errors"), "{}", server.stderr());
    assert_eq!(get(server.address(), "/access.log").head.status, 404);
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
}

/// A component of a mount whose file and directory change at the same time.
#[test]
fn a_reload_of_a_component_does_not_serve_the_log() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    let component = at("components/app.wasm");
    fs::create_dir(at("components")).expect("a directory can be made");
    fs::copy(env!("HOSTILE_P3"), &component).expect("a file can be copied");
    symlink("site", at("current")).expect("a link can be made");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let mount = format!("/api={}:{}", text(&component), text(&at("current")));
    let (also, log) = (text(place.path()), text(&at("logs/access.log")));
    let arguments = &["--harden-also", &also, "--log-file", &log, "--mount", &mount];
    let setup = Setup { stack: Stack::Host, directory: &at("site"), options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    fs::copy(env!("HOSTILE_P2"), &component).expect("a file can be copied");
    fs::remove_file(at("current")).expect("a link can be removed");
    symlink("logs", at("current")).expect("a link can be made");
    reload(&server, 1);
    assert!(server.stderr().contains("it contains the log file"), "{}", server.stderr());
    let read = get(server.address(), "/api/passwd").text();
    assert!(!read.contains("GET /"), "{read}");
}

/// With the right to create and write files there, the process could change what is compiled for it.
#[test]
fn a_log_beside_a_component_is_not_opened_again() {
    let place = place();
    fs::copy(env!("HOSTILE_P3"), place.path().join("logs/handler.wasm")).expect("a file can be copied");
    let handler = place.path().join("logs/handler.wasm");
    let arguments = ["--handler", handler.to_str().expect("UTF-8")];
    let server = serve(&place, &place.path().join("logs/access.log"), &arguments);
    let line = "again: its directory contains served files or components";
    server.wait_for_stderr(line, |text| text.contains(line).then_some(()));
}

/// A log beside the site is reported at the start and at each signal: it stays the same file.
#[test]
fn a_log_that_cannot_be_reopened_is_reported() {
    let place = place();
    let (log, moved) = (place.path().join("access.log"), place.path().join("access.1"));
    let server = serve(&place, &log, &[]);
    let line = "again: its directory contains served files";
    let started = server.wait_for_stderr(line, |text| text.contains(line).then(|| text.to_owned()));
    assert_eq!(started.lines().count(), 1, "{started}");
    fs::rename(&log, &moved).expect("a file can be moved");
    reload(&server, 1);
    let reported = server.stderr();
    assert!(
        reported.contains("again, entries still go to the previous file: its directory contains served files"),
        "{reported}"
    );
    assert!(reported.ends_with("glasshouse: reloaded with errors\n"), "{reported}");
    get(server.address(), "/hello.txt");
    clock::wait_until_true("the entry", || read(&moved).contains("/hello.txt"));
    assert!(!log.exists());

    // A process that keeps its rights reopens it, and so does one whose log has a separate directory.
    for (log, arguments) in
        [(place.path().join("free.log"), &["--no-harden"][..]), (place.path().join("logs/log"), &[])]
    {
        let server = serve(&place, &log, arguments);
        assert_eq!(server.stderr(), "", "{log:?}");
        fs::remove_file(&log).expect("it is there");
        reload(&server, 1);
        assert_eq!(server.stderr(), "glasshouse: reloaded\n", "{log:?}");
        assert!(log.exists());
    }
}

#[test]
fn a_full_disk_is_reported_once_and_lost_entries_are_counted() {
    if !Path::new("/dev/full").exists() {
        return fixture::skipped("a full disk without /dev/full");
    }
    let place = place();
    let server = serve(&place, Path::new("/dev/full"), &["--admin", "0"]);
    for _ in 0..5 {
        get(server.address(), "/hello.txt");
    }
    let complaint = "access log not written: '/dev/full': No space left on device";
    server.wait_for_stderr(complaint, |text| text.contains(complaint).then_some(()));
    let admin = server
        .stdout()
        .lines()
        .find_map(|line| line.strip_prefix("Admin on ")?.split_once("(http://")?.1.split('/').next()?.parse().ok());
    let admin = admin.expect("the address is announced");
    clock::wait_until_true("the count of what is lost", || {
        get(admin, "/metrics").text().lines().any(|line| line == "glasshouse_lost_log_entries_total 5")
    });
    assert_eq!(server.stderr().lines().count(), 1, "{}", server.stderr());
}

/// A request, and a client that has read the head of its answer and reads no further.
fn stalled(server: &TestServer) -> HttpConnection {
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", "/long", &[])).expect("the server reads");
    connection.head().expect("an answer begins").expect("it has a head");
    connection
}

/// Whatever ends an answer, each request that was read has its entry: at the end of the grace, and after a second
/// signal.
#[test]
fn answers_that_are_cut_at_the_end_have_entries() {
    const CLIENTS: usize = 8;
    let place = place();
    for round in 0..4 {
        let log = place.path().join(format!("logs/{round}"));
        for (arguments, is_again) in [(&["--grace", "50ms"][..], false), (&["--grace", "1h"], true)] {
            let _ = fs::remove_file(&log);
            let server = serve(&place, &log, arguments);
            let clients: Vec<HttpConnection> = (0..CLIENTS).map(|_| stalled(&server)).collect();
            server.signal(Signal::TERM);
            if is_again {
                clock::wait_until_true("connections are refused", || TcpStream::connect(server.address()).is_err());
                server.signal(Signal::TERM);
            }
            assert_eq!(server.end().status.code(), Some(0));
            let entries = read(&log).matches("\"GET /long HTTP/1.1\" 200 ").count();
            assert_eq!(entries, CLIENTS, "round {round}, {arguments:?}: {}", read(&log));
            drop(clients);
        }
    }
}

/// The same for the streams of HTTP/2, on standard error.
#[test]
fn streams_that_are_cut_at_the_end_have_entries() {
    let place = place();
    let server = serve_over(Stack::HostTls, &place, &["--grace", "50ms"]);
    let mut client = h2::Http2Client::secure(server.address());
    for _ in 0..3 {
        assert_eq!(client.begin("/long"), 200);
    }
    let done = server.stop(Signal::TERM);
    assert_eq!(done.stderr.matches("\"GET /long HTTP/2.0\" 200 ").count(), 3, "{done:?}");
}

/// A client that does not wait for its answer has asked all the same.
#[test]
fn a_request_without_an_answer_has_an_entry() {
    let place = place();
    let hash = "a:$2y$12$X8MPcXiZaZey.9K25hDLv.kCrmBZ/6cIkRTPe/kd8q7HlxaewgooO";
    fs::write(place.path().join("users"), hash).expect("a file can be written");
    let users = place.path().join("users");
    let server = serve_over(Stack::Host, &place, &["--auth", users.to_str().expect("the path is UTF-8")]);
    let mut connection = HttpConnection::open(server.address());
    // A password takes a quarter of a second.
    connection.send(&request("GET", "/hello.txt", &[("Authorization", "Basic YTpi")])).expect("the server reads");
    drop(connection);
    let line = "\"GET /hello.txt HTTP/1.1\" ";
    let reported = server.wait_for_stderr(line, |text| text.contains(line).then(|| text.to_owned()));
    assert!(reported.contains(" 499 0\n") || reported.contains(" 401 "), "{reported}");
    let entries = server.stop(Signal::TERM).stderr.matches(line).count();
    assert_eq!(entries, 1);
}
