//! That the contract is proved: which of its lines have a row in the table, which are proved elsewhere, and those few that
//! a table over a tree cannot prove.

use crate::conformance::cases;
use crate::support::client::{Connection, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Server, Setup, Stack, Version, handler};
use glasshouse_core::date::Stamp;
use glasshouse_core::target::Name;
use glasshouse_core::tree::{Bounds, Entry, Facts, Fault, Listed, Missing, Node};
use glasshouse_core::{Config, Passage, Request, Tree, answer, at_once};
use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

/// Lines of the contract that the handler honours, whatever host it is in: each has a row.
const OF_THE_HANDLER: &[RangeInclusive<u32>] = &[20..=28, 30..=34, 36..=40, 50..=62, 70..=71, 73..=73];

/// Lines that some test names.
const OF_ALL: &[RangeInclusive<u32>] = &[1..=8, 10..=15, 20..=28, 30..=40, 50..=62, 70..=85];

#[test]
fn each_line_of_the_handler_has_a_row() {
    let ids: BTreeSet<&str> = cases::all().filter_map(|row| row.id.split(' ').next()).collect();
    for line in OF_THE_HANDLER.iter().cloned().flatten() {
        assert!(ids.contains(format!("S{line}").as_str()), "S{line} has no row");
    }
}

#[test]
fn each_line_of_the_contract_is_named_by_a_test() {
    let mut named = BTreeSet::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("all")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
            let path = entry.expect("a directory can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                named.extend(ids(&text.to_uppercase()));
            }
        }
    }
    let silent: Vec<u32> = OF_ALL.iter().cloned().flatten().filter(|line| !named.contains(line)).collect();
    assert!(silent.is_empty(), "no test names S{silent:?}");
}

/// The numbers behind each `S` that begins a word.
fn ids(text: &str) -> Vec<u32> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix('S')?.parse().ok()).collect()
}

/// A tree that can be entered and not be read.
struct Shut;

impl Tree for Shut {
    type File = ();

    async fn open(&self, path: &str) -> Result<Node<()>, Missing> {
        if path == "sub" { Ok(Node::Directory) } else { Err(Missing::Absent) }
    }

    async fn facts(&self, _: &str) -> Result<Facts, Missing> {
        Err(Missing::Absent)
    }

    async fn read(&self, _: &(), _: u64, _: u64) -> Result<Vec<u8>, Missing> {
        Err(Missing::Absent)
    }

    async fn list(&self, _: &str, _: impl Fn(&Name) -> bool, _: Bounds) -> Result<Listed, Missing> {
        Err(Missing::Absent)
    }

    async fn describe<'a>(&self, _: &str, _: impl Iterator<Item = &'a mut Entry>) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn s35_a_directory_that_cannot_be_read_is_not_there() {
    let request = Request::read("GET", Some("/sub/"), |_| Vec::new());
    let reply = at_once(answer(&request, &Shut, &Config::default())).expect("nothing waits");
    let (head, passage) = reply.write(request.method);
    let Passage::Bytes(page) = passage else { panic!("{passage:?}") };
    assert_eq!(head.status, 404);
    assert!(String::from_utf8_lossy(&page).contains("No permission to list directory"));
}

/// An option without meaning is told to whoever runs the host, and nothing of it to a client.
#[test]
fn a_misconfigured_handler_says_so_and_serves_nothing() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    for stack in [Stack::StockP3, Stack::StockP2] {
        let options = &[("GLASSHOUSE_INDX", "x")];
        let server =
            Server::launch(Setup { stack, directory: place.path(), options, arguments: &[], unprivileged: false });
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
        let server = Server::start(stack, place.path());
        let head = get(server.address(), "/tomorrow.txt").head;
        let seconds = |name| head.one(name).and_then(Stamp::parse).map(Stamp::seconds);
        let (Some(modified), Some(date)) = (seconds("last-modified"), seconds("date")) else { panic!("{head:?}") };
        assert!(modified <= date && date - modified <= 1, "{stack:?}: {head:?}");
    }
}

/// A status has the phrase that the registry gives it, and no other.
#[test]
fn s72_reason_phrases_are_the_usual_ones() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"x", MODIFIED);
    let server = Server::start(Stack::Host, place.path());
    for (method, target, line) in [
        ("GET", "/hello.txt", "HTTP/1.1 200 OK\r\n"),
        ("GET", "/none", "HTTP/1.1 404 Not Found\r\n"),
        ("POST", "/hello.txt", "HTTP/1.1 405 Method Not Allowed\r\n"),
    ] {
        let mut connection = Connection::open(server.address());
        connection.send(&request(method, target, &[("Connection", "close")])).expect("the server listens");
        let answer = connection.rest().expect("an answer");
        assert!(answer.starts_with(line.as_bytes()), "{line:?}: {:?}", String::from_utf8_lossy(&answer));
    }
}

/// The seed is changed by a subclass; here the handler is, by another component.
#[test]
fn s85_the_handler_can_be_another() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    for version in [Version::P2, Version::P3] {
        let file = handler(version).to_str().expect("its path is UTF-8");
        let arguments = &["--handler", file];
        let directory = place.path();
        let setup = Setup { stack: Stack::Host, directory, options: &[], arguments, unprivileged: false };
        let answer = get(Server::launch(setup).address(), "/hello.txt");
        assert_eq!((answer.head.status, answer.body.as_slice()), (200, &b"hello\n"[..]), "{version:?}");
    }
}
