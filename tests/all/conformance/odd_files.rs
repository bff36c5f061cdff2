//! Odd trees: awkward names, links that lead nowhere, and entries that are not files. No stack hangs, responds with 500
//! or sends a wrong byte.

use crate::support::client::{ask, get};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::html::{self, percent_encode};
use crate::support::server::{self, Setup, Stack, TestServer};
use glasshouse_core::http::date::HttpTime;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

crate::support::on_every_stack!(names, shut, specials, links, times, many, bare);

/// Names that have broken servers, pages or both. The content of each file is its name.
const NAMES: &[&str] = &[
    " lead and trail ",
    "#?%;:\\",
    "$(id)`id`",
    "%",
    "%2e%2e",
    "%2fetc",
    "&amp;",
    "&lt;script&gt;",
    "'single'",
    "\"double\"",
    "+plus+",
    "-rf",
    "<b>",
    "<img src=x onerror=alert(1)>",
    "CON",
    "COM\u{b9}",
    "\u{1}control\u{7f}",
    "\u{1f333}",
    "\u{202e}gpj.exe",
    "\u{e9}",
    "a..b",
    "back\\slash",
    "data:text/html,<script>",
    "e\u{301}",
    "http:evil",
    "javascript:alert(1)",
    "new\nline",
    "return\r\nX-Injected: 1",
    "tab\there",
    "x\" onmouseover=\"alert(1)",
    "{{7*7}}",
    "~tilde",
];

fn names(stack: Stack) {
    let place = fixture::place();
    let mut expected = BTreeMap::new();
    let long = "\u{e4}".repeat(127) + "z";
    assert_eq!(long.len(), 255);
    for name in NAMES.iter().copied().chain([long.as_str()]) {
        for path in [format!("files/{name}"), format!("directories/{name}/{name}")] {
            put(&place.path().join(&path), name.as_bytes(), MODIFIED);
            expected.insert(path.into_bytes(), name.as_bytes().to_vec());
        }
    }
    if cfg!(target_os = "linux") {
        // PY-26: it is left out, and nothing else with it.
        put(&place.path().join("files").join(OsStr::from_bytes(b"latin \xe9 1")), b"latin", MODIFIED);
        fs::create_dir(place.path().join(OsStr::from_bytes(b"\xff\xfe"))).expect("a directory can be made");
    }
    let server = TestServer::start(stack, place.path());
    let mut found = BTreeMap::new();
    walk(&server, "/", &mut found);
    let (found_names, expected_names): (Vec<_>, Vec<_>) = (found.keys().collect(), expected.keys().collect());
    assert_eq!(found_names, expected_names, "what the listings lead to, and what there is");
    assert_eq!(found, expected);
}

/// Follows every link of the listings, as a browser would that asks for the raw bytes of each.
#[track_caller]
fn walk(server: &TestServer, url: &str, found: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    let answer = get(server.address(), url);
    assert_eq!(answer.head.status, 200, "{url}");
    assert_eq!(answer.head.all("x-injected").count(), 0, "{url}");
    let Some(directory) = url.strip_suffix('/') else {
        let path = html::percent_decode(url.trim_start_matches('/')).expect("links are encoded well");
        assert_eq!(found.insert(path, answer.body), None, "{url} is listed once");
        return;
    };
    for (href, _) in html::links(&answer.text()) {
        let name = href.strip_suffix('/').unwrap_or(&href);
        assert!(!name.is_empty() && !name.contains(['/', ':']), "{href:?} is a relative link to an entry");
        walk(server, &format!("{directory}/{href}"), found);
    }
}

/// PY-35, PY-61: what the server may not read is not there. Root may read everything, so the server runs without rights
/// where the tests run as root.
fn shut(stack: Stack) {
    if !server::can_be_unprivileged() {
        return fixture::skipped("what may not be read, as no other user may run the programs where they lie");
    }
    let place = fixture::place();
    let root = place.path();
    put(&root.join("open.txt"), b"open", MODIFIED);
    put(&root.join("shut.txt"), SECRET.as_bytes(), MODIFIED);
    put(&root.join("shut/in.txt"), SECRET.as_bytes(), MODIFIED);
    put(&root.join("blind/in.txt"), b"in", MODIFIED);
    put(&root.join("index/index.html"), SECRET.as_bytes(), MODIFIED);
    let modes = [("shut.txt", 0o000), ("shut", 0o000), ("blind", 0o711), ("index/index.html", 0o000)];
    for (path, mode) in modes {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode)).expect("permissions can be set");
    }
    let server = TestServer::launch(Setup { stack, directory: root, options: &[], arguments: &[], unprivileged: true });
    for (target, status, part) in [
        ("/open.txt", 200, "open"),
        ("/shut.txt", 404, "Message: File not found."),
        ("/shut/in.txt", 404, "Message: File not found."),
        ("/shut/", 404, "Message: No permission to list directory."),
        ("/blind/in.txt", 200, "in"),
        ("/index/", 200, "Directory listing for /index/"),
        ("/", 200, "shut.txt"),
    ] {
        let answer = get(server.address(), target);
        assert_eq!(answer.head.status, status, "{target}");
        assert!(answer.text().contains(part), "{target}: {}", answer.text());
    }
    // An archive is complete without what may not be read, and says so.
    let archive = get(server.address(), "/?download=tar").text();
    for part in ["/LEFT-OUT.txt", "shut.txt: cannot be read\n", "shut: cannot be listed\n", "/open.txt"] {
        assert!(archive.contains(part), "{part}");
    }
    server.wait_for_stderr("what is not in the archive", |text| {
        text.contains("archive of '/' leaves out ").then_some(())
    });
    if rustix::process::geteuid().is_root() {
        // Only its owner may read it, and only root is its owner.
        assert_eq!(get(server.address(), "/blind/").head.status, 404);
        return;
    }
    fs::set_permissions(root.join("blind"), Permissions::from_mode(0o311)).expect("permissions can be set");
    assert_eq!(get(server.address(), "/blind/").head.status, 404);
    for (path, _) in modes {
        fs::set_permissions(root.join(path), Permissions::from_mode(0o755)).expect("the tree can be removed again");
    }
}

