//! Malicious trees: they change during a request, have links that lead out, have no end, or are not trees. The server
//! never sends a byte from outside, never hangs, and stays up.

use super::{effort, is_torture};
use crate::support::client::{BodyFraming, HttpConnection, ask, get, request};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::proc::memory;
use crate::support::server::{self, Setup, Stack, TestServer};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, mkdirat, mknodat, openat, renameat_with, unlinkat,
};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer may take while a tree is doing its worst.
const DEADLINE: Duration = Duration::from_secs(3);
const GOOD: &[u8] = b"good";

/// The ways in which the host is run.
const HOSTS: &[(Stack, &[&str])] = &[(Stack::Host, &[]), (Stack::Host, &["--no-replay"]), (Stack::HostP2, &[])];

#[track_caller]
fn launch(stack: Stack, directory: &Path, arguments: &[&str]) -> TestServer {
    TestServer::launch(Setup { stack, directory, options: &[], arguments, unprivileged: false })
}

/// Puts each of two entries in the place of the other, at once.
fn swap(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("entries can be exchanged");
}

/// A tree, pairs of its entries to swap, and the target of the requests during the swaps.
fn battlefield(place: &Path) -> (Vec<(PathBuf, PathBuf)>, &'static [&'static str]) {
    let (root, beside) = (place.join("www"), place.join("beside"));
    put(&beside.join("x"), SECRET.as_bytes(), MODIFIED);
    // What `../../f` leads to from where a folder is moved to.
    put(&place.join("f"), SECRET.as_bytes(), MODIFIED);
    for path in ["f", "d/x", "p/q/x", "p2/q/x", "s"] {
        put(&root.join(path), GOOD, MODIFIED);
    }
    link(Path::new("../beside/x"), &root.join(".f"));
    link(Path::new("../beside"), &root.join(".d"));
    link(Path::new("../../f"), &root.join("p/q/up"));
    fs::create_dir_all(beside.join("q")).expect("a directory can be made");
    mknodat(CWD, root.join(".s"), FileType::Fifo, Mode::from_bits_truncate(0o666), 0).expect("a FIFO can be made");
    let pairs =
        [("f", ".f"), ("d", ".d"), ("p", "p2"), ("s", ".s")].map(|(one, other)| (root.join(one), root.join(other)));
    let moved = (root.join("p/q"), beside.join("q"));
    (pairs.into_iter().chain([moved]).collect(), &["/f", "/d/x", "/d/", "/p/q/x", "/p/q/up", "/p/q/", "/s", "/"])
}

