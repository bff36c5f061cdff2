//! The rights that the process gives up. A captured process asks the kernel for what it must not have, and so does one
//! without the restrictions, to show that the refusal comes from them.

use crate::support::client::get;
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::server::{self, Setup, Stack, TestServer};
use rustix::process::geteuid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const HARDENED: [&str; 2] = ["1", "2"];
const FREE: [&str; 2] = ["0", "0"];

/// A tree with a secret beside it.
fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("secret.txt"), SECRET.as_bytes(), MODIFIED);
    put(&place.path().join("www/hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("www/sub/x"), b"x", MODIFIED);
    put(&place.path().join("www/doomed.txt"), b"x", MODIFIED);
    link(Path::new("../secret.txt"), &place.path().join("www/out"));
    let long = fs::File::create(place.path().join("www/long")).expect("a file can be made");
    long.set_len(8 << 20).expect("a file can be long");
    place
}

#[track_caller]
fn serve(stack: Stack, directory: &Path, arguments: &[&str]) -> TestServer {
    let server = TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false });
    // Everything that has threads of its own has them now.
    assert_eq!(get(server.address(), "/long").body.len(), 8 << 20);
    assert_eq!(get(server.address(), "/").head.status, 200);
    server
}

/// The threads of a server by their id: name, NoNewPrivs and Seccomp.
fn threads(server: &TestServer) -> BTreeMap<u32, (String, [String; 2])> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).expect("the server runs");
    let mut found = BTreeMap::new();
    for task in tasks {
        let task = task.expect("a thread can be looked at").path();
        // A thread may have ended since.
        let Ok(status) = fs::read_to_string(task.join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim().to_owned()
        };
        let id = field("Pid").parse().expect("an id is a number");
        found.insert(id, (field("Name"), [field("NoNewPrivs"), field("Seccomp")]));
    }
    found
}

#[test]
fn every_thread_has_given_up_its_rights() {
    let place = tree();
    let root = place.path().join("www");
    // Another handler is compiled at the start, by several threads.
    for (stack, arguments, expected) in [
        (Stack::Host, &[][..], HARDENED),
        (Stack::Host, &["--no-replay", "--require-harden"], HARDENED),
        (Stack::HostP2, &[], HARDENED),
        (Stack::HostP2, &["--require-harden"], HARDENED),
        (Stack::Host, &["--no-harden"], FREE),
        (Stack::HostP2, &["--no-harden"], FREE),
    ] {
        let server = serve(stack, &root, arguments);
        let threads = threads(&server);
        assert!(threads.len() >= 3, "one that accepts, one that works, one that counts time: {threads:?}");
        assert!(threads.values().all(|(_, state)| *state == expected), "{stack:?} {arguments:?}: {threads:?}");
        assert!(!server.stderr().contains("glasshouse: "), "{}", server.stderr());
    }
}

