//! For each kind of answer, the request fields that the core reads. A replay compares them, so a field that makes no
//! difference would divide equal requests.

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Config, Request, answer, at_once};
use std::cell::RefCell;

const MODIFIED: i64 = 1_577_934_245;
const DATE: &str = "Thu, 02 Jan 2020 03:04:05 GMT";
const TAG: &str = "*";

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (path, text) in
        [("a.png", "picture"), ("a.txt", "text"), ("sub/a.bin", ""), ("page.html", "none"), ("a.md", "# A")]
    {
        tree.insert(path, MemoryNode::File(text.as_bytes().to_vec(), HttpTime::new(MODIFIED, 0)));
    }
    tree.insert("undated.png", MemoryNode::File(b"picture".to_vec(), None));
    tree.insert("a.txt.gz", MemoryNode::File(vec![b'x'; 18], HttpTime::new(MODIFIED, 0)));
    tree.insert("large.txt", MemoryNode::File(vec![b'x'; 5000], HttpTime::new(MODIFIED, 0)));
    tree
}

/// A request with its fields, and the options.
type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);

/// The status, and the names of the fields in the order in which they were read.
fn read((line, fields, options): Asked) -> (u16, Vec<String>) {
    let pairs = options.iter().map(|(key, value)| (format!("GLASSHOUSE_{key}"), *value));
    let Ok(config) = Config::from_pairs(pairs) else { panic!("{options:?} have a meaning") };
    let (method, target) = line.split_once(' ').unwrap_or_default();
    let names = RefCell::new(Vec::new());
    let request = Request::read(method, Some(target), |name| {
        names.borrow_mut().push(name.to_owned());
        fields.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec()).collect()
    });
    let Some(reply) = at_once(answer(&request, &tree(), &config)) else { panic!("{line}: memory never waits") };
    let status = reply.write(request.method).0.status;
    drop(request);
    (status, names.into_inner())
}

/// An answer to a request with conditions in no field.
const CONDITIONS: &[&str] = &["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];
const COMPRESS: &[(&str, &str)] = &[("COMPRESS", "1")];
const MARKDOWN: &[(&str, &str)] = &[("MARKDOWN", "1"), ("NO_PRECOMPRESSED", "1")];

#[test]
fn a_field_is_read_only_if_the_answer_depends_on_it() {
    let with = |first: &[&'static str], last: &[&'static str]| [first, CONDITIONS, last].concat();
    let rows: &[(Asked, u16, Vec<&str>)] = &[
        // Files.
        (("GET /a.png", &[], &[]), 200, with(&[], &["range"])),
        (("HEAD /a.png", &[], &[]), 200, with(&[], &[])),
        (("GET /undated.png", &[], &[]), 200, vec!["if-match", "if-none-match", "range"]),
        (("GET /a.txt", &[("accept-encoding", "gzip")], &[]), 200, with(&["accept-encoding"], &["range"])),
        (("GET /large.txt", &[], COMPRESS), 200, with(&["accept-encoding"], &["range"])),
        // An encoded file has no ranges. A range prevents the encoding.
        (
            ("GET /large.txt", &[("accept-encoding", "gzip")], COMPRESS),
            200,
            [&["accept-encoding", "range"], CONDITIONS].concat(),
        ),
        (("GET /a.png", &[("range", "bytes=0-1")], &[]), 206, with(&[], &["range", "if-range"])),
        (("GET /a.png", &[("range", "bytes=0-1,3-4")], &[]), 206, with(&[], &["range", "if-range"])),
        (("GET /a.png", &[("range", "bytes=9-")], &[]), 416, with(&[], &["range", "if-range", "accept"])),
        // The first condition decides.
        (("GET /a.png", &[("if-none-match", TAG)], &[]), 304, vec!["if-match", "if-unmodified-since", "if-none-match"]),
        (("GET /a.png", &[("if-modified-since", DATE)], &[]), 304, with(&[], &[])),
        (("GET /a.png", &[("if-match", "\"x\"")], &[]), 412, vec!["if-match", "accept"]),
        // A Markdown file and its page.
        (("GET /a.md", &[("accept", "text/html")], MARKDOWN), 200, vec!["accept", "if-match", "if-none-match"]),
        (("GET /a.md", &[], MARKDOWN), 200, with(&["accept"], &["range"])),
        (("GET /a.md?raw", &[("accept", "text/html")], MARKDOWN), 200, with(&[], &["range"])),
        (("GET /a.md", &[("accept", "text/html")], &[("NO_PRECOMPRESSED", "1")]), 200, with(&[], &["range"])),
        // Generated content.
        (("GET /sub/", &[], &[]), 200, vec!["accept", "if-match", "if-none-match"]),
        (("GET /sub/?format=json", &[], &[]), 200, vec!["if-match", "if-none-match"]),
        // The page shows a command with its address, which the script inserts.
        (("GET /sub/", &[("host", "a.example")], &[("GRID", "1")]), 200, vec!["accept", "if-match", "if-none-match"]),
        (("GET /sub/", &[], COMPRESS), 200, vec!["accept", "accept-encoding", "if-match", "if-none-match"]),
        (("GET /sub/?download=zip", &[], &[]), 200, vec!["if-match", "if-none-match", "range"]),
        (("GET /sub", &[], &[]), 301, vec![]),
        // Errors.
        (("GET /none", &[], &[]), 404, vec!["accept"]),
        (("HEAD /none", &[("accept", "text/html")], &[]), 404, vec!["accept"]),
        (("GET /none", &[], &[("NOT_FOUND", "page.html")]), 404, vec!["accept-encoding"]),
        (("GET /none", &[], &[("SPA", "page.html")]), 200, with(&["accept", "accept-encoding"], &["range"])),
        (("GET /%00", &[], &[]), 400, vec!["accept"]),
        (("POST /a.png", &[], &[]), 405, vec!["accept"]),
        (("OPTIONS /a.png", &[], &[]), 204, vec![]),
        // Every answer depends on the origin if only some origins may read it.
        (("OPTIONS /a.png", &[], &[("CORS", "https://a.example")]), 204, vec!["origin"]),
        (("GET /sub", &[], &[("CORS", "https://a.example")]), 301, vec!["origin"]),
        (("GET /sub", &[], &[("CORS", "*")]), 301, vec![]),
    ];
    for (asked, status, names) in rows {
        assert_eq!(read(*asked), (*status, names.iter().map(ToString::to_string).collect()), "{asked:?}");
    }
}
