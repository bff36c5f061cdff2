//! `glasshouse.toml` from the side of the operator: the report at the start, and a changed file is read. The tests of
//! the core cover its grammar.

use crate::ops::signals::reload;
use crate::support::client::{ask, get};
use crate::support::fixture::{self, link, put};
use crate::support::server::{Setup, Stack, TestServer, can_be_unprivileged, glasshouse_in, run};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const FILE: &str = "glasshouse.toml";
/// The time that reproducible builds give to all files, so it distinguishes none.
const ONE: (i64, u32) = (1, 0);

/// A place with a directory `site`.
fn place() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("site/a.txt"), b"a\n", ONE);
    put(&place.path().join("site/index.html"), b"i\n", ONE);
    place
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    glasshouse_in(place, &[&["-d", "site"], arguments].concat())
}

fn launch(stack: Stack, site: &Path) -> TestServer {
    // One thread has the same warm instance for each request.
    let arguments: &[&str] = if stack.is_ours() { &["--threads", "1"] } else { &[] };
    TestServer::launch(Setup { stack, directory: site, options: &[], arguments, unprivileged: false })
}

crate::support::on_every_stack!(another_file_of_the_same_size_and_time_is_read_at_once, no_name_leads_to_the_file);

fn another_file_of_the_same_size_and_time_is_read_at_once(stack: Stack) {
    let place = place();
    let site = place.path().join("site");
    put(&site.join(FILE), b"cache = 11\n", ONE);
    let server = launch(stack, &site);
    let check = |expected: &str| {
        for target in ["/a.txt", "/a.txt?x", "/", "/a.txt"] {
            let head = get(server.address(), target).head;
            assert_eq!(head.one("cache-control"), Some(expected), "{target}: {head:?}");
        }
    };
    check("max-age=11");
    put(&site.join("new"), b"cache = 22\n", ONE);
    fs::rename(site.join("new"), site.join(FILE)).expect("a file can be replaced");
    check("max-age=22");
    put(&site.join(FILE), b"cache = 33\n", ONE);
    check("max-age=33");
    fs::remove_file(site.join(FILE)).expect("a file can be removed");
    assert_eq!(get(server.address(), "/a.txt").head.one("cache-control"), None);
}

fn no_name_leads_to_the_file(stack: Stack) {
    let place = place();
    let site = place.path().join("site");
    put(&site.join(FILE), b"cache = 5 # RULES\n", ONE);
    fs::create_dir(site.join("sub")).expect("a directory can be made");
    fs::hard_link(site.join(FILE), site.join("sub/hard.txt")).expect("a hard link can be made");
    link(Path::new("sub/hard.txt"), &site.join("soft.txt"));
    // With the same metadata, as far as that is possible.
    put(&site.join("like.txt"), b"cache = 5 # RULER\n", ONE);
    let server = launch(stack, &site);
    for target in ["/sub/hard.txt", "/soft.txt", "/glasshouse.toml", "/./glasshouse.toml", "/%67lasshouse.toml"] {
        let answer = get(server.address(), target);
        assert!(answer.head.status == 404 && !answer.text().contains("RULES"), "{target}: {answer:?}");
    }
    assert_eq!(get(server.address(), "/like.txt").text(), "cache = 5 # RULER\n");
    for target in
        ["/?download=tar", "/?download=zip", "/sub/?download=tar", "/?search=hard&format=json", "/sub/?format=json"]
    {
        // An archive that is not what was planned would be cut.
        let answer = ask(server.address(), "GET", target, &[]).unwrap_or_else(|error| panic!("{target}: {error}"));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.head.status == 200 && !text.contains("RULES"), "{target}: {text}");
        assert!(!text.contains("\"size\":18"), "{target}: {text}");
    }
}

