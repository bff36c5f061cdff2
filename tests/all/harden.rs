//! The third wall: what the process of the server has given up. A process that was taken over is made to ask for what it
//! must not have; beside it stands one that gave up nothing, so that a refusal means something.

use crate::client::get;
use crate::fixture::{self, MODIFIED, SECRET, link, put};
use crate::server::{self, Server, Setup, Stack};
use rustix::process::geteuid;
use std::collections::BTreeMap;
use std::fs;
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
fn serve(stack: Stack, directory: &Path, arguments: &[&str]) -> Server {
    let server = Server::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false });
    // Everything that has threads of its own has them now.
    assert_eq!(get(server.address(), "/long").body.len(), 8 << 20);
    assert_eq!(get(server.address(), "/").head.status, 200);
    server
}

/// The threads of a server by their id: name, NoNewPrivs and Seccomp.
fn threads(server: &Server) -> BTreeMap<u32, (String, [String; 2])> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).expect("the server runs");
    let mut found = BTreeMap::new();
    for task in tasks {
        let task = task.expect("a thread can be looked at").path();
        // A thread that has ended meanwhile is none.
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

#[test]
fn the_state_is_told() {
    let place = tree();
    let told = |arguments: &[&str]| {
        let mut command = server::glasshouse();
        command.arg("--check").arg("-d").arg(place.path()).args(arguments);
        let done = server::run(command);
        assert!(done.status.success(), "{done:?}");
        let line = done.stdout.lines().find_map(|line| line.strip_prefix("# rights of the process: "));
        line.unwrap_or_else(|| panic!("{done:?}")).to_owned()
    };
    let hardened = told(&["--require-harden"]);
    assert!(hardened.starts_with("no_new_privs on, landlock on (version "), "{hardened}");
    assert!(hardened.ends_with(", seccomp on"), "{hardened}");
    assert_eq!(told(&["--no-harden"]), "kept");
}

/// A process that was taken over altogether: the walls within it are gone, and code of the attacker asks the kernel.
#[cfg(target_arch = "x86_64")]
mod taken_over {
    use super::*;
    use crate::inject::{Captive, Word, Word::Number, Word::Text};
    use libc::{
        AT_FDCWD, EACCES, ENOSYS, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, PROT_EXEC, PROT_READ, PROT_WRITE,
    };

    /// What is asked for, what a hardened process is told, and whether a free one is asked too, and gets it.
    struct Row {
        what: &'static str,
        call: libc::c_long,
        words: Vec<Word>,
        hardened: i32,
        is_had_otherwise: bool,
    }

    fn number(number: i32) -> Word {
        Number(number.into())
    }

    fn rows(place: &Path) -> Vec<Row> {
        let path = |name: &str| place.join(name).to_str().expect("the path is UTF-8").to_owned();
        let open = |what, path: String, flags, hardened| Row {
            what,
            call: libc::SYS_openat,
            words: vec![number(AT_FDCWD), Text(path), number(flags), number(0o600)],
            hardened,
            is_had_otherwise: true,
        };
        let had = |what, call, words| Row { what, call, words, hardened: -ENOSYS, is_had_otherwise: true };
        let lost = |what, call, words| Row { what, call, words, hardened: -ENOSYS, is_had_otherwise: false };
        let all = PROT_READ | PROT_WRITE | PROT_EXEC;
        let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        vec![
            open("a served file", path("www/hello.txt"), O_RDONLY, 0),
            open("a served directory", path("www/sub"), O_RDONLY, 0),
            open("a file beside the root", path("secret.txt"), O_RDONLY, -EACCES),
            open("the same, through the root", path("www/../secret.txt"), O_RDONLY, -EACCES),
            open("the same, by a link", path("www/out"), O_RDONLY, -EACCES),
            open("the directory above", path(""), O_RDONLY, -EACCES),
            open("the passwords", "/etc/passwd".into(), O_RDONLY, -EACCES),
            open("its environment", "/proc/self/environ".into(), O_RDONLY, -EACCES),
            open("its memory", "/proc/self/mem".into(), O_RDWR, -EACCES),
            open("a served file, to write", path("www/hello.txt"), O_WRONLY, -EACCES),
            open("a served file, to empty", path("www/doomed.txt"), O_RDONLY | O_TRUNC, -EACCES),
            open("a new file", path("www/new.txt"), O_WRONLY | O_CREAT, -EACCES),
            had("remove", libc::SYS_unlinkat, vec![number(AT_FDCWD), Text(path("www/doomed.txt")), number(0)]),
            had("make a directory", libc::SYS_mkdirat, vec![number(AT_FDCWD), Text(path("www/new")), number(0o700)]),
            had("change rights", libc::SYS_fchmodat, vec![number(AT_FDCWD), Text(path("www/sub")), number(0o755)]),
            had(
                "a socket",
                libc::SYS_socket,
                vec![number(libc::AF_INET), number(libc::SOCK_STREAM | libc::SOCK_CLOEXEC), number(0)],
            ),
            had(
                "memory to write and execute",
                libc::SYS_mmap,
                vec![number(0), number(4096), number(all), number(anonymous), number(-1), number(0)],
            ),
            had("executable memory", libc::SYS_mprotect, vec![number(0), number(0), number(PROT_EXEC)]),
            had("a file in memory", libc::SYS_memfd_create, vec![Text("x".into()), number(0)]),
            lost("another program", libc::SYS_execve, vec![Text("/bin/true".into()), number(0), number(0)]),
            lost("another process", libc::SYS_clone, vec![number(libc::SIGCHLD)]),
            lost("another process, newer", libc::SYS_clone3, vec![number(0), number(0)]),
            lost("a process to look into", libc::SYS_ptrace, vec![number(0)]),
            lost("memory of others", libc::SYS_process_vm_readv, vec![number(1)]),
            lost("a signal to another", libc::SYS_tgkill, vec![number(1), number(1), number(0)]),
            lost("a namespace", libc::SYS_unshare, vec![number(libc::CLONE_NEWUSER)]),
            lost("a mount", libc::SYS_mount, vec![number(0); 5]),
            lost("another root", libc::SYS_chroot, vec![Text("/".into())]),
            lost("a file by its handle", libc::SYS_open_by_handle_at, vec![number(0); 3]),
            lost("a ring", libc::SYS_io_uring_setup, vec![number(1), number(0)]),
            lost("a program in the kernel", libc::SYS_bpf, vec![number(0); 3]),
            lost("keys", libc::SYS_keyctl, vec![number(0)]),
            lost("another user", libc::SYS_setuid, vec![number(0)]),
        ]
    }

    /// Makes a thread that serves ask for all of it.
    fn ask(arguments: &[&str], expected: impl Fn(&Row) -> Option<i32>) {
        let place = tree();
        let server = serve(Stack::Host, &place.path().join("www"), arguments);
        let worker = threads(&server).into_iter().find(|(_, (name, _))| name == "worker").expect("it has a worker");
        let Some(captive) = Captive::take(worker.0) else {
            return fixture::skipped("a process that was taken over: this system lets no process stop another one");
        };
        for row in rows(place.path()) {
            let Some(expected) = expected(&row) else { continue };
            let result = captive.call(row.call, &row.words);
            let is_expected = if expected < 0 { result == i64::from(expected) } else { !(-4095..0).contains(&result) };
            assert!(is_expected, "{arguments:?}: {}: {result}", row.what);
        }
        drop(captive);
        assert_eq!(get(server.address(), "/sub/x").text(), "x", "it still serves");
    }

    #[test]
    fn it_reads_the_served_files_and_has_nothing_else() {
        ask(&["--threads", "1"], |row| Some(row.hardened));
    }

    #[test]
    fn without_this_wall_it_would_have_all_of_it() {
        ask(&["--threads", "1", "--no-harden"], |row| row.is_had_otherwise.then_some(0));
    }
}

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
