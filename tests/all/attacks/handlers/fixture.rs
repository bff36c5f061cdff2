//! The setup for hostile handlers: a tree worth an attack, its server, and a client that reports how a response ended.

use crate::attacks::bystander::Good;
use crate::support::client::{BodyFraming, HttpConnection, request};
use crate::support::fixture::{self, MODIFIED, SECRET, link, put};
use crate::support::server::{Setup, Stack, TestServer, Version};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};
use tempfile::TempDir;

pub const GOOD: Good = Good { target: "/good", content: b"good, and nothing else\n" };

/// A tree with links that lead out of it, and a handler that would like to follow them.
pub struct HandlerFixture {
    pub place: TempDir,
    pub server: TestServer,
}

impl HandlerFixture {
    #[track_caller]
    pub fn serve(version: Version, arguments: &[&str]) -> HandlerFixture {
        HandlerFixture::serve_what(version, "", arguments)
    }

    /// The good file alone, with a secret beside it.
    #[track_caller]
    pub fn serve_file(version: Version, arguments: &[&str]) -> HandlerFixture {
        HandlerFixture::serve_what(version, "good.txt", arguments)
    }

    #[track_caller]
    fn serve_what(version: Version, what: &str, arguments: &[&str]) -> HandlerFixture {
        let place = fixture::place();
        let root = place.path().join("www");
        put(&place.path().join("secret.txt"), SECRET.as_bytes(), MODIFIED);
        put(&root.join("good.txt"), GOOD.content, MODIFIED);
        put(&root.join("sub/file.txt"), b"file", MODIFIED);
        let links = [
            ("to-good", "good.txt"),
            ("to-up", ".."),
            ("to-root", "/"),
            ("to-etc", "/etc"),
            ("to-etc-slash", "/etc/"),
            ("to-passwd", "/etc/passwd"),
            ("to-secret", "../secret.txt"),
            ("to-nothing", "../made.txt"),
        ];
        for (name, to) in links {
            link(Path::new(to), &root.join(name));
        }
        link(&place.path().join("secret.txt"), &root.join("to-secret-directly"));
        if !what.is_empty() {
            put(&root.join("secret.txt"), SECRET.as_bytes(), MODIFIED);
        }
        let handler = match version {
            Version::P3 => env!("HOSTILE_P3"),
            Version::P2 => env!("HOSTILE_P2"),
        };
        let arguments = [&["--handler", handler], arguments].concat();
        // Of these, a handler learns the first alone.
        let options = &[("GLASSHOUSE_SPA", "true"), ("SECRET", SECRET)];
        let directory = &root.join(what);
        let setup = Setup { stack: Stack::Host, directory, options, arguments: &arguments, unprivileged: false };
        let server = TestServer::launch(setup);
        HandlerFixture { place, server }
    }

    /// Everything in the tree and beside it, and when it was last changed in any way.
    pub fn state(&self) -> BTreeMap<PathBuf, String> {
        let mut state = BTreeMap::new();
        look(self.place.path(), &mut state);
        state
    }
}

fn look(path: &Path, state: &mut BTreeMap<PathBuf, String>) {
    let found = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let content = match found.file_type() {
        kind if kind.is_symlink() => format!("{:?}", fs::read_link(path)),
        kind if kind.is_file() => format!("{:?}", fs::read(path)),
        _ => String::new(),
    };
    let times = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    state.insert(path.to_owned(), format!("{:o} {} {times:?} {content}", found.mode(), found.nlink()));
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{path:?}: {error}")) {
            look(&entry.expect("a directory can be read").path(), state);
        }
    }
}

/// What a client got.
pub struct Got {
    /// 0 where the connection was closed without a head.
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    is_whole: bool,
}

impl Got {
    /// `200`, `200 cut`, `closed`.
    pub fn end(&self) -> String {
        match (self.status, self.is_whole) {
            (0, _) => "closed".to_owned(),
            (status, true) => status.to_string(),
            (status, false) => format!("{status} cut"),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One GET on a connection of its own.
///
/// # Panics
/// The response is not HTTP, or there is none.
#[track_caller]
pub fn ask(server: &TestServer, target: &str) -> Got {
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", target, &[])).expect("the server reads");
    let mut got = Got { status: 0, head: String::new(), body: Vec::new(), is_whole: false };
    let head = match connection.head() {
        Ok(Some(head)) => head,
        Ok(None) => return got,
        Err(error) if is_cut(&error) => return got,
        Err(error) => panic!("{target}: {error}"),
    };
    (got.status, got.head) = (head.status, format!("{:?}", head.fields));
    let framing = BodyFraming::of("GET", &head).unwrap_or_else(|error| panic!("{target}: {error}"));
    match connection.body(framing, |bytes| got.body.extend_from_slice(bytes)) {
        Ok(_) => got.is_whole = true,
        Err(error) if is_cut(&error) => {}
        Err(error) => panic!("{target}: {error}"),
    }
    got
}

fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Requests the good file as a new client.
#[track_caller]
pub fn is_well(server: &TestServer) {
    let got = ask(server, GOOD.target);
    assert_eq!((got.end().as_str(), got.body.as_slice()), ("200", GOOD.content));
}

/// The lines of the log that are of no request.
pub fn own_lines(stderr: &str) -> impl Iterator<Item = &str> {
    stderr.lines().filter(|line| !line.starts_with("127.0.0.1 - - [") || line.contains("forged"))
}

/// The lines with which the server complains, without what its handler says.
pub fn complaints(stderr: &str) -> Vec<&str> {
    own_lines(stderr).filter(|line| !line.starts_with("glasshouse: handler: ")).collect()
}

/// A request under way whose head has come.
#[track_caller]
pub fn begin(server: &TestServer, target: &str) -> HttpConnection {
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", target, &[])).expect("the server reads");
    let head = connection.head().expect("a head").expect("an answer");
    assert_eq!(head.status, 200);
    connection
}
