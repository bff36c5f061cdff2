//! One served file. The variable `GLASSHOUSE_FILE` names it for a handler whose host can only open a directory.

use super::BodyCheck::*;
use super::Want::*;
use super::{Ask, MODIFIED, ROW, Row, RowOptions, ask, get, missing, with};

const HELLO: RowOptions = &[("GLASSHOUSE_FILE", "hello.txt")];
const SCRIPT: RowOptions = &[("GLASSHOUSE_FILE", "app.js")];
const BIG: RowOptions = &[
    ("GLASSHOUSE_FILE", "big.txt"),
    ("GLASSHOUSE_COMPRESS", "1"),
    ("GLASSHOUSE_HEADER", "Content-Disposition: attachment"),
];
const BELOW: RowOptions = &[("GLASSHOUSE_FILE", ".hidden"), ("GLASSHOUSE_PREFIX", "a")];
const NAMED: &str = "inline; filename=\"hello.txt\"; filename*=UTF-8''hello.txt";
const PAGE: (&str, &str) = ("Accept", "text/html");

const fn none(id: &'static str, target: &'static str) -> Row {
    Row { options: HELLO, ..missing(id, target) }
}

const fn hello(id: &'static str, ask: Ask<'static>) -> Row {
    Row { id, ask, options: HELLO, body: &[Bytes(b"hello\n")], ..ROW }
}

pub const ROWS: &[Row] = &[
    Row {
        fields: &[
            ("content-type", Is("text/plain; charset=utf-8")),
            ("content-length", Is("6")),
            ("content-disposition", Is(NAMED)),
            ("last-modified", Is(MODIFIED)),
            ("accept-ranges", Is("bytes")),
            ("vary", Absent),
        ],
        ..hello("One file at the root", get("/"))
    },
    Row {
        fields: &[("content-type", Is("text/plain; charset=utf-8")), ("content-disposition", Absent)],
        ..hello("One file by its name", get("/hello.txt"))
    },
    hello("One file with a query", get("/?format=json&download=zip&search=h")),
    hello("One file by a longer way", get("/sub/../hello.txt")),
    Row {
        id: "One file in part",
        ask: with("/", &[("Range", "bytes=1-2")]),
        options: HELLO,
        status: 206,
        fields: &[("content-range", Is("bytes 1-2/6")), ("content-disposition", Is(NAMED))],
        body: &[Bytes(b"el")],
        ..ROW
    },
    Row {
        id: "One file not modified",
        ask: with("/", &[("If-Modified-Since", MODIFIED)]),
        options: HELLO,
        status: 304,
        fields: &[("content-disposition", Absent)],
        ..ROW
    },
    Row { id: "One file not written", ask: ask("POST", "/"), options: HELLO, status: 405, ..ROW },
    Row {
        id: "One file with a strange name",
        ask: get("/"),
        options: &[("GLASSHOUSE_FILE", "100%.txt")],
        fields: &[("content-disposition", Is("inline; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"))],
        body: &[Bytes(b"percent\n")],
        ..ROW
    },
    Row {
        id: "One file by a link",
        ask: get("/link.txt"),
        options: &[("GLASSHOUSE_FILE", "link.txt")],
        body: &[Bytes(b"hello\n")],
        ..ROW
    },
    none("One file and not the one beside it", "/lines.txt"),
    none("One file and no folder", "/sub/"),
    none("One file and nothing in a folder", "/sub/inner.txt"),
    none("One file is not a folder", "/hello.txt/"),
    none("One file and nothing below it", "/hello.txt/x"),
    none("One file and no index", "/index.html"),
    Row {
        id: "One file and no close names",
        ask: with("/helo.txt", &[PAGE]),
        options: HELLO,
        status: 404,
        body: &[Hides("hello.txt")],
        ..ROW
    },
    Row {
        id: "One file and not the one that is encoded",
        root: "enc",
        ask: with("/", &[("Accept-Encoding", "br, zstd, gzip")]),
        options: SCRIPT,
        fields: &[("content-encoding", Absent), ("vary", Absent)],
        body: &[Bytes(b"let app;\n")],
        ..ROW
    },
    Row {
        id: "One file encoded on the way, to be saved",
        root: "enc",
        ask: with("/", &[("Accept-Encoding", "gzip")]),
        options: BIG,
        fields: &[
            ("content-encoding", Is("gzip")),
            ("content-disposition", Is("attachment")),
            ("vary", Is("Accept-Encoding")),
        ],
        body: &[Gzip(crate::support::fixture::BIG)],
        ..ROW
    },
    Row {
        id: "One file and no site",
        root: "site",
        ask: get("/"),
        options: &[("GLASSHOUSE_FILE", "style.css")],
        fields: &[("cache-control", Absent)],
        body: &[Bytes(b"p{}\n")],
        ..ROW
    },
    Row {
        root: "site",
        options: &[("GLASSHOUSE_FILE", "style.css")],
        ..missing("One file and no page for others", "/x")
    },
    Row {
        id: "One file that is that of a site",
        root: "site-bad",
        ask: get("/glasshouse.toml"),
        options: &[("GLASSHOUSE_FILE", "glasshouse.toml")],
        body: &[Bytes(b"spa = [\n")],
        ..ROW
    },
    Row {
        id: "One file that is hidden, under a prefix",
        ask: get("/a/"),
        options: BELOW,
        body: &[Bytes(b"hidden\n")],
        ..ROW
    },
    Row {
        id: "One file under a prefix without slash",
        ask: get("/a"),
        options: BELOW,
        status: 301,
        fields: &[("location", Leads("/a/"))],
        ..ROW
    },
];