/// A FIFO, a socket and a device are answered at once, and are never opened.
fn specials(stack: Stack) {
    let place = fixture::place();
    let root = place.path();
    put(&root.join("plain.txt"), b"plain", MODIFIED);
    let (fifo, mode) = (root.join("fifo"), Mode::from_bits_truncate(0o666));
    mknodat(CWD, &fifo, FileType::Fifo, mode, 0).expect("a FIFO can be made");
    link(Path::new("fifo"), &root.join("to-fifo"));
    mknodat(CWD, root.join("index.html"), FileType::Fifo, mode, 0).expect("a FIFO can be made");
    let _socket = UnixListener::bind(root.join("socket")).expect("a socket can be made");
    let mut special = vec!["/fifo", "/to-fifo", "/index.html", "/socket"];
    match mknodat(CWD, root.join("zero"), FileType::CharacterDevice, mode, makedev(1, 5)) {
        Ok(()) => special.push("/zero"),
        Err(error) => fixture::skipped(&format!("a device, which only root can make ({error})")),
    }
    let server = TestServer::start(stack, root);
    for target in &special {
        at_once(|| assert_eq!(get(server.address(), target).head.status, 404, "{target}"));
    }
    at_once(|| {
        let listing = get(server.address(), "/").text();
        for target in &special {
            assert!(html::links(&listing).iter().any(|(href, _)| *href == target[1..]), "{target} in {listing}");
        }
    });
    // As many at once as would fill every thread that could block.
    at_once(|| {
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| assert_eq!(get(server.address(), "/fifo").head.status, 404));
            }
        });
    });
    assert_eq!(get(server.address(), "/plain.txt").text(), "plain");
}

#[track_caller]
fn at_once(act: impl FnOnce()) {
    let start = Instant::now();
    act();
    assert!(start.elapsed() < Duration::from_secs(3), "it took {:?}", start.elapsed());
}

/// PY-27, PY-37: a link is marked, and never leads out.
fn links(stack: Stack) {
    let place = fixture::place();
    let (beside, root) = (place.path().join("beside"), place.path().join("www"));
    put(&beside.join("secret.txt"), SECRET.as_bytes(), MODIFIED);
    put(&root.join("d/file.txt"), b"file", MODIFIED);
    let out = beside.to_str().expect("the path is UTF-8").to_owned();
    let inside = root.to_str().expect("the path is UTF-8").to_owned();
    // Name, where it points, what its listing says, what is below it, and the answer to that.
    let rows: &[(&str, &str, &str, &str, u16)] = &[
        ("file", "d/file.txt", "file", "", 200),
        ("dir", "d", "dir/", "/file.txt", 200),
        ("dir-slash", "d/", "dir-slash/", "/file.txt", 200),
        ("dir-dot", "./d/.", "dir-dot/", "/file.txt", 200),
        ("round", "d/../d/file.txt", "round", "", 200),
        ("chain", "dir-slash/file.txt", "chain", "", 200),
        ("self", ".", "self/", "/d/file.txt", 200),
        ("absolute", &format!("{inside}/d/file.txt"), "absolute", "", 404),
        ("absolute-dir", &inside, "absolute-dir", "/d/file.txt", 404),
        ("dangling", "nothing", "dangling", "", 404),
        ("file-slash", "d/file.txt/", "file-slash", "", 404),
        ("loop", "pool", "loop", "", 404),
        ("pool", "loop", "pool", "", 404),
        ("up", "..", "up", "/beside/secret.txt", 404),
        ("up-slash", "../", "up-slash", "/beside/secret.txt", 404),
        ("out", "../beside", "out", "/secret.txt", 404),
        ("out-slash", "../beside/", "out-slash", "/secret.txt", 404),
        ("out-file", "../beside/secret.txt", "out-file", "", 404),
        ("out-absolute", &out, "out-absolute", "/secret.txt", 404),
        ("out-and-in", "../www/d/file.txt", "out-and-in", "", 404),
        ("proc", "/proc/self/root", "proc", "/etc/passwd", 404),
    ];
    for (name, to, ..) in rows {
        link(Path::new(to), &root.join(name));
    }
    let server = TestServer::start(stack, &root);
    let listing = html::links(&get(server.address(), "/").text());
    for (name, to, href, below, status) in rows {
        let answer = get(server.address(), &format!("/{name}{below}"));
        assert_eq!(answer.head.status, *status, "{name} -> {to}");
        assert_eq!(answer.text() == "file", *status == 200, "{name} -> {to}");
        assert!(!answer.text().contains(SECRET), "{name} -> {to}");
        let line = ((*href).to_owned(), format!("{name}@"));
        assert!(listing.contains(&line), "{name} -> {to} is not {line:?} in {listing:?}");
        if *status == 404 {
            for target in [format!("/{name}"), format!("/{name}/")] {
                assert_eq!(get(server.address(), &target).head.status, 404, "{target} -> {to}");
            }
        }
    }
}

