//! The server under a service manager: inherited sockets, and notifications. The test plays the manager, and so do the
//! programs of systemd where they are installed.

use crate::support::client::{HttpConnection, TIMEOUT, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, is_there, put};
use crate::support::server::{Done, TestServer, glasshouse, glasshouse_in, run};
use crate::support::tools::{ends, runs};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than the buffers between a server and a client that does not read.
const LONG: u64 = 64 << 20;

fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("www/hello.txt"), b"hello\n", MODIFIED);
    let long = fs::File::create(place.path().join("www/long")).expect("a file can be made");
    long.set_len(LONG).expect("a file can be long");
    place
}

/// A server whose manager is a few lines of Python: they open the sockets, and become it.
fn handed(place: &Path, sockets: &str, arguments: &[&str]) -> Command {
    let server = glasshouse();
    let mut command = Command::new("python3");
    let text = format!(
        "import os, socket, sys\nmade = [{sockets}]\n\
         for at, one in enumerate(made):\n os.dup2(one.fileno(), 3 + at)\n os.set_inheritable(3 + at, True)\n\
         os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_PID=str(os.getpid()))\n\
         os.execv(sys.argv[1], sys.argv[1:])"
    );
    command.args(["-c", &text]).arg(server.get_program()).arg("-d").arg("www").args(arguments).current_dir(place);
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

const TCP: &str = "socket.create_server(('127.0.0.1', 0))";
const UNIX: &str = "(lambda s: (s.bind('socket'), s.listen(), s)[2])(socket.socket(socket.AF_UNIX))";

#[track_caller]
fn by_unix(place: &Path) -> Done {
    let arguments =
        ["-sS", "--noproxy", "*", "--max-time", "20", "--unix-socket", "socket", "http://localhost/hello.txt"];
    ends(place, "curl", &arguments)
}

#[test]
fn sockets_that_were_handed_over_are_served() {
    let place = tree();
    let server = TestServer::spawn(handed(place.path(), &format!("{TCP}, {UNIX}"), &["--require-harden"]));
    let lines: Vec<String> = server.stdout().lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && lines[1] == "Serving HTTP on unix:socket ...", "those and no others: {lines:?}");
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    assert_eq!(by_unix(place.path()).stdout, "hello\n");
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    assert!(place.path().join("socket").exists(), "its creator removes it");
}

#[test]
fn an_address_may_be_listened_on_beside_them() {
    let place = tree();
    let server = TestServer::spawn(handed(place.path(), UNIX, &["0", "-b", "127.0.0.1"]));
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    assert_eq!(by_unix(place.path()).stdout, "hello\n");
}

/// A port has no effect without an address, and the server reports that.
#[test]
fn an_unused_port_beside_them_is_reported() {
    let place = tree();
    for (port, is_reported) in [(&["8080"][..], true), (&["0"], false), (&[], false)] {
        let server = TestServer::spawn(handed(place.path(), TCP, port));
        let reported = "glasshouse: port 8080 is not used: no --bind names a host; add one\n";
        assert_eq!(server.stderr(), if is_reported { reported } else { "" });
    }
}

#[test]
fn what_no_client_could_connect_to_is_refused() {
    let place = tree();
    let rows = [
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "not a stream socket of TCP or Unix"),
        ("socket.socket()", "not a listening socket"),
        ("open('www/hello.txt')", "not a stream socket of TCP or Unix"),
    ];
    for (socket, reason) in rows {
        let done = run(handed(place.path(), &format!("{TCP}, {socket}"), &[]));
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains(reason) && done.stderr.contains("inherited socket 2"), "{done:?}");
    }
}

/// A password is not sent in the clear to those whom a manager lets in either.
#[test]
fn passwords_are_for_sockets_of_this_machine() {
    let place = tree();
    fs::write(place.path().join("users"), "a:$2y$05$cQPrrh7/biwcLoo7bBta7.crtZIlTFXktbM8Pty1sDsnM0sfCbVr6")
        .expect("a file");
    let everywhere = "socket.create_server(('', 0))";
    let done = run(handed(place.path(), everywhere, &["--auth", "users"]));
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("to 0.0.0.0 without encryption"), "{done:?}");
    let server = TestServer::spawn(handed(place.path(), &format!("{TCP}, {UNIX}"), &["--auth", "users"]));
    assert_eq!(get(server.address(), "/hello.txt").head.status, 401);
}