/// What a server that serves `site` says of it at the start, and how it answers.
#[track_caller]
fn check(command: Command, status: u16, lines: &[&str]) {
    let server = TestServer::spawn(command);
    let answer = get(server.address(), "/a.txt");
    let done = server.stop(Signal::TERM);
    let said = done.stderr.lines().filter(|line| line.starts_with("glasshouse: ") && !line.contains(": handler: "));
    let said: Vec<&str> = said.collect();
    assert_eq!(said.len(), lines.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(lines) {
        assert!(said.contains(expected) && said.len() < 600, "no {expected:?} in {said}");
    }
    assert_eq!(answer.head.status, status, "{said:?}");
}

#[test]
fn the_options_of_the_file_are_reported_at_the_start() {
    let long = "#".repeat(65_537);
    for (text, status, expected) in [
        ("clean-urls = true\n\nheader-for = '* Vary: A'\ncache = [60]\n", 200, "' sets: clean-urls, header-for, cache"),
        ("\u{feff}spa = true", 200, "' sets: spa"),
        (
            "clean-url = true",
            500,
            "/site/glasshouse.toml, line 1, clean-url: no such option; did you mean 'clean-urls'?",
        ),
        ("spa = true\nspa = false", 500, "/site/glasshouse.toml, line 2: duplicate key"),
        ("\nclean-urls = \"yes\"", 500, "/site/glasshouse.toml, line 2, clean-urls: is a switch; write true or false"),
        ("cache = 'often'", 500, "/site/glasshouse.toml, line 1, cache: 'often' is neither a number of seconds nor"),
        (
            "hidden = true",
            500,
            "line 1, hidden: this file cannot set it, because it gives clients access to more content",
        ),
        ("header = 'Set-Cookie: a=b'", 500, "line 1, header: 'Set-Cookie' does not describe a page or a file"),
        (&long, 500, "/site/glasshouse.toml' is longer than 65536 bytes"),
    ] {
        let place = place();
        put(&place.path().join("site").join(FILE), text.as_bytes(), ONE);
        check(command(place.path(), &[]), status, &[expected]);
    }
    let place = place();
    put(&place.path().join("site").join(FILE), b"spa = true\n# \xff", ONE);
    check(
        command(place.path(), &[]),
        500,
        &["/site/glasshouse.toml, line 2: is not UTF-8 (each request is answered with"],
    );
}

#[test]
fn ineffective_options_are_not_reported() {
    let place = place();
    put(&place.path().join("site").join(FILE), b"spa = true\nclean-urls = true\n", ONE);
    check(command(place.path(), &["--spa=no"]), 200, &["' sets: clean-urls"]);
    check(command(place.path(), &["--no-site-file"]), 200, &[]);
    check(command(place.path(), &["--spa=no", "--clean-urls"]), 200, &[]);
    // Later errors are logged all the same.
    for (quiet, is_reported) in [(&["--quiet"][..], false), (&[], true)] {
        let done = run(command(place.path(), &[&["-b", "203.0.113.1"], quiet].concat()));
        assert_eq!(
            (done.status.code(), done.stderr.contains("' sets: spa, clean-urls")),
            (Some(1), is_reported),
            "{done:?}"
        );
    }
}

#[test]
fn a_site_file_of_another_type_is_reported_without_a_wait() {
    let name = Path::new("site").join(FILE);
    let place = place();
    let path = place.path().join(&name);
    fs::create_dir(&path).expect("a directory can be made");
    check(command(place.path(), &[]), 200, &["/site/glasshouse.toml' is a directory, and is not read"]);
    fs::remove_dir(&path).expect("a directory can be removed");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("a FIFO can be made");
    check(command(place.path(), &[]), 200, &["/site/glasshouse.toml' is a FIFO, and is not read"]);
    for (to, said) in [
        ("nowhere", "is a link that leads nowhere, or out of the directory, and is not read"),
        ("../beside.toml", "is a link that leads nowhere, or out of the directory, and is not read"),
        ("glasshouse.toml", "is a link that leads nowhere, or out of the directory, and is not read"),
        (".", "is a link to a directory, and is not read"),
        ("rules", "' sets: spa"),
    ] {
        put(&place.path().join("beside.toml"), b"spa = true\n", ONE);
        put(&place.path().join("site/rules"), b"spa = true\n", ONE);
        fs::remove_file(&path).expect("a link can be removed");
        link(Path::new(to), &path);
        check(command(place.path(), &[]), 200, &[said]);
    }
}

#[test]
fn an_unreadable_site_file_is_reported() {
    if !can_be_unprivileged() {
        fixture::skipped("a file that may not be read, where other users cannot run the program");
        return;
    }
    let place = place();
    let site = place.path().join("site");
    put(&site.join(FILE), b"spa = true\n", ONE);
    fs::set_permissions(site.join(FILE), fs::Permissions::from_mode(0o000)).expect("a file can be shut");
    let setup = Setup { stack: Stack::Host, directory: &site, options: &[], arguments: &[], unprivileged: true };
    let server = TestServer::launch(setup);
    assert_eq!(get(server.address(), "/a.txt").head.status, 500);
    server.wait_for_stderr("why", |text| text.contains("glasshouse.toml': permission denied (each").then_some(()));
}

#[test]
fn each_tree_is_reported_and_again_after_a_reload() {
    let place = place();
    let (site, docs) = (place.path().join("site"), place.path().join("docs"));
    put(&site.join(FILE), b"spa = true\n", ONE);
    put(&docs.join(FILE), b"spa = maybe\n", ONE);
    put(&docs.join("a.txt"), b"a\n", ONE);
    let server = TestServer::spawn(command(place.path(), &["--mount", "/docs=docs"]));
    let wait = |expected: &str| {
        server.wait_for_stderr(expected, |text| text.contains(expected).then_some(()));
    };
    wait("/site/glasshouse.toml' sets: spa");
    wait("/docs/glasshouse.toml, line 1: ");
    assert_eq!(get(server.address(), "/a.txt").head.status, 200);
    assert_eq!(get(server.address(), "/docs/a.txt").head.status, 500);
    put(&docs.join(FILE), b"cache = 7\n", ONE);
    assert_eq!(get(server.address(), "/docs/a.txt").head.one("cache-control"), Some("max-age=7"));
    put(&site.join(FILE), b"sap = true\n", ONE);
    reload(&server, 1);
    wait("/docs/glasshouse.toml' sets: cache");
    wait("/site/glasshouse.toml, line 1, sap: no such option; did you mean 'spa'?");
    wait("glasshouse: reloaded with errors");
}

#[test]
fn a_check_reports_the_same_as_a_start() {
    let place = place();
    put(&place.path().join("site").join(FILE), b"clean-url = true\n", ONE);
    let done = run(command(place.path(), &["--check"]));
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("line 1, clean-url: no such option; did you mean 'clean-urls'?"), "{}", done.stderr);
}
