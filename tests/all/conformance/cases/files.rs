//! Files: their fields, types, conditions and ranges.

use super::{BodyCheck::*, MODIFIED, ROW, Row, Want::*, ask, get, with};
use crate::support::fixture::ALL_BYTES;

const HELLO: &[super::BodyCheck] = &[Bytes(b"hello\n")];
const ADDED: &[(&str, &str)] = &[("GLASSHOUSE_HEADER", "X-Added: one\nX-Other: two: three")];
const TYPE: &[(&str, &str)] = &[("GLASSHOUSE_CONTENT_TYPE", "text/x-mine")];

macro_rules! kind {
    ($id:literal, $target:literal, $kind:literal) => {
        Row { id: $id, ask: get($target), fields: &[("content-type", Is($kind)), ("content-encoding", Absent)], ..ROW }
    };
}

/// A request for `/hello.txt`, changed at [`MODIFIED`], with one condition.
macro_rules! since {
    ($id:literal, $date:expr, $status:literal) => {
        Row { id: $id, ask: with("/hello.txt", &[("If-Modified-Since", $date)]), status: $status, ..ROW }
    };
}

pub const ROWS: &[Row] = &[
    Row {
        id: "PY-10 file",
        ask: get("/hello.txt"),
        options: ADDED,
        fields: &[
            ("x-added", Is("one")),
            ("x-other", Is("two: three")),
            ("content-type", Is("text/plain; charset=utf-8")),
        ],
        ..ROW
    },
    Row { id: "PY-10 listing", ask: get("/sub/"), options: ADDED, fields: &[("x-added", Is("one"))], ..ROW },
    Row { id: "PY-10 redirect", ask: get("/sub"), options: ADDED, status: 301, fields: &[("x-added", Absent)], ..ROW },
    Row { id: "PY-10 error", ask: get("/none"), options: ADDED, status: 404, fields: &[("x-added", Absent)], ..ROW },
    Row {
        id: "PY-10 not modified",
        ask: with("/hello.txt", &[("If-Modified-Since", MODIFIED)]),
        options: ADDED,
        status: 304,
        fields: &[("x-added", Absent)],
        ..ROW
    },
    Row {
        id: "PY-11 no suffix",
        ask: get("/noext"),
        options: TYPE,
        fields: &[("content-type", Is("text/x-mine"))],
        ..ROW
    },
    Row {
        id: "PY-11 unknown suffix",
        ask: get("/types/f.unknown"),
        options: TYPE,
        fields: &[("content-type", Is("text/x-mine"))],
        ..ROW
    },
    Row {
        id: "PY-11 known suffix",
        ask: get("/types/f.PDF"),
        options: TYPE,
        fields: &[("content-type", Is("application/pdf"))],
        ..ROW
    },
    Row {
        id: "PY-50 fields",
        ask: get("/hello.txt"),
        fields: &[
            ("content-type", Is("text/plain; charset=utf-8")),
            ("content-length", Is("6")),
            ("last-modified", Is(MODIFIED)),
            ("transfer-encoding", Absent),
        ],
        body: HELLO,
        ..ROW
    },
    Row {
        id: "PY-50 HEAD",
        ask: ask("HEAD", "/hello.txt"),
        fields: &[("content-length", Is("6")), ("last-modified", Is(MODIFIED))],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "PY-51 empty",
        ask: get("/empty.txt"),
        fields: &[("content-length", Is("0"))],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row { id: "PY-52 every byte", ask: get("/bytes.bin"), body: &[Bytes(ALL_BYTES)], ..ROW },
    Row { id: "PY-52 line ends", ask: get("/lines.txt"), body: &[Bytes(b"one\r\ntwo\nthree\r")], ..ROW },
    kind!("PY-53 upper case", "/types/f.PDF", "application/pdf"),
    kind!("PY-53 upper case image", "/types/f.JPG", "image/jpeg"),
    kind!("PY-53 capital Z", "/types/f.Z", "application/octet-stream"),
    kind!("PY-53 xz", "/types/f.xz", "application/x-xz"),
    kind!("PY-53 bz2", "/types/f.bz2", "application/x-bzip2"),
    kind!("PY-53 by the name that was asked for", "/link.txt", "text/plain; charset=utf-8"),
    kind!("PY-54 gz", "/types/f.gz", "application/gzip"),
    kind!("PY-54 tar.gz", "/types/f.tar.gz", "application/gzip"),
    kind!("PY-54 tgz", "/types/f.tgz", "application/x-tar"),
    kind!("PY-54 br", "/types/f.br", "application/octet-stream"),
    kind!("PY-54 zst", "/types/f.zst", "application/zstd"),
    kind!("PY-55 html", "/types/f.html", "text/html; charset=utf-8"),
    kind!("PY-55 css", "/types/f.css", "text/css; charset=utf-8"),
    kind!("PY-55 js", "/types/f.js", "text/javascript; charset=utf-8"),
    kind!("PY-55 mjs", "/types/f.mjs", "text/javascript; charset=utf-8"),
    kind!("PY-55 md", "/types/f.md", "text/markdown; charset=utf-8"),
    kind!("PY-55 csv", "/types/f.csv", "text/csv; charset=utf-8"),
    kind!("PY-55 json", "/types/f.json", "application/json; charset=utf-8"),
    kind!("PY-55 svg", "/types/f.svg", "image/svg+xml; charset=utf-8"),
    kind!("PY-55 not an image", "/types/f.avif", "image/avif"),
    kind!("PY-55 not a font", "/types/f.woff2", "font/woff2"),
    kind!("PY-55 not code", "/types/f.wasm", "application/wasm"),
    kind!("PY-56 built-in table", "/types/f.xml", "text/xml; charset=utf-8"),
    kind!("PY-56 built-in table again", "/types/f.py", "text/x-python; charset=utf-8"),
    kind!("PY-56 registered", "/types/f.usdz", "model/vnd.usdz+zip"),
    kind!("PY-56 source map", "/types/f.map", "application/json; charset=utf-8"),
    kind!("PY-56 source", "/types/f.go", "text/plain; charset=utf-8"),
    Row {
        id: "PY-56 source with markup in it",
        ask: get("/types/f.vue"),
        fields: &[("content-type", Is("text/plain; charset=utf-8")), ("x-content-type-options", Is("nosniff"))],
        ..ROW
    },
    kind!("PY-56 whole name", "/types/Makefile", "text/plain; charset=utf-8"),
    kind!("PY-57 no suffix", "/noext", "application/octet-stream"),
    kind!("PY-57 unknown suffix", "/types/f.unknown", "application/octet-stream"),
    since!("PY-58 same second", MODIFIED, 304),
    since!("PY-58 a second before", "Thu, 02 Jan 2020 03:04:04 GMT", 200),
    since!("PY-58 future", "Fri, 01 Jan 2100 00:00:00 GMT", 304),
    since!("PY-58 RFC 850", "Thursday, 02-Jan-20 03:04:05 GMT", 304),
    since!("PY-58 asctime", "Thu Jan  2 03:04:05 2020", 304),
    since!("PY-58 zone of zero", "Thu, 02 Jan 2020 03:04:05 +0000", 304),
    since!("PY-58 no zone", "Thu, 02 Jan 2020 03:04:05", 304),
    since!("PY-58 another zone", "Thu, 02 Jan 2020 03:04:05 +0100", 200),
    since!("PY-58 no date", "yesterday", 200),
    since!("PY-58 empty", "", 200),
    Row {
        id: "PY-58 If-None-Match goes first",
        ask: with("/hello.txt", &[("If-Modified-Since", MODIFIED), ("If-None-Match", "\"x\"")]),
        body: HELLO,
        ..ROW
    },
    Row {
        id: "PY-58 index",
        ask: with("/withidx/", &[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        status: 304,
        ..ROW
    },
    Row {
        id: "PY-59 validators and no content",
        ask: with("/hello.txt", &[("If-Modified-Since", MODIFIED)]),
        status: 304,
        fields: &[
            ("last-modified", Is(MODIFIED)),
            ("content-length", Absent),
            ("content-type", Absent),
            ("transfer-encoding", Absent),
        ],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "PY-60 range",
        ask: with("/hello.txt", &[("Range", "bytes=0-1")]),
        status: 206,
        fields: &[("content-length", Is("2")), ("content-range", Is("bytes 0-1/6"))],
        body: &[Bytes(b"he")],
        ..ROW
    },
    Row {
        id: "Mime own",
        ask: get("/types/f.unknown"),
        options: &[("GLASSHOUSE_MIME", "unknown=text/x-known; charset=utf-8")],
        fields: &[("content-type", Is("text/x-known; charset=utf-8"))],
        ..ROW
    },
];