#[test]
fn systemd_hands_its_sockets_over() {
    if !is_there("systemd-socket-activate", "sockets of systemd") {
        return;
    }
    let place = tree();
    let socket = place.path().join("socket");
    let mut command = Command::new("systemd-socket-activate");
    command.arg("-l").arg(&socket).arg(glasshouse().get_program()).args(["-d", "www"]).current_dir(place.path());
    // The first client starts the server, so it announces nothing before.
    let activator = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a program starts");
    clock::wait_until_true("systemd listens", || socket.exists());
    let curl = ["-sS", "--noproxy", "*", "--max-time", "20", "--unix-socket", "socket", "http://localhost/hello.txt"];
    assert_eq!(runs(place.path(), "curl", &curl), "hello\n");
    let id = i32::try_from(activator.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
    kill_process(id, Signal::TERM).expect("a child can be signalled");
    let done = activator.wait_with_output().expect("a child can be waited for");
    assert!(done.status.success() && done.stdout.starts_with(b"Serving HTTP on unix:"), "{done:?}");
}

/// A manager that listens.
struct FakeManager(UnixDatagram);

impl FakeManager {
    /// A server with this manager, and with a watchdog of twice this `pulse`.
    fn serve(place: &Path, pulse: Option<Duration>, arguments: &[&str]) -> (FakeManager, TestServer) {
        let path = place.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket can be made");
        socket.set_read_timeout(Some(TIMEOUT)).expect("it waits in vain for a while only");
        let mut command = glasshouse_in(place, &[&["-d", "www"], arguments].concat());
        command.env("NOTIFY_SOCKET", &path);
        if let Some(pulse) = pulse {
            command.env("WATCHDOG_USEC", (2 * pulse).as_micros().to_string());
        }
        (FakeManager(socket), TestServer::spawn(command))
    }

    /// The next message.
    #[track_caller]
    fn hears(&self) -> String {
        let mut buffer = [0; 128];
        let length = self.0.recv(&mut buffer).expect("a message comes");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Reads all that was said, and then for so long.
    fn hears_within(&self, time: Duration) -> Vec<String> {
        let deadline = Instant::now() + time;
        let mut heard = Vec::new();
        while let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.0.set_read_timeout(Some(left)).expect("a time to wait");
            let mut buffer = [0; 128];
            match self.0.recv(&mut buffer) {
                Ok(length) => heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        heard
    }
}

#[test]
fn the_manager_is_notified() {
    let place = tree();
    let (manager, server) = FakeManager::serve(place.path(), None, &["--require-harden"]);
    assert_eq!(manager.hears(), "READY=1");
    server.signal(Signal::HUP);
    let text = manager.hears();
    let time = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{text}"));
    assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{text}");
    assert_eq!(manager.hears(), "READY=1");
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    assert_eq!(manager.hears(), "STOPPING=1");
}

/// Also while answers under way are waited for.
#[test]
fn it_says_that_it_is_alive() {
    let place = tree();
    let (manager, server) = FakeManager::serve(place.path(), Some(Duration::from_millis(20)), &["--grace", "1h"]);
    assert_eq!(manager.hears(), "READY=1");
    let mut slow = HttpConnection::open(server.address());
    slow.send(&request("GET", "/long", &[])).expect("the server reads");
    slow.head().expect("an answer begins").expect("it has a head");
    for _ in 0..5 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    server.signal(Signal::TERM);
    while manager.hears() != "STOPPING=1" {}
    for _ in 0..5 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));
}

/// A check of the process alone would take a server that hangs for alive.
#[cfg(target_arch = "x86_64")]
#[test]
fn while_a_thread_takes_nothing_it_says_nothing() {
    let place = tree();
    let pulse = Duration::from_millis(20);
    let (manager, server) = FakeManager::serve(place.path(), Some(pulse), &["--threads", "2"]);
    assert_eq!(manager.hears(), "READY=1");
    assert_eq!(manager.hears(), "WATCHDOG=1");
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).expect("the server runs");
    let worker = threads
        .filter_map(Result::ok)
        .find(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "worker"));
    let worker = worker.and_then(|thread| thread.file_name().to_str()?.parse().ok()).expect("a thread serves");
    let Some(captive) = crate::support::ptrace::Captive::take(worker) else {
        return fixture::skipped("a thread that hangs: the system does not allow to stop one");
    };
    // What was said before it was stopped is heard first.
    manager.hears_within(pulse * 2);
    assert_eq!(manager.hears_within(pulse * 10), Vec::<String>::new());
    drop(captive);
    manager.0.set_read_timeout(Some(TIMEOUT)).expect("a time to wait");
    assert_eq!(manager.hears(), "WATCHDOG=1", "it goes on when the thread does");
}

#[test]
fn a_manager_that_is_not_there_stops_nothing() {
    let place = tree();
    let mut command = glasshouse_in(place.path(), &[]);
    command.env("NOTIFY_SOCKET", "/nonexistent/notify");
    let server = TestServer::spawn(command);
    let reason = "service manager: cannot connect to '/nonexistent/notify'";
    assert!(server.stderr().contains(reason), "{}", server.stderr());
    assert_eq!(get(server.address(), "/www/hello.txt").text(), "hello\n");
}

/// systemd's own judgement, from 0, which it calls safe, to 10.
#[test]
fn the_units_are_in_order_and_safe() {
    if !is_there("systemd-analyze", "units") {
        return;
    }
    let place = fixture::place();
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    for name in ["glasshouse.service", "glasshouse.socket"] {
        let unit = fs::read_to_string(dist.join(name)).expect("the unit is there");
        // A program that is there, as it is not installed.
        let program = glasshouse().get_program().to_str().expect("the path is UTF-8").to_owned();
        fs::write(place.path().join(name), unit.replace("/usr/bin/glasshouse", &program))
            .expect("a file can be written");
    }
    let units = ["glasshouse.service", "glasshouse.socket"];
    let done = ends(place.path(), "systemd-analyze", &[&["verify", "--man=no"][..], &units].concat());
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
    // Tenths.
    let threshold = ["security", "--offline=yes", "--no-pager", "--threshold=10", "./glasshouse.service"];
    assert!(runs(place.path(), "systemd-analyze", &threshold).contains("SAFE"));
}
