//! Components that are replaced while the server runs: the handler, middleware and mounted components, in a process
//! that has given up its rights and in one that has not.

use crate::ops::signals::reload;
use crate::support::client::{HttpConnection, TIMEOUT, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, glasshouse, glasshouse_in, run};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;

/// The components in use, and the two versions of each. The second one adds a field to responses.
const COMPONENTS: [(&str, [&str; 2]); 3] = [
    ("handler.wasm", ["handler-0.wasm", "handler-1.wasm"]),
    ("middleware.wasm", ["middleware-0.wasm", "middleware-1.wasm"]),
    ("mounted.wasm", ["handler-0.wasm", "handler-1.wasm"]),
];

struct Fixture(TempDir);

impl Fixture {
    fn new() -> Fixture {
        let fixture = Fixture(fixture::place());
        put(&fixture.at("site/good.txt"), b"good\n", MODIFIED);
        fs::create_dir(fixture.at("use")).expect("a directory can be made");
        let copy = |from: &str, to: &str| fs::copy(from, fixture.at(to)).expect("a file can be copied");
        copy(env!("HOSTILE_P3"), "handler-0.wasm");
        copy(env!("HOSTILE_MIDDLEWARE"), "middleware-0.wasm");
        copy(env!("EXAMPLE_BANNER"), "middleware-1.wasm");
        let with = ["--with", "middleware-1.wasm", "--handler", "handler-0.wasm", "-o", "handler-1.wasm"];
        fixture.run(&[&["compose"], &with[..]].concat());
        fixture.use_version(0);
        fixture
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        let mut command = glasshouse();
        command.current_dir(self.0.path()).args(arguments);
        let done = run(command);
        assert!(done.status.success(), "{done:?}");
    }

    #[track_caller]
    fn serve(&self, arguments: &[&str]) -> TestServer {
        TestServer::spawn(glasshouse_in(self.0.path(), &[&["-d", "site"], arguments].concat()))
    }

    /// Replaces a component as a deployment does, by a file that was written before.
    fn replace(&self, component: &str, with: &str) {
        let next = self.at("use/next");
        fs::copy(self.at(with), &next).expect("a file can be copied");
        fs::rename(next, self.at("use").join(component)).expect("a file can be replaced");
    }

    fn use_version(&self, version: usize) {
        for (component, versions) in COMPONENTS {
            self.replace(component, versions[version]);
        }
    }
}

const ARGUMENTS: [&str; 4] = ["--handler", "use/handler.wasm", "--mount", "/api=use/mounted.wasm:site"];

/// The version of the handler and that of the mounted component.
fn versions(server: &TestServer) -> [usize; 2] {
    ["/good", "/api/good"].map(|target| {
        let response = get(server.address(), target);
        assert_eq!(response.text(), "good\n", "{target}: {}", server.stderr());
        usize::from(response.head.one("x-middleware").is_some())
    })
}

#[test]
fn a_reload_of_components_fails_no_request() {
    let fixture = Fixture::new();
    for rights in ["--require-harden", "--no-harden"] {
        let server = fixture.serve(&[&ARGUMENTS[..], &[rights]].concat());
        let (address, is_over) = (server.address(), AtomicBool::new(false));
        thread::scope(|scope| {
            let client = |target: &'static str| {
                // One connection for all of it: a reload ends none.
                let mut connection = HttpConnection::open(address);
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    connection.send(&request("GET", target, &[])).expect("the connection is kept");
                    assert_eq!(connection.answer("GET").expect("a response").head.status, 200, "{target}");
                    count += 1;
                }
                count
            };
            let clients = ["/good", "/api/good"].map(|target| scope.spawn(move || client(target)));
            for times in 1..=5 {
                let version = times % 2;
                fixture.use_version(version);
                reload(&server, times);
                assert_eq!(versions(&server), [version; 2], "{rights}: after reload {times}");
            }
            is_over.store(true, Ordering::Relaxed);
            for client in clients {
                assert!(client.join().expect("no request fails") > 20, "{rights}: they ask all the time");
            }
        });
        assert!(!server.stderr().contains("not replaced"), "{}", server.stderr());
        fixture.use_version(0);
    }
}

