//! Content codings, RFC 9110 8.4 and 12.5.3: precompressed siblings, and compression on the way.

use super::{BodyCheck::*, ROW, Row, Want::*, get, with};
use crate::support::fixture::{BIG, GZIP, ZSTD};

const ON: &[(&str, &str)] = &[("GLASSHOUSE_COMPRESS", "1")];
const OFF: &[(&str, &str)] = &[("GLASSHOUSE_NO_PRECOMPRESSED", "1")];
const BROWSER: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br, zstd");

/// A request for a script with three siblings, whose bytes are their names.
macro_rules! script {
    ($id:literal, $accept:literal, $coding:expr, $body:expr) => {
        Row {
            id: $id,
            ask: with("/enc/app.js", &[("Accept-Encoding", $accept)]),
            fields: &[
                ("content-type", Is("text/javascript; charset=utf-8")),
                ("content-encoding", $coding),
                ("vary", Is("Accept-Encoding")),
            ],
            body: &[Bytes($body)],
            ..ROW
        }
    };
}

pub const ROWS: &[Row] = &[
    Row {
        id: "Coding nothing accepted",
        ask: get("/enc/app.js"),
        fields: &[("content-encoding", Absent), ("vary", Is("Accept-Encoding"))],
        body: &[Bytes(b"let app;\n")],
        ..ROW
    },
    script!("Coding browser", "gzip, deflate, br, zstd", Is("br"), b"BR"),
    script!("Coding gzip", "gzip", Is("gzip"), GZIP),
    script!("Coding zstd before gzip", "gzip, zstd", Is("zstd"), ZSTD),
    script!("Coding by weight", "br;q=0.1, gzip;q=0.9", Is("gzip"), GZIP),
    script!("Coding forbidden", "br;q=0, gzip;q=0", Absent, b"let app;\n"),
    script!("Coding any", "*", Is("br"), b"BR"),
    script!("Coding any but br", "*, br;q=0", Is("zstd"), ZSTD),
    script!("Coding identity preferred", "identity, gzip;q=0.5", Absent, b"let app;\n"),
    script!("Coding identity forbidden", "identity;q=0, gzip", Is("gzip"), GZIP),
    script!("Coding identity forbidden and nothing else", "identity;q=0", Absent, b"let app;\n"),
    script!("Coding any forbidden", "*;q=0", Absent, b"let app;\n"),
    script!("Coding any forbidden but gzip", "*;q=0, gzip", Is("gzip"), GZIP),
    script!("Coding identity forbidden, any other", "identity;q=0, *;q=0.5", Is("br"), b"BR"),
    script!("Coding unknown", "compress, exi", Absent, b"let app;\n"),
    script!("Coding unreadable", "gzip;q=high", Absent, b"let app;\n"),
    script!("Coding empty", "", Absent, b"let app;\n"),
    Row {
        id: "Coding has a tag of its own",
        ask: with("/enc/app.js", &[BROWSER]),
        fields: &[("etag", Is("\"2-5e0d5da5.23c34600-br\"")), ("content-length", Is("2"))],
        ..ROW
    },
    Row {
        id: "Coding not modified",
        ask: with("/enc/app.js", &[BROWSER, ("If-None-Match", "\"2-5e0d5da5.23c34600-br\"")]),
        status: 304,
        fields: &[("vary", Is("Accept-Encoding")), ("etag", Is("\"2-5e0d5da5.23c34600-br\""))],
        ..ROW
    },
    Row {
        id: "Coding another variant",
        ask: with("/enc/app.js", &[("If-None-Match", "\"2-5e0d5da5.23c34600-br\"")]),
        body: &[Bytes(b"let app;\n")],
        ..ROW
    },
    Row {
        id: "Coding part of a variant",
        ask: with("/enc/app.js", &[BROWSER, ("Range", "bytes=1-")]),
        status: 206,
        fields: &[("content-encoding", Is("br")), ("content-range", Is("bytes 1-1/2"))],
        body: &[Bytes(b"R")],
        ..ROW
    },
    Row {
        id: "Coding older than its original",
        ask: with("/enc/old.css", &[BROWSER]),
        fields: &[("content-encoding", Absent), ("vary", Is("Accept-Encoding"))],
        body: &[Bytes(b"p{} em{}\n")],
        ..ROW
    },
    Row { id: "Coding without original", ask: with("/enc/only.html", &[BROWSER]), status: 404, ..ROW },
    Row {
        id: "Coding of an image",
        ask: with("/enc/pic.png", &[BROWSER]),
        fields: &[("content-encoding", Absent), ("vary", Absent)],
        body: &[Bytes(b"PNG")],
        ..ROW
    },
    Row {
        id: "Coding asked for by name",
        ask: with("/enc/app.js.gz", &[BROWSER]),
        fields: &[("content-type", Is("application/gzip")), ("content-encoding", Absent), ("vary", Absent)],
        body: &[Bytes(GZIP)],
        ..ROW
    },
    Row {
        id: "Coding of another content",
        ask: with("/enc/other.csv", &[BROWSER]),
        fields: &[("content-encoding", Absent), ("content-length", Is("8")), ("vary", Is("Accept-Encoding"))],
        body: &[Bytes(b"1,2\n3,4\n")],
        ..ROW
    },
    Row {
        id: "Coding of another content and still another request",
        ask: with("/enc/other.csv", &[("Accept-Encoding", "gzip"), ("Range", "bytes=0-0")]),
        status: 206,
        fields: &[("content-encoding", Absent), ("content-range", Is("bytes 0-0/8"))],
        body: &[Bytes(b"1")],
        ..ROW
    },
    Row {
        id: "Coding of no coding",
        ask: with("/enc/broken.csv", &[BROWSER]),
        fields: &[("content-encoding", Absent), ("vary", Is("Accept-Encoding"))],
        body: &[Bytes(b"1,2,3,4\n\n")],
        ..ROW
    },
    Row {
        id: "Coding the next best",
        ask: with("/enc/mixed.csv", &[BROWSER]),
        fields: &[("content-encoding", Is("gzip")), ("content-type", Is("text/csv; charset=utf-8"))],
        body: &[Bytes(GZIP)],
        ..ROW
    },
    Row {
        id: "Coding of an index",
        ask: with("/enc/dir/", &[BROWSER]),
        fields: &[("content-encoding", Is("gzip")), ("content-type", Is("text/html; charset=utf-8"))],
        body: &[Bytes(GZIP)],
        ..ROW
    },
    Row {
        id: "Coding switched off",
        ask: with("/enc/app.js", &[BROWSER]),
        options: OFF,
        fields: &[("content-encoding", Absent), ("vary", Absent)],
        ..ROW
    },
    Row {
        id: "Compress br",
        ask: with("/enc/big.txt", &[BROWSER]),
        options: ON,
        fields: &[
            ("content-encoding", Is("br")),
            ("content-type", Is("text/plain; charset=utf-8")),
            ("accept-ranges", Absent),
            ("etag", Is("W/\"1000-5e0d5da5.23c34600-br\"")),
            ("vary", Is("Accept-Encoding")),
        ],
        body: &[Brotli(BIG)],
        ..ROW
    },
    Row {
        id: "Compress gzip",
        ask: with("/enc/big.txt", &[("Accept-Encoding", "gzip")]),
        options: ON,
        fields: &[("content-encoding", Is("gzip")), ("etag", Is("W/\"1000-5e0d5da5.23c34600-gzip\""))],
        body: &[Gzip(BIG)],
        ..ROW
    },
    Row {
        id: "Compress not modified",
        ask: with("/enc/big.txt", &[BROWSER, ("If-None-Match", "W/\"1000-5e0d5da5.23c34600-br\"")]),
        options: ON,
        status: 304,
        ..ROW
    },
    Row {
        id: "Compress nothing accepted",
        ask: get("/enc/big.txt"),
        options: ON,
        fields: &[("content-encoding", Absent), ("vary", Is("Accept-Encoding")), ("content-length", Is("4096"))],
        body: &[Bytes(BIG)],
        ..ROW
    },
    Row {
        id: "Compress no range",
        ask: with("/enc/big.txt", &[BROWSER, ("Range", "bytes=0-9")]),
        options: ON,
        status: 206,
        fields: &[("content-encoding", Absent), ("content-range", Is("bytes 0-9/4096"))],
        body: &[Bytes(BIG.split_at(10).0)],
        ..ROW
    },
    Row {
        id: "Compress not what is small",
        ask: with("/hello.txt", &[BROWSER]),
        options: ON,
        fields: &[("content-encoding", Absent), ("vary", Is("Accept-Encoding"))],
        ..ROW
    },
    Row {
        id: "Compress a sibling goes first",
        ask: with("/enc/app.js", &[BROWSER]),
        options: ON,
        body: &[Bytes(b"BR")],
        ..ROW
    },
    Row {
        id: "Compress a listing",
        ask: with("/names/", &[("Accept-Encoding", "gzip")]),
        options: ON,
        fields: &[("content-encoding", Is("gzip")), ("vary", Is("Accept, Accept-Encoding"))],
        ..ROW
    },
    Row {
        id: "Compress not by default",
        ask: with("/enc/big.txt", &[BROWSER]),
        fields: &[("content-encoding", Absent)],
        body: &[Bytes(BIG)],
        ..ROW
    },
];
