//! Each line of `docs/python-compatibility.md` has a row or a test, and the lines that a row cannot express are tested
//! here.

use crate::conformance::cases;
use crate::support::client::{HttpConnection, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Setup, Stack, TestServer, Version, handler};
use crate::tidy::{root, sources};
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::{DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, TreeError};
use glasshouse_core::{Body, Config, Request, Tree, answer, at_once};
use std::collections::BTreeSet;
use std::fs;
use std::mem;
use std::ops::RangeInclusive;

const PAGE: &str = "docs/python-compatibility.md";

/// Lines about the handler, which behaves the same in every host: each has a row.
const OF_THE_HANDLER: &[RangeInclusive<u32>] = &[20..=28, 30..=34, 36..=40, 50..=62, 70..=71, 73..=73];

/// The ids in a text that consists of ids, such as `PY-1, PY-2`.
fn ids_alone(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|word| word.trim().strip_prefix("PY-")?.parse().ok()).collect()
}

/// The ids in the first cell of each line of a table.
fn ids_of_page(page: &str) -> BTreeSet<u32> {
    let cells = page.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    cells.filter_map(ids_alone).flatten().collect()
}

/// The ids of the rows in the compiled table.
fn ids_of_rows() -> BTreeSet<u32> {
    cases::all().filter_map(|row| row.id.split(' ').next()?.strip_prefix("PY-")?.parse().ok()).collect()
}

/// The ids of the tests in a source file: each is a line of the documentation directly above `#[test]`, and holds
/// nothing else.
fn ids_of_tests(source: &str) -> BTreeSet<u32> {
    let (mut ids, mut above) = (BTreeSet::new(), Vec::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            above.extend(ids_alone(text).unwrap_or_default());
        } else {
            let above = mem::take(&mut above);
            if line == "#[test]" {
                ids.extend(above);
            }
        }
    }
    ids
}

#[test]
fn each_line_about_the_handler_has_a_row() {
    let rows = ids_of_rows();
    let without: Vec<u32> = OF_THE_HANDLER.iter().cloned().flatten().filter(|id| !rows.contains(id)).collect();
    assert!(without.is_empty(), "no row has the id PY-{without:?}");
}

#[test]
fn each_line_has_a_row_or_a_test() {
    let page = ids_of_page(&fs::read_to_string(root().join(PAGE)).expect("the page can be read"));
    assert!(page.len() > 60, "the tables are found: {page:?}");
    let tests = root().join("tests/all");
    let sources = sources().into_iter().filter(|(path, _)| path.starts_with(&tests));
    let mut covered = ids_of_rows();
    covered.extend(sources.flat_map(|(_, text)| ids_of_tests(&text)));
    let without: Vec<_> = page.difference(&covered).collect();
    assert!(without.is_empty(), "{PAGE}: no row and no test has the id PY-{without:?}");
    let unknown: Vec<_> = covered.difference(&page).collect();
    assert!(unknown.is_empty(), "{PAGE} has no line PY-{unknown:?}");
}

#[test]
fn a_comment_is_not_a_test() {
    let ids = |source| ids_of_tests(source).into_iter().collect::<Vec<_>>();
    for without in [
        "// PY-8: gone\n#[test]\nfn a() {}",
        "// PY-8\n#[test]\nfn a() {}",
        "/// PY-8: gone\n#[test]\nfn a() {}",
        "//! PY-8\n#[test]\nfn a() {}",
        "/// PY-8\nfn a() {}",
        "/// PY-8\n\n#[test]\nfn a() {}",
        "/// PY-8\nconst A: u8 = 0;\n#[test]\nfn a() {}",
        "/// PY-8\n// #[test]\nfn a() {}",
        "#[test]\nfn a() {\n    // PY-8: gone\n    let name = \"PY-8\";\n}",
    ] {
        assert_eq!(ids(without), [0; 0], "{without:?}");
    }
    assert_eq!(ids("/// PY-8\n#[test]\nfn a() {}"), [8]);
    assert_eq!(ids("    /// It works.\n    /// PY-2, PY-12\n    #[test]\n    #[ignore]\n    fn a() {}"), [2, 12]);
}

/// A tree that can be entered and not be read.
struct Shut;

impl Tree for Shut {
    type File = ();