/// The parent of the server may have files open that do not concern it.
#[test]
fn what_was_open_before_is_closed() {
    let place = tree();
    let secret = place.path().join("secret.txt");
    for (extra, is_hardened) in [("", true), ("--no-harden", false)] {
        // A configuration by such a descriptor, as shells write `--config <(...)`, is still read.
        let script = format!(
            "printf 'cors = \"*\"\\n' >conf; exec 7>>secret.txt 8<secret.txt 9<conf; \
             exec \"$0\" 0 -b 127.0.0.1 -d www --config /dev/fd/9 {extra}"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(server::glasshouse().get_program()).current_dir(place.path());
        let server = TestServer::spawn(command);
        assert_eq!(get(server.address(), "/hello.txt").head.one("access-control-allow-origin"), Some("*"));
        let descriptors = fs::read_dir(format!("/proc/{}/fd", server.id())).expect("the server runs");
        let open: Vec<_> = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        let is_from_outside = |path: &&std::path::PathBuf| **path == secret || path.ends_with("conf");
        assert_eq!(open.iter().filter(is_from_outside).count(), 0, "{is_hardened}: {open:?}");
    }
}

/// The memory has keys in it, so it goes into no file and no debugger of the same user.
#[test]
fn no_core_file_and_no_debugger() {
    let place = tree();
    let root = place.path().join("www");
    let runs_unprivileged = geteuid().is_root() && server::can_be_unprivileged();
    let mut setup =
        Setup { stack: Stack::Host, directory: &root, options: &[], arguments: &[], unprivileged: runs_unprivileged };
    let state = |setup: Setup| {
        let server = TestServer::launch(setup);
        let at = format!("/proc/{}", server.id());
        let limits = fs::read_to_string(format!("{at}/limits")).expect("the server runs");
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
        let core: Vec<String> = core.split_whitespace().take(2).map(str::to_owned).collect();
        // The files of a process that cannot be dumped belong to root (proc(5)).
        let owner = fs::metadata(format!("{at}/environ")).expect("the server runs").uid();
        (core.iter().all(|limit| limit == "0"), owner)
    };
    assert_eq!(state(setup), (true, 0));
    setup.arguments = &["--no-harden"];
    if runs_unprivileged {
        assert_ne!(state(setup).1, 0, "without the wall it can be looked into");
    }
}

#[test]
fn the_state_is_reported() {
    let place = tree();
    let reported = |arguments: &[&str]| {
        let mut command = server::glasshouse();
        command.arg("--check").arg("-d").arg(place.path()).args(arguments);
        let done = server::run(command);
        assert!(done.status.success(), "{done:?}");
        let line = done.stdout.lines().find_map(|line| line.strip_prefix("# rights of the process: "));
        line.unwrap_or_else(|| panic!("{done:?}")).to_owned()
    };
    let hardened = reported(&["--require-harden"]);
    assert!(hardened.starts_with("no_new_privs on, landlock on (version "), "{hardened}");
    assert!(hardened.ends_with(", seccomp on"), "{hardened}");
    assert_eq!(reported(&["--no-harden"]), "kept");
}

#[cfg(target_arch = "x86_64")]
mod taken_over;

/// What is served is the directory that was there at the start, wherever it goes.
#[test]
fn a_directory_that_is_moved_replaced_or_removed() {
    let place = tree();
    let (root, moved) = (place.path().join("www"), place.path().join("moved"));
    let server = serve(Stack::Host, &root, &[]);
    fs::rename(&root, &moved).expect("it can be moved");
    put(&root.join("hello.txt"), SECRET.as_bytes(), MODIFIED);
    put(&root.join("new.txt"), SECRET.as_bytes(), MODIFIED);
    put(&moved.join("late/x"), b"late", MODIFIED);
    for (target, status, text) in [("/hello.txt", 200, "hello\n"), ("/late/x", 200, "late")] {
        let answer = get(server.address(), target);
        assert_eq!((answer.head.status, answer.text().as_str()), (status, text), "{target}");
    }
    for target in ["/new.txt", "/out"] {
        assert_eq!(get(server.address(), target).head.status, 404, "{target}");
    }
    fs::remove_dir_all(&moved).expect("it can be removed");
    for target in ["/hello.txt", "/late/x", "/new.txt"] {
        assert_eq!(get(server.address(), target).head.status, 404, "{target}");
    }
}

/// A mount that goes when this value goes.
struct Bind<'a>(&'a Path);

impl Bind<'_> {
    fn new<'a>(from: &Path, to: &'a Path) -> Option<Bind<'a>> {
        let done = Command::new("mount").arg("--bind").args([from, to]).output();
        done.is_ok_and(|done| done.status.success()).then_some(Bind(to))
    }
}

impl Drop for Bind<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0).status());
    }
}

/// What is mounted in the tree is part of it; what is mounted over it later takes nothing of it away.
#[test]
fn directories_that_are_mounted() {
    let place = tree();
    let beside = place.path().join("beside");
    put(&beside.join("in.txt"), b"in", MODIFIED);
    let (root, early, late) =
        (place.path().join("mounted"), place.path().join("www/sub"), place.path().join("www/late"));
    for path in [&root, &late] {
        fs::create_dir(path).expect("a directory can be made");
    }
    if !geteuid().is_root() {
        return fixture::skipped("mounted directories, which only root can make");
    }
    let (Some(_early), Some(_root)) = (Bind::new(&beside, &early), Bind::new(&place.path().join("www"), &root)) else {
        return fixture::skipped("mounted directories, which this system does not let root make");
    };
    // A bind of the tree does not take along what is mounted in it.
    for (directory, target, status) in [
        (place.path().join("www"), "/sub/in.txt", 200),
        (root.clone(), "/sub/in.txt", 404),
        (root.clone(), "/sub/x", 200),
    ] {
        let server = serve(Stack::Host, &directory, &["--require-harden"]);
        assert_eq!(get(server.address(), target).head.status, status, "{directory:?}{target}");
        assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
        assert_eq!(get(server.address(), "/out").head.status, 404);
    }
    let server = serve(Stack::Host, &place.path().join("www"), &["--require-harden"]);
    let _late = Bind::new(&beside, &late).expect("another directory can be mounted");
    assert_eq!(get(server.address(), "/late/in.txt").text(), "in");
    let over = place.path().join("www");
    let _over = Bind::new(&beside, &over).expect("another directory can be mounted");
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n", "the directory beneath is still the one served");
}
