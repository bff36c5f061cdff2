//! One served file: what happens when it changes, and the announcement at the start. Rows test the responses, and
//! `attacks::handlers` what a handler can see beside the file.

use crate::http::auth::ALICE;
use crate::support::client::{TIMEOUT, get};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::server::{Setup, Stack, TestServer, glasshouse, run};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// A file with a secret beside it.
fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("report.html"), b"<p>one\n", MODIFIED);
    put(&place.path().join("secret.txt"), SECRET.as_bytes(), MODIFIED);
    place
}

fn serve(stack: Stack, file: &Path, arguments: &[&str]) -> TestServer {
    TestServer::launch(Setup { stack, directory: file, options: &[], arguments, unprivileged: false })
}

/// Puts a file into the place of another at one blow, as editors save.
fn save(text: &str, file: &Path) {
    let next = file.with_extension("next");
    put(&next, text.as_bytes(), MODIFIED);
    fs::rename(next, file).expect("a file can be replaced");
}

#[test]
fn what_is_saved_in_its_place_is_served() {
    for stack in [Stack::Host, Stack::HostP2] {
        let place = tree();
        let file = place.path().join("report.html");
        let server = serve(stack, &file, &["--require-harden"]);
        let status = |target| get(server.address(), target).head.status;
        let mut tags = Vec::new();
        for text in ["<p>one\n", "<p>two, and longer\n", "<p>three\n"] {
            save(text, &file);
            for target in ["/", "/report.html", "/", "/report.html"] {
                let answer = get(server.address(), target);
                assert_eq!((answer.head.status, answer.text().as_str()), (200, text), "{stack:?} {target}");
                assert_eq!(answer.head.one("content-type"), Some("text/html; charset=utf-8"));
            }
            tags.push(get(server.address(), "/").head.one("etag").map(str::to_owned));
        }
        tags.dedup();
        assert_eq!(tags.len(), 3, "{tags:?}");
        fs::remove_file(&file).expect("a file can be removed");
        assert_eq!((status("/"), status("/report.html"), status("/secret.txt")), (404, 404, 404));
        save("<p>again\n", &file);
        assert_eq!(get(server.address(), "/").text(), "<p>again\n");
    }
}

/// Write access to the directory does not select another file.
#[test]
fn what_is_no_file_in_its_place_is_not_served() {
    for stack in [Stack::Host, Stack::HostP2] {
        let place = tree();
        let file = place.path().join("report.html");
        let server = serve(stack, &file, &[]);
        let nothing = |what| {
            let began = Instant::now();
            for target in ["/", "/report.html", "/report.html/secret.txt"] {
                let answer = get(server.address(), target);
                assert_eq!(answer.head.status, 404, "{stack:?}, {what}: {target}");
                assert!(!answer.text().contains(SECRET));
            }
            assert!(began.elapsed() < TIMEOUT, "{what}: there is no wait");
        };
        fs::remove_file(&file).expect("a file can be removed");
        link(Path::new("secret.txt"), &file);
        nothing("a link");
        fs::remove_file(&file).expect("a link can be removed");
        put(&file.join("secret.txt"), SECRET.as_bytes(), MODIFIED);
        nothing("a directory");
        fs::remove_dir_all(&file).expect("a directory can be removed");
        mknodat(CWD, &file, FileType::Fifo, Mode::from_bits_truncate(0o644), 0).expect("a FIFO can be made");
        nothing("a FIFO");
    }
}

/// A link is followed at the start, and again at a reload: the name is that of the link, and the content that of its
/// target.
#[test]
fn a_link_is_followed_when_it_is_opened() {
    let place = fixture::place();
    let at = |path: &str| place.path().join(path);
    put(&at("releases/1/a.html"), b"1", MODIFIED);
    put(&at("releases/2/b.html"), b"2", MODIFIED);
    link(Path::new("releases/1/a.html"), &at("current.html"));
    let also = at("releases");
    let also = also.to_str().expect("the path is UTF-8");
    let reload = |server: &TestServer| {
        let done = |text: &str| text.contains("glasshouse: reloaded").then_some(());
        server.signal(Signal::HUP);
        server.wait_for_stderr("that it reloaded", done);
        get(server.address(), "/current.html").text()
    };
    let (closed, open) = (
        serve(Stack::Host, &at("current.html"), &["--require-harden"]),
        serve(Stack::Host, &at("current.html"), &["--require-harden", "--harden-also", also]),
    );
    let named = get(open.address(), "/").head.one("content-disposition").map(str::to_owned);
    assert!(named.is_some_and(|named| named.starts_with("inline; filename=\"current.html\";")));
    fs::remove_file(at("current.html")).expect("a link can be removed");
    link(Path::new("releases/2/b.html"), &at("current.html"));
    for server in [&closed, &open] {
        assert_eq!(get(server.address(), "/current.html").text(), "1");
        assert_eq!(get(server.address(), "/a.html").head.status, 404, "it is known by one name");
    }
    assert_eq!((reload(&open).as_str(), reload(&closed).as_str()), ("2", "1"));
    assert!(closed.stderr().contains("tree not replaced") && closed.stderr().contains("--harden-also"));
    save("3", &at("releases/2/b.html"));
    assert_eq!(get(open.address(), "/").text(), "3", "what is saved where the link led is seen");
}

#[test]
fn the_served_file_is_announced() {
    let place = tree();
    let check = |name: &OsStr| {
        let mut command = glasshouse();
        command.current_dir(place.path()).arg("--check").arg("-d").arg(name);
        run(command)
    };
    let done = check(OsStr::new("report.html"));
    let line = format!("directory = {:?} ", place.path().join("report.html"));
    assert!(done.status.success() && done.stdout.contains(&line), "{done:?}");
    let bad = OsStr::from_bytes(b"bad\xff.txt");
    put(&place.path().join(bad), b"x", MODIFIED);
    let fifo = place.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_bits_truncate(0o644), 0).expect("a FIFO can be made");
    for (name, reason) in [
        (bad, "not UTF-8"),
        (OsStr::new("fifo"), "not a directory or a file"),
        (OsStr::new("none.html"), "no such directory or file"),
        (OsStr::new("report.html/"), "not a directory or a file"),
    ] {
        let done = check(name);
        assert!(done.status.code() == Some(1) && done.stderr.contains(reason), "{name:?}: {done:?}");
    }
}

/// What is beside the file is not served, and what is it is.
#[test]
fn secrets_are_not_served_by_themselves() {
    let place = tree();
    fs::write(place.path().join("users"), ALICE).expect("a file can be written");
    for (served, code) in [("users", Some(2)), ("report.html", Some(0)), (".", Some(2))] {
        let mut command = glasshouse();
        command.current_dir(place.path()).args(["--check", "-b", "127.0.0.1", "--auth", "users", "-d", served]);
        let done = run(command);
        assert_eq!(done.status.code(), code, "{served}: {done:?}");
    }
}