    async fn open(&self, path: &str) -> Result<OpenedNode<()>, OpenError> {
        if path == "sub" { Ok(OpenedNode::Directory) } else { Err(OpenError::Absent) }
    }

    async fn metadata(&self, _: &str) -> Result<Metadata, OpenError> {
        Err(OpenError::Absent)
    }

    async fn read(&self, _: &(), _: u64, _: u64) -> Result<Vec<u8>, OpenError> {
        Err(OpenError::Absent)
    }

    async fn list(&self, _: &str, _: impl Fn(&Name) -> bool, _: ListLimits) -> Result<DirEntries, OpenError> {
        Err(OpenError::Absent)
    }

    async fn stat_entries<'a>(&self, _: &str, _: impl Iterator<Item = &'a mut DirEntry>) -> Result<(), TreeError> {
        Ok(())
    }
}

/// PY-35
#[test]
fn a_directory_that_cannot_be_read_is_not_there() {
    let request = Request::read("GET", Some("/sub/"), |_| Vec::new());
    let reply = at_once(answer(&request, &Shut, &Config::default())).expect("nothing waits");
    let (head, passage) = reply.write(request.method);
    let Body::Bytes(page) = passage else { panic!("{passage:?}") };
    assert_eq!(head.status, 404);
    assert!(String::from_utf8_lossy(&page).contains("No permission to list directory"));
}

/// An invalid option is reported in the log of the host, and not to a client.
#[test]
fn a_misconfigured_handler_says_so_and_serves_nothing() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    for stack in [Stack::StockP3, Stack::StockP2] {
        let options = &[("GLASSHOUSE_INDX", "x")];
        let server =
            TestServer::launch(Setup { stack, directory: place.path(), options, arguments: &[], unprivileged: false });
        let answer = get(server.address(), "/hello.txt");
        assert_eq!(answer.head.status, 500);
        assert!(!answer.text().contains("INDX"), "{}", answer.text());
        server.wait_for_stderr("what is wrong", |text| {
            text.contains("glasshouse: GLASSHOUSE_INDX: no such option").then_some(())
        });
    }
}

/// RFC 9110 8.8.2.1. The handler has no clock; its host has.
#[test]
fn nothing_was_modified_later_than_now() {
    const YEAR_2100: (i64, u32) = (4_102_444_800, 0);
    let place = fixture::place();
    put(&place.path().join("tomorrow.txt"), b"x", YEAR_2100);
    for stack in [Stack::Host, Stack::HostP2] {
        let server = TestServer::start(stack, place.path());
        let head = get(server.address(), "/tomorrow.txt").head;
        let seconds = |name| head.one(name).and_then(HttpTime::parse).map(HttpTime::seconds);
        let (Some(modified), Some(date)) = (seconds("last-modified"), seconds("date")) else { panic!("{head:?}") };
        assert!(modified <= date && date - modified <= 1, "{stack:?}: {head:?}");
    }
}

/// A status has the phrase that the registry gives it, and no other.
/// PY-72
#[test]
fn reason_phrases_are_the_usual_ones() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"x", MODIFIED);
    let server = TestServer::start(Stack::Host, place.path());
    for (method, target, line) in [
        ("GET", "/hello.txt", "HTTP/1.1 200 OK\r\n"),
        ("GET", "/none", "HTTP/1.1 404 Not Found\r\n"),
        ("POST", "/hello.txt", "HTTP/1.1 405 Method Not Allowed\r\n"),
    ] {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request(method, target, &[("Connection", "close")])).expect("the server listens");
        let answer = connection.rest().expect("an answer");
        assert!(answer.starts_with(line.as_bytes()), "{line:?}: {:?}", String::from_utf8_lossy(&answer));
    }
}

/// A subclass replaces the handler of Python, and a component replaces this one.
/// PY-85
#[test]
fn the_handler_can_be_another() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    for version in [Version::P2, Version::P3] {
        let file = handler(version).to_str().expect("its path is UTF-8");
        let arguments = &["--handler", file];
        let directory = place.path();
        let setup = Setup { stack: Stack::Host, directory, options: &[], arguments, unprivileged: false };
        let answer = get(TestServer::launch(setup).address(), "/hello.txt");
        assert_eq!((answer.head.status, answer.body.as_slice()), (200, &b"hello\n"[..]), "{version:?}");
    }
}
