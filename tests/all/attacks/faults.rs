//! Injects faults of the machine: a filter lets a system call fail, or the limits of the running server are lowered.
//! Each fault is an error response and a line in the log, and ends with its cause.

use crate::support::client::{HttpConnection, ask, get, request};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::server::{Setup, Stack, TestServer};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use tempfile::TempDir;

/// A system call that fails, with which error and for which of its arguments.
type FailingCall = (i64, Errno, Which);

#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    /// Those with a descriptor that is none of the start, where libraries are read by the same calls.
    AtWork,
    /// Looks at entries of a directory, as distinct from those at open files.
    AtEntries,
}

impl Which {
    fn rules(self) -> Vec<SeccompRule> {
        let (argument, operator, value) = match self {
            Which::All => return Vec::new(),
            Which::AtWork => (0, SeccompCmpOp::Ge, 8),
            Which::AtEntries => (3, SeccompCmpOp::Eq, u64::from(libc::AT_SYMLINK_NOFOLLOW.unsigned_abs())),
        };
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
        let condition = condition.expect("a call has such an argument");
        vec![SeccompRule::new(vec![condition]).expect("one condition is a rule")]
    }
}

fn tree() -> TempDir {
    let place = fixture::place();
    let root = place.path().join("www");
    put(&place.path().join("secret.txt"), SECRET.as_bytes(), MODIFIED);
    put(&root.join("a.txt"), &[b'a'; 100_000], MODIFIED);
    put(&root.join("sub/b.txt"), b"b", MODIFIED);
    link(Path::new("../secret.txt"), &root.join("out"));
    link(Path::new("a.txt"), &root.join("in"));
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::from_bits_truncate(0o666), 0).expect("a FIFO can be made");
    place
}

/// A server for which a system call fails from its start on. The filter is that of a thread, and of what the thread
/// starts.
#[track_caller]
fn start(stack: Stack, place: &TempDir, arguments: &[&str], (call, errno, which): FailingCall) -> TestServer {
    let errno = SeccompAction::Errno(errno.raw_os_error().unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().expect("filters can be made for this machine");
    let rules = BTreeMap::from([(call, which.rules())]);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, architecture).expect("the rules make a filter");
    let filter = BpfProgram::try_from(filter).expect("the filter is short");
    let directory = &place.path().join("www");
    let launch = || {
        apply_filter(&filter).expect("a thread can be filtered");
        TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false })
    };
    thread::scope(|scope| scope.spawn(launch).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What is asked of a server whose calls fail, and the status that it must answer with; 0 for an answer that is cut.
type FaultCase<'a> = (&'a str, u16);

#[track_caller]
fn check(stack: Stack, arguments: &[&str], broken: FailingCall, rows: &[FaultCase], line: &str) {
    let place = tree();
    let mut server = start(stack, &place, arguments, broken);
    for (target, status) in rows {
        let gzip = [("Accept-Encoding", "gzip")];
        // Twice: an answer that was kept would show.
        for _ in 0..2 {
            let got = match ask(server.address(), "GET", target, &gzip) {
                Ok(answer) => {
                    assert!(answer.head.status < 500 || answer.head.all("etag").next().is_none());
                    answer.head.status
                }
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => 0,
                Err(error) => panic!("{target}: {error}"),
            };
            assert_eq!(got, *status, "{stack:?} {arguments:?} {broken:?}: {target}");
        }
    }
    if !line.is_empty() {
        server.wait_for_stderr(line, |log| log.lines().any(|said| said.contains(line)).then_some(()));
    }
    assert!(server.is_alive());
}

#[test]
fn what_cannot_be_opened_is_an_error() {
    let rows = [("/a.txt", 500), ("/sub/", 500), ("/", 500), ("/none", 500)];
    for errno in
        [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOSPC, Errno::DQUOT, Errno::STALE, Errno::AGAIN]
    {
        let error = std::io::Error::from(errno);
        let line = format!("glasshouse: cannot open 'a.txt': {error}");
        check(Stack::Host, &[], (libc::SYS_openat2, errno, Which::All), &rows, &line);
    }
    let error = std::io::Error::from(Errno::IO);
    let broken = (libc::SYS_openat2, Errno::IO, Which::All);
    check(Stack::Host, &["--no-replay"], broken, &rows, &format!("cannot open 'a.txt': {error}"));
    check(Stack::HostP2, &[], broken, &rows, &format!("cannot open 'a.txt': {error}"));
}