/// A release that replaces the directory of the component.
#[test]
fn a_component_in_another_directory_is_read_if_an_option_names_one_above() {
    let fixture = Fixture::new();
    for (also, expected) in [(&["--harden-also", "apps"][..], 1), (&[], 0)] {
        for (release, file) in [("current", "handler-0.wasm"), ("next", "handler-1.wasm")] {
            fs::create_dir_all(fixture.at("apps").join(release)).expect("a directory can be made");
            let component = fixture.at("apps").join(release).join("app.wasm");
            fs::copy(fixture.at(file), component).expect("a file can be copied");
        }
        let server =
            fixture.serve(&[&["--mount", "/api=apps/current/app.wasm:site", "--require-harden"], also].concat());
        fs::remove_dir_all(fixture.at("apps/current")).expect("a directory can be removed");
        fs::rename(fixture.at("apps/next"), fixture.at("apps/current")).expect("a directory can be renamed");
        reload(&server, 1);
        let response = get(server.address(), "/api/good");
        let version = usize::from(response.head.one("x-middleware").is_some());
        assert_eq!(version, expected, "{also:?}: {}", server.stderr());
        assert_eq!(server.stderr().contains("--harden-also and a directory above it"), expected == 0);
    }
}

#[test]
fn middleware_is_replaced() {
    let fixture = Fixture::new();
    for rights in ["--require-harden", "--no-harden"] {
        let server = fixture.serve(&["--with", "use/middleware.wasm", rights]);
        let has_banner = || get(server.address(), "/good.txt").head.one("x-middleware").is_some();
        assert!(!has_banner(), "{rights}");
        fixture.replace("middleware.wasm", "middleware-1.wasm");
        reload(&server, 1);
        assert!(has_banner(), "{rights}: {}", server.stderr());
        fixture.use_version(0);
    }
}

#[test]
fn a_bad_component_leaves_the_previous_one_in_use() {
    let fixture = Fixture::new();
    fs::write(fixture.at("text.wasm"), "no component").expect("a file can be written");
    let socket = "(component (import \"wasi:sockets/instance-network@0.2.0\" (instance)))";
    fs::write(fixture.at("socket.wasm"), wat::parse_str(socket).expect("valid text")).expect("a file can be written");
    fixture.run(&["pack", "site", "-o", "packed.wasm"]);
    let is_same = |server: &TestServer| assert_eq!(versions(server), [0, 0]);
    for rights in ["--require-harden", "--no-harden"] {
        let server = fixture.serve(&[&ARGUMENTS[..], &[rights]].concat());
        let bad = [
            ("text.wasm", "is not a WebAssembly component"),
            ("socket.wasm", "wasi:sockets/instance-network"),
            ("packed.wasm", "one of the old and the new one reads a directory, and the other does not"),
        ];
        for (times, (file, reason)) in (1..).zip(bad) {
            fixture.replace("handler.wasm", file);
            reload(&server, times);
            let line = server.stderr().lines().rfind(|line| line.contains("handler not replaced")).map(str::to_owned);
            assert!(line.is_some_and(|line| line.contains(reason)), "{rights}: {reason}: {}", server.stderr());
            is_same(&server);
        }
        fs::remove_file(fixture.at("use/mounted.wasm")).expect("a file can be removed");
        reload(&server, bad.len() + 1);
        let missing = "component not replaced: 'use/mounted.wasm': no such file";
        assert!(server.stderr().contains(missing), "{rights}: {}", server.stderr());
        is_same(&server);
        fixture.use_version(1);
        reload(&server, bad.len() + 2);
        assert_eq!(versions(&server), [1, 1], "{rights}: the next one is used");
        fixture.use_version(0);
    }
}

/// The memory of a replaced component is used for the next one.
#[test]
fn many_reloads_take_no_more_memory_than_some() {
    let fixture = Fixture::new();
    for version in ["0", "1"] {
        put(&fixture.at("folder/version"), version.as_bytes(), MODIFIED);
        fixture.run(&["pack", "folder", "-o", &format!("packed-{version}.wasm")]);
    }
    fixture.replace("packed.wasm", "packed-0.wasm");
    let server = fixture.serve(&["--mount", "/api=use/packed.wasm", "--require-harden", "--threads", "1"]);
    let mut after = Vec::new();
    for times in 1..=6 {
        let version = (times % 2).to_string();
        fixture.replace("packed.wasm", &format!("packed-{version}.wasm"));
        reload(&server, times);
        assert_eq!(get(server.address(), "/api/version").text(), version);
        after.extend(written(compiler(&server)));
    }
    // The machine code has 5 MiB. A slot is free again at the next reload but one.
    let Some(most) = after.get(3) else { return };
    assert!(after.iter().all(|after| after <= most), "KiB after each reload: {after:?}");
}

/// The memory for machine code that the compiler has written, in KiB. `None` if this user may not know.
fn written(compiler: Pid) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{}/smaps", compiler.as_raw_nonzero())).ok()?;
    let lines = maps.lines().skip_while(|line| !line.contains("memfd:glasshouse-components"));
    let resident = lines.filter_map(|line| line.strip_prefix("Rss:")).next()?;
    resident.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The process that compiles for a server.
