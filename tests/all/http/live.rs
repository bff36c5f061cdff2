//! `--live`: the script and the events, over the trees and the options of the host.

use crate::support::client::{ask, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, glasshouse_in};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;
use tempfile::TempDir;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn serve(place: &TempDir, arguments: &[&str]) -> TestServer {
    TestServer::spawn(glasshouse_in(place.path(), &[&["--live"], arguments].concat()))
}

fn place() -> TempDir {
    let place = fixture::place();
    for name in ["root", "a"] {
        put(&place.path().join(name).join("page.html"), b"<p>page</p>", MODIFIED);
    }
    place
}

/// An open stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn open(address: SocketAddr) -> Events {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(&request("GET", "/.glasshouse/events?age=0&after=0", &[])).expect("a request");
        Events(BufReader::new(stream))
    }

    /// Waits for a line with these words.
    #[track_caller]
    fn expect(&mut self, words: &str) {
        let mut lines = self.0.by_ref().lines();
        let found = lines.find_map(|line| match line {
            Ok(line) => line.contains(words).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        });
        assert!(matches!(found, Some(Ok(()))), "{words}: {found:?}");
    }
}

#[test]
fn the_script_is_at_the_root_of_the_server() {
    let place = place();
    let server = serve(&place, &["--prefix", "/p", "--mount", "/docs=a", "-d", "root"]);
    let script = get(server.address(), "/.glasshouse/live.js");
    assert_eq!(script.head.status, 200);
    assert_eq!(script.head.one("content-type"), Some("text/javascript; charset=utf-8"));
    for (path, file) in [("/p/page.html", "/p/page.html"), ("/docs/page.html", "/docs/page.html")] {
        let page = get(server.address(), path).text();
        let tag = format!("<script src=\"/.glasshouse/live.js\" data-file=\"{file}\" defer></script>");
        assert!(page.ends_with(&tag), "{page}");
    }
    for (method, path, fields, status) in [
        ("POST", "/.glasshouse/live.js", &[][..], 405),
        ("GET", "/.glasshouse/other", &[], 404),
        ("GET", "/.glasshouse/events", &[("Sec-Fetch-Site", "cross-site")], 403),
    ] {
        let answer = ask(server.address(), method, path, fields).expect("an answer");
        assert_eq!(answer.head.status, status, "{method} {path}");
    }
}

#[test]
fn without_the_option_there_is_no_script() {
    let place = place();
    let server = TestServer::spawn(glasshouse_in(place.path(), &["-d", "root"]));
    assert_eq!(get(server.address(), "/.glasshouse/live.js").head.status, 404);
    assert_eq!(get(server.address(), "/page.html").text(), "<p>page</p>");
}

#[test]
fn saves_in_every_tree_are_sent() {
    let place = place();
    let server = serve(&place, &["--mount", "/docs=a", "-d", "root"]);
    let mut events = Events::open(server.address());
    events.expect("event: hello");
    for (path, url) in [("root/page.html", "/page.html"), ("a/page.html", "/docs/page.html")] {
        fs::write(place.path().join(path), "<p>new</p>").expect("a file");
        events.expect(&format!("{{\"kind\":\"page\",\"path\":\"{url}\"}}"));
    }
}

#[test]
fn the_end_of_a_client_ends_its_stream_at_once() {
    let place = place();
    let server = serve(&place, &["-d", "root"]);
    let mut events = Events::open(server.address());
    events.expect("event: hello");
    let stream = events.0.get_ref();
    stream.shutdown(Shutdown::Write).expect("an open connection");
    // The next message, which would find a closed connection, comes ten seconds after the first stream.
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut rest = String::new();
    events.0.read_to_string(&mut rest).expect("the server closes the connection");
    assert!(!rest.contains("data: []"), "{rest}");
}

#[test]
fn a_page_that_forbids_the_script_is_named_once() {
    let place = place();
    let server =
        serve(&place, &["--header-for", "*.html", "Content-Security-Policy", "default-src 'none'", "-d", "root"]);
    for _ in 0..3 {
        assert_eq!(get(server.address(), "/page.html").head.status, 200);
    }
    let done = server.stop(Signal::TERM);
    let times = done.stderr.matches("forbids the script of --live").count();
    assert_eq!(times, 1, "{}", done.stderr);
}