#[test]
fn what_cannot_be_looked_at_is_an_error() {
    let broken = (libc::SYS_newfstatat, Errno::IO, Which::AtEntries);
    // The options of the site are unknown.
    check(Stack::Host, &[], broken, &[("/a.txt", 500)], "cannot stat 'glasshouse.toml': ");
    let rows = [("/a.txt", 200), ("/sub/b.txt", 200), ("/sub/", 500), ("/?search=b", 500), ("/?download=zip", 500)];
    check(Stack::Host, &["--no-site-file"], broken, &rows, "cannot stat 'sub/b.txt': ");
    check(Stack::HostP2, &["--no-site-file"], broken, &rows, "cannot stat 'sub/b.txt': ");
    let opened = (libc::SYS_fstat, Errno::IO, Which::AtWork);
    check(Stack::Host, &[], opened, &[("/a.txt", 500), ("/sub/", 500)], "cannot open 'a.txt': ");
}

#[test]
fn a_directory_that_cannot_be_read_is_no_short_listing() {
    let broken = (libc::SYS_getdents64, Errno::IO, Which::All);
    let rows = [("/a.txt", 200), ("/sub/", 500), ("/", 500), ("/sub/?format=json", 500), ("/?download=tar", 500)];
    for (stack, arguments) in [(Stack::Host, &[][..]), (Stack::Host, &["--no-replay"]), (Stack::HostP2, &[])] {
        check(stack, arguments, broken, &rows, "cannot read the directory 'sub': ");
    }
}

#[test]
fn content_that_cannot_be_read_is_cut() {
    for arguments in [&[][..], &["--no-replay"]] {
        let broken = (libc::SYS_preadv2, Errno::IO, Which::All);
        check(Stack::Host, arguments, broken, &[("/a.txt", 0), ("/sub/", 200)], "cannot read 'a.txt': ");
    }
    // Read by the handler, to be encoded.
    let broken = (libc::SYS_pread64, Errno::IO, Which::AtWork);
    check(Stack::Host, &["--compress"], broken, &[("/a.txt", 0), ("/sub/", 200)], "cannot read 'a.txt': ");
    check(Stack::HostP2, &[], broken, &[("/a.txt", 0), ("/sub/", 200)], "cannot read: ");
}

/// An old kernel and the filter of an old container: everything is as it is elsewhere.
#[test]
fn without_a_walk_by_the_kernel_nothing_is_different() {
    let rows = [
        ("/a.txt", 200),
        ("/in", 200),
        ("/sub/", 200),
        ("/none", 404),
        ("/out", 404),
        ("/out/", 404),
        ("/fifo", 404),
        ("/?download=tar", 200),
        ("/?download=zip", 200),
        ("/sub/?download=tar.gz", 200),
    ];
    for errno in [Errno::NOSYS, Errno::PERM] {
        for stack in [Stack::Host, Stack::HostP2] {
            check(stack, &[], (libc::SYS_openat2, errno, Which::All), &rows, "");
        }
    }
}

/// Descriptors run out, and come back.
#[test]
fn a_fault_ends_with_its_cause() {
    let place = tree();
    let mut server = TestServer::start(Stack::Host, &place.path().join("www"));
    let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
    let connect = |_| {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request("GET", "/a.txt", &[])).expect("the server reads");
        assert_eq!(connection.answer("GET").expect("an answer").head.status, 200);
        connection
    };
    let mut connections: Vec<_> = (0..16).map(connect).collect();
    let before = rustix::process::getrlimit(Resource::Nofile);
    let reached = Rlimit { current: Some(3), maximum: before.maximum };
    prlimit(Some(id), Resource::Nofile, reached).expect("the limit of a child can be lowered");
    for connection in &mut connections {
        connection.send(&request("GET", "/a.txt", &[])).expect("the server reads");
        assert_eq!(connection.answer("GET").expect("an answer").head.status, 500);
    }
    let log = server.wait_for_stderr("the fault", |log| log.contains("cannot ").then(|| log.to_owned()));
    let lines = log.lines().filter(|line| line.contains("Too many open files")).count();
    assert!((1..=16).contains(&lines), "{log}");
    prlimit(Some(id), Resource::Nofile, before).expect("the limit of a child can be raised");
    for _ in 0..16 {
        assert_eq!(get(server.address(), "/a.txt").body.len(), 100_000);
    }
    assert!(server.is_alive());
}