/// A file can carry any time, and HTTP has no date for most of them.
fn times(stack: Stack) {
    let place = fixture::place();
    let names_and_seconds = [
        ("before", -1),
        ("long-before", -2_000_000_000),
        ("epoch", 0),
        ("nix", 1),
        ("npm", 499_162_500),
        ("beyond-32-bits", 5_000_000_000),
        ("last", 253_402_300_799),
        ("after", 253_402_300_800),
        ("long-after", 1 << 40),
    ];
    let mut kept = Vec::new();
    for (name, seconds) in names_and_seconds {
        let path = place.path().join(name);
        put(&path, name.as_bytes(), (seconds, 0));
        // Not every file system keeps every time.
        let metadata = fs::metadata(&path).expect("the file is there");
        kept.push((name, filetime::FileTime::from_last_modification_time(&metadata).unix_seconds()));
    }
    let server = TestServer::start(stack, place.path());
    for (name, seconds) in kept {
        let answer = get(server.address(), &format!("/{name}"));
        assert_eq!(answer.head.status, 200, "{name}");
        assert_eq!(answer.text(), name);
        let sent = answer.head.one("last-modified").map(str::to_owned);
        let now = answer.head.one("date").and_then(HttpTime::parse).expect("every answer has a date");
        // A time that every file has carries no information, and is not sent.
        match HttpTime::new(seconds, 0).filter(|stamp| !stamp.is_placeholder()) {
            // RFC 9110 8.8.2.1: a time to come is sent as now, by a host that has a clock.
            Some(stamp) if stamp > now && stack.is_ours() => {
                let sent = sent.as_deref().and_then(HttpTime::parse);
                assert!(sent.is_none_or(|sent| sent <= now), "{name} ({seconds} s): {sent:?}");
            }
            stamp => assert_eq!(sent, stamp.map(|stamp| stamp.to_string()), "{name} ({seconds} s)"),
        }
        let since = [("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")];
        let conditional = ask(server.address(), "GET", &format!("/{name}"), &since).expect("an answer");
        let status = if sent.is_some() { 304 } else { 200 };
        assert_eq!(conditional.head.status, status, "{name} ({seconds} s)");
    }
    assert_eq!(get(server.address(), "/").head.status, 200);
}

fn many(stack: Stack) {
    let place = fixture::place();
    let mut expected: Vec<String> = (0..5000).map(|index| format!("entry number {index:04}.txt")).collect();
    for name in &expected {
        fs::write(place.path().join(name), name).expect("a file can be written");
    }
    expected.sort();
    let server = TestServer::start(stack, place.path());
    let start = Instant::now();
    let links = html::links(&get(server.address(), "/").text());
    assert!(start.elapsed() < Duration::from_secs(10), "5,000 entries took {:?}", start.elapsed());
    let names: Vec<String> = links.iter().map(|(_, name)| name.clone()).collect();
    assert_eq!(names, expected);
    for (href, name) in links.iter().step_by(250) {
        assert_eq!(get(server.address(), &format!("/{href}")).text(), *name);
    }
}

/// Next to nothing to serve.
fn bare(stack: Stack) {
    let place = fixture::place();
    let server = TestServer::start(stack, place.path());
    assert_eq!(html::links(&get(server.address(), "/").text()), []);
    put(&place.path().join(".hidden"), b"x", MODIFIED);
    assert_eq!(html::links(&get(server.address(), "/").text()), []);
    // The tree is read for each request: what is new is there at once, and what is gone is gone.
    put(&place.path().join("new.txt"), b"new", MODIFIED);
    assert_eq!(get(server.address(), &percent_encode(b"/new.txt")).text(), "new");
    fs::remove_file(place.path().join("new.txt")).expect("a file can be removed");
    assert_eq!(get(server.address(), "/new.txt").head.status, 404);
}