#[track_caller]
fn compiler(server: &TestServer) -> Pid {
    *children(server).first().expect("it has a child")
}

fn children(server: &TestServer) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("processes are listed").flatten();
    let parent = format!("PPid:\t{}", server.id());
    let children = processes.filter_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let id = entry.file_name().to_str()?.parse().ok()?;
        status.lines().any(|line| line == parent).then_some(Pid::from_raw(id)?)
    });
    children.collect()
}

fn has_ended(process: Pid) -> bool {
    // Without its parent it may stay as a zombie, which has no command line.
    let line = fs::read(format!("/proc/{}/cmdline", process.as_raw_nonzero())).unwrap_or_default();
    line.is_empty()
}

#[test]
fn the_compiler_can_read_components_and_nothing_else() {
    let fixture = Fixture::new();
    let server = fixture.serve(&[&ARGUMENTS[..], &["--require-harden"]].concat());
    let of_compiler = format!("/proc/{}", compiler(&server).as_raw_nonzero());
    let read = |name: &str| fs::read_to_string(format!("{of_compiler}/{name}")).expect("the process runs");
    assert_eq!(read("cmdline").trim_end_matches('\0'), "glasshouse-compiler");
    assert_eq!(read("environ"), "", "nothing in its environment is secret");
    let status = read("status");
    for expected in ["Name:\tglasshouse-comp", "NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t2"] {
        assert!(status.lines().any(|line| line == expected), "{expected}: {status}");
    }
    for thread in fs::read_dir(format!("{of_compiler}/task")).expect("its threads are listed").flatten() {
        let status = fs::read_to_string(thread.path().join("status")).expect("the thread runs");
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    let mut sockets = BTreeSet::new();
    for file in fs::read_dir(format!("{of_compiler}/fd")).expect("its descriptors are listed").flatten() {
        let number = file.file_name().to_string_lossy().into_owned();
        let target = fs::read_link(file.path()).expect("it is open").to_string_lossy().into_owned();
        match number.as_str() {
            "0" => assert_eq!(target, "/dev/null"),
            // The log of the server.
            "2" => {}
            _ => assert!(target.starts_with("socket:"), "{number}: {target}"),
        }
        sockets.extend(target.strip_prefix("socket:[").and_then(|inode| inode.strip_suffix(']')).map(str::to_owned));
    }
    let sockets: Vec<_> = sockets.iter().collect();
    let [socket] = sockets.as_slice() else { panic!("only that of the server: {sockets:?}") };
    let local = fs::read_to_string("/proc/net/unix").expect("the kernel lists sockets");
    assert!(local.lines().any(|line| line.split_whitespace().nth(6) == Some(socket)), "it is a local one");
    // A component elsewhere is not read, even if the name of a component leads there.
    fs::remove_file(fixture.at("use/mounted.wasm")).expect("a file can be removed");
    symlink(fixture.at("handler-1.wasm"), fixture.at("use/mounted.wasm")).expect("a link can be made");
    reload(&server, 1);
    assert!(server.stderr().contains("'use/mounted.wasm': permission denied"), "{}", server.stderr());
    assert_eq!(versions(&server), [0, 0]);
}

#[test]
fn the_compiler_ends_with_the_server() {
    let fixture = Fixture::new();
    for signal in [Signal::KILL, Signal::TERM] {
        let server = fixture.serve(&ARGUMENTS);
        let compiler = compiler(&server);
        // All processes of a service may get the signal for a reload.
        kill_process(compiler, Signal::HUP).expect("it runs");
        reload(&server, 1);
        assert!(!server.stderr().contains("not replaced") && !has_ended(compiler), "{}", server.stderr());
        server.stop(signal);
        clock::poll(TIMEOUT, || has_ended(compiler).then_some(())).expect("it ends");
    }
}

#[test]
fn a_server_without_its_compiler_keeps_its_components() {
    let fixture = Fixture::new();
    let server = fixture.serve(&ARGUMENTS);
    kill_process(compiler(&server), Signal::KILL).expect("it runs");
    fixture.use_version(1);
    reload(&server, 1);
    let reason = "the compiler process has ended or does not respond; restart the server";
    assert!(server.stderr().contains(reason), "{}", server.stderr());
    assert_eq!(versions(&server), [0, 0]);
}

#[test]
fn a_server_without_component_files_has_no_compiler() {
    let fixture = Fixture::new();
    let server = fixture.serve(&[]);
    assert_eq!(children(&server), []);
}