/// What came of some requests, by target and status.
type ResponseTally = BTreeMap<(&'static str, u16), usize>;

/// Asks again and again; nothing may come from outside, late, or as an error of the server.
#[track_caller]
fn besiege(address: SocketAddr, targets: &[&'static str], rounds: usize, shift: usize) -> ResponseTally {
    let mut tally = ResponseTally::new();
    for round in 0..rounds {
        let target = targets[(round + shift) % targets.len()];
        let start = Instant::now();
        let answer = get(address, target);
        assert!(start.elapsed() < DEADLINE, "{target} took {:?}", start.elapsed());
        assert!(!answer.text().contains(SECRET), "{target}: {}", answer.text());
        let status = answer.head.status;
        assert!(matches!(status, 200 | 301 | 404), "{target}: {status}");
        assert!(status != 200 || target.ends_with('/') || answer.body == GOOD, "{target}: {}", answer.text());
        *tally.entry((target, status)).or_default() += 1;
    }
    tally
}

#[test]
fn the_secret_never_appears_while_the_tree_is_swapped() {
    for (stack, arguments) in HOSTS {
        let place = fixture::place();
        let (pairs, targets) = battlefield(place.path());
        let mut server = launch(*stack, &place.path().join("www"), arguments);
        let (swaps, busy) = (AtomicUsize::new(0), AtomicUsize::new(4));
        let (swaps, busy, address) = (&swaps, &busy, server.address());
        let least = effort(5_000, 100_000);
        let tally = thread::scope(|scope| {
            let besiegers: Vec<_> = (0..4)
                .map(|shift| {
                    scope.spawn(move || {
                        let _over = CountGuard(busy);
                        besiege(address, targets, effort(250, 5_000), shift)
                    })
                })
                .collect();
            scope.spawn(move || {
                while busy.load(Ordering::Relaxed) > 0 || swaps.load(Ordering::Relaxed) < least {
                    for (one, other) in &pairs {
                        // A folder that was moved with its parent is not there to be swapped.
                        let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
                        swaps.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            let mut all = ResponseTally::new();
            for besieger in besiegers {
                for (end, count) in besieger.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                    *all.entry(end).or_default() += count;
                }
            }
            all
        });
        if is_torture() {
            eprintln!("swapped trees {stack:?} {arguments:?}: {} swaps, {tally:?}", swaps.load(Ordering::Relaxed));
        }
        assert!(server.is_alive());
        // Both sides of the swaps were met, or nothing was tried.
        for end in [("/f", 200), ("/f", 404), ("/d/x", 200), ("/d/x", 404), ("/s", 200), ("/s", 404)] {
            assert!(tally.contains_key(&end), "{end:?} in {tally:?}");
        }
    }
}

/// Counts one less at its end, also where that is a panic.
struct CountGuard<'a>(&'a AtomicUsize);

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A FIFO that takes the place of a file keeps no thread, however many ask for it.
#[test]
fn a_fifo_in_the_place_of_a_file_blocks_no_request() {
    for (stack, arguments) in HOSTS {
        let place = fixture::place();
        let (file, fifo) = (place.path().join("s"), place.path().join(".s"));
        put(&file, GOOD, MODIFIED);
        put(&place.path().join("other"), GOOD, MODIFIED);
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_bits_truncate(0o666), 0).expect("a FIFO can be made");
        let server = launch(*stack, place.path(), arguments);
        for _ in 0..effort(20, 500) {
            swap(&file, &fifo);
            thread::scope(|scope| {
                for target in ["/s", "/s", "/s", "/other"] {
                    scope.spawn(|| besiege(server.address(), &[target], 2, 0));
                }
            });
        }
        assert_eq!(get(server.address(), "/other").body, GOOD);
    }
}

#[test]
fn a_root_that_is_replaced_or_removed_is_still_the_same() {
    for (stack, arguments) in HOSTS {
        let place = fixture::place();
        let (root, away) = (place.path().join("www"), place.path().join("away"));
        put(&root.join("f"), GOOD, MODIFIED);
        put(&place.path().join("beside/f"), SECRET.as_bytes(), MODIFIED);
        let mut server = launch(*stack, &root, arguments);
        assert_eq!(get(server.address(), "/f").body, GOOD);
        fs::rename(&root, &away).expect("a directory can be renamed");
        link(Path::new("beside"), &root);
        assert_eq!(get(server.address(), "/f").body, GOOD);
        assert!(get(server.address(), "/").text().contains("f"));
        fs::remove_dir_all(&away).expect("a directory can be removed");
        for target in ["/f", "/", "/none", "/?download=zip"] {
            let answer = get(server.address(), target);
            assert!(answer.head.status < 500 && !answer.text().contains(SECRET), "{target}: {}", answer.head.status);
        }
        assert_eq!(get(server.address(), "/f").head.status, 404);
        assert!(server.is_alive());
    }
}

/// A file system that is mounted into the tree is part of it; its links still lead nowhere else.
#[test]
fn what_is_mounted_into_the_tree_is_of_the_tree() {
    let mut possible = Command::new("unshare");
    possible.args(["--mount", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !possible.status().is_ok_and(|status| status.success()) {
        return fixture::skipped("bind mounts, which take the right to mount");
    }
    let place = fixture::place();
    let (root, beside) = (place.path().join("www"), place.path().join("beside"));
    put(&beside.join("in/f"), GOOD, MODIFIED);
    put(&beside.join("secret"), SECRET.as_bytes(), MODIFIED);
    link(Path::new("../secret"), &beside.join("in/up"));
    fs::create_dir_all(root.join("mounted")).expect("a directory can be made");
    put(&root.join("file"), b"beneath", MODIFIED);
    let program = server::glasshouse();
    let script = "mount --bind \"$1/beside/in\" \"$1/www/mounted\" && mount --bind \"$1/beside/in/f\" \"$1/www/file\" \
                  && exec \"$2\" 0 --bind 127.0.0.1 --directory \"$1/www\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(place.path()).arg(program.get_program());
    for (variable, _) in program.get_envs() {
        command.env_remove(variable);
    }
    let server = TestServer::spawn(command);
    for (target, status) in [("/mounted/f", 200), ("/file", 200), ("/mounted/", 200), ("/mounted/up", 404)] {
        let answer = get(server.address(), target);
        assert_eq!(answer.head.status, status, "{target}");
        assert!(!answer.text().contains(SECRET), "{target}");
    }
    assert_eq!(get(server.address(), "/file").body, GOOD);
}

#[test]
fn a_directory_of_very_many_entries_is_bounded() {
    let place = fixture::place();
    let count = effort(100_000, 1_000_000);
    for index in 0..count {
        File::create(place.path().join(format!("entry-{index:07}"))).expect("a file can be made");
    }
    put(&place.path().join("aside/f"), GOOD, MODIFIED);
    let server = launch(Stack::Host, place.path(), &[]);
    assert_eq!(get(server.address(), "/aside/f").body, GOOD);
    let before = memory(&server, "VmHWM:");
    for target in ["/", "/?format=json", "/?format=text", "/?sort=size", "/?search=9", "/?download=zip", "/entry-none"]
    {
        let start = Instant::now();
        let answer = ask(server.address(), "GET", target, &[("Accept", "text/html")]).expect("an answer");
        let took = start.elapsed();
        if is_torture() {
            let (status, length) = (answer.head.status, answer.body.len());
            eprintln!(
                "{count} entries: {target}: {status}, {length} bytes in {took:?}, peak {:?} KiB",
                memory(&server, "VmHWM:")
            );
        }
        assert!(matches!(answer.head.status, 200 | 404 | 413), "{target}: {}", answer.head.status);
        assert!(took < Duration::from_secs(8), "{target} took {took:?}");
    }
    if let (Some(before), Some(after)) = (before, memory(&server, "VmHWM:")) {
        assert!(after < before + (192 << 10), "memory rose from {before} to {after} KiB");
    }
}

/// Folders in each other, to where a path has its greatest length and beyond it.
#[test]
fn a_tree_may_be_as_deep_as_a_path_is_long() {
    const REACHED: usize = 2_000;
    const BEYOND: usize = 100;
    let place = fixture::place();
    let open = |above: &OwnedFd| {
        mkdirat(above, "d", Mode::from_bits_truncate(0o755)).expect("a directory can be made");
        openat(above, "d", OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).expect("it can be opened")
    };
    let root = openat(CWD, place.path(), OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).expect("it can be opened");
    let reached = (1..REACHED).fold(open(&root), |above, _| open(&above));
    let file = openat(&reached, "f", OFlags::CREATE | OFlags::WRONLY, Mode::from_bits_truncate(0o644));
    File::from(file.expect("a file can be made")).write_all(GOOD).expect("it can be written");
    drop((1..BEYOND).fold(open(&reached), |above, _| open(&above)));
    for (stack, arguments) in HOSTS {
        let mut server = launch(*stack, place.path(), arguments);
        let reached = "/d".repeat(REACHED);
        assert_eq!(get(server.address(), &format!("{reached}/f")).body, GOOD);
        for (target, status) in [
            (format!("{reached}/"), 200),
            (reached, 301),
            ("/d".repeat(REACHED + BEYOND - 1) + "/", 404),
            ("/d".repeat(30_000), 404),
            ("/?search=f".to_owned(), 200),
            ("/?download=zip".to_owned(), 413),
        ] {
            let start = Instant::now();
            assert_eq!(get(server.address(), &target).head.status, status, "{} bytes", target.len());
            assert!(start.elapsed() < DEADLINE, "{} bytes took {:?}", target.len(), start.elapsed());
        }
        assert!(server.is_alive());
    }
    // No other way to remove them has room for their paths.
    let path = |levels: usize| vec!["d"; levels].join("/");
    unlinkat(&reached, "f", AtFlags::empty()).expect("a file can be removed");
    for (top, levels) in [(&reached, BEYOND), (&root, REACHED)] {
        for level in (1..=levels).rev() {
            unlinkat(top, path(level), AtFlags::REMOVEDIR).expect("a directory can be removed");
        }
    }
}

/// A file that is read while it changes its length: what was announced comes, or the connection ends.
#[test]
fn a_file_may_grow_and_shrink_while_it_is_read() {
    const LONG: u64 = 4 << 20;
    for (stack, arguments) in HOSTS {
        let place = fixture::place();
        let path = place.path().join("f");
        put(&path, b"x", MODIFIED);
        let sparse = File::create(place.path().join("sparse")).expect("a file can be made");
        sparse.set_len(1 << 40).expect("a file can have holes");
        let mut server = launch(*stack, place.path(), arguments);
        let part = ask(server.address(), "GET", "/sparse", &[("Range", "bytes=1099511627770-")]).expect("an answer");
        assert_eq!((part.head.status, part.body.as_slice()), (206, &[0; 6][..]));
        let (over, address) = (AtomicUsize::new(1), server.address());
        let (whole, cut) = thread::scope(|scope| {
            scope.spawn(|| {
                let file = File::options().write(true).open(&path).expect("it can be written");
                while over.load(Ordering::Relaxed) > 0 {
                    for length in [LONG, 0, LONG / 3, LONG * 2] {
                        file.set_len(length).expect("a file can be cut");
                        thread::yield_now();
                    }
                }
            });
            let _over = CountGuard(&over);
            read_while_it_changes(address, effort(100, 2_000))
        });
        if is_torture() {
            eprintln!("a changing file {stack:?} {arguments:?}: {whole} whole, {cut} cut");
        }
        assert!(server.is_alive());
    }
}

/// How many answers were whole, and how many were cut.
#[track_caller]
fn read_while_it_changes(address: SocketAddr, rounds: usize) -> (usize, usize) {
    let (mut whole, mut cut) = (0, 0);
    for _ in 0..rounds {
        let mut connection = HttpConnection::open(address);
        connection.send(&request("GET", "/f", &[("Connection", "close")])).expect("the server reads");
        // A file that has shrunk before its first byte is sent has no head either.
        let Some(head) = connection.head().expect("a head or none") else {
            cut += 1;
            continue;
        };
        assert_eq!(head.status, 200);
        match connection.body(BodyFraming::of("GET", &head).expect("framing"), |_| {}) {
            Ok(_) => {
                assert_eq!(connection.rest().expect("it ends"), b"", "more came than was announced");
                whole += 1;
            }
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => cut += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (whole, cut)
}

/// Entries of a directory and of those below it, a few of each.
fn wander(top: &str, most: usize) -> Vec<String> {
    let (mut due, mut found) = (vec![String::new()], Vec::new());
    while let Some(path) = due.pop()
        && found.len() < most
    {
        let Ok(entries) = fs::read_dir(format!("{top}{path}")) else { continue };
        for entry in entries.flatten().take(40) {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let below = format!("{path}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && below.matches('/').count() < 4 => due.insert(0, below.clone()),
                _ => {}
            }
            found.push(below);
        }
    }
    found.truncate(most);
    found
}

#[test]
fn trees_of_the_kernel_neither_hang_nor_crash_it() {
    let most = effort(150, 600);
    for (top, more) in
        [("/proc", &["/kmsg", "/self/mem", "/self/fd/0", "/kcore", "/self/", "/1/", "/"][..]), ("/sys", &["/"])]
    {
        for (stack, arguments) in HOSTS {
            let mut server = launch(*stack, Path::new(top), arguments);
            let mut tally: BTreeMap<u16, usize> = BTreeMap::new();
            for path in wander(top, most).iter().map(String::as_str).chain(more.iter().copied()) {
                let start = Instant::now();
                let mut connection = HttpConnection::open(server.address());
                connection.wait_at_most(DEADLINE);
                let target = crate::support::html::percent_encode(path.as_bytes());
                connection.send(&request("GET", &target, &[])).expect("the server reads");
                let head = connection.head().unwrap_or_else(|error| panic!("{top}{path}: {error}"));
                // Much of it is shorter than it says, or cannot be read: that is cut, before its head if at once.
                let status = head.map_or(0, |head| head.status);
                assert!(start.elapsed() < DEADLINE, "{top}{path} took {:?}", start.elapsed());
                *tally.entry(status).or_default() += 1;
            }
            if is_torture() {
                eprintln!("{top} {stack:?} {arguments:?}: {tally:?}");
            }
            assert!(server.is_alive());
        }
    }
}
