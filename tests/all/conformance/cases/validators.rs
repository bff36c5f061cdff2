//! Validators and conditions, RFC 9110 8.8 and 13. `TAG` is that of `/hello.txt`: its size, and the time of its last
//! change in nanoseconds.

use super::BodyCheck::*;
use super::Want::*;
use super::{MODIFIED, ROW, Row, get, with};

const TAG: &str = "\"6-5e0d5da5.23c34600\"";
const HELLO: &[super::BodyCheck] = &[Bytes(b"hello\n")];
const EARLIER: &str = "Thu, 02 Jan 2020 03:04:04 GMT";

/// A request for `/hello.txt` with conditions.
macro_rules! on {
    ($id:literal, $fields:expr, $status:literal) => {
        Row { id: $id, ask: with("/hello.txt", $fields), status: $status, ..ROW }
    };
}

/// A file with a time that carries no information: it is neither sent nor compared.
macro_rules! undated {
    ($id:literal, $target:literal, $time:literal) => {
        Row {
            id: $id,
            ask: with($target, &[("If-Modified-Since", $time)]),
            fields: &[("etag", Absent), ("last-modified", Absent)],
            ..ROW
        }
    };
}

pub const ROWS: &[Row] = &[
    Row { id: "ETag strong", ask: get("/hello.txt"), fields: &[("etag", Is(TAG))], body: HELLO, ..ROW },
    undated!("Undated 1970", "/epoch.txt", "Thu, 01 Jan 1970 00:00:00 GMT"),
    undated!("Undated of the store of Nix", "/epoch/nix.js", "Thu, 01 Jan 1970 00:00:01 GMT"),
    undated!("Undated of a zip file", "/epoch/zip.bin", "Tue, 01 Jan 1980 00:00:00 GMT"),
    undated!("Undated of a package of npm", "/epoch/npm.txt", "Sat, 26 Oct 1985 08:15:00 GMT"),
    undated!("Undated and later", "/epoch.txt", "Fri, 31 Dec 9999 23:59:59 GMT"),
    Row {
        id: "Undated and encoded",
        ask: with("/epoch/nix.js", &[("Accept-Encoding", "gzip"), ("If-Modified-Since", MODIFIED)]),
        fields: &[("etag", Absent), ("last-modified", Absent), ("content-encoding", Is("gzip"))],
        body: &[Bytes(b"GZIP, 14 bytes\x05\0\0\0")],
        ..ROW
    },
    Row {
        id: "Undated alone",
        ask: with("/", &[("If-Modified-Since", MODIFIED)]),
        options: &[("GLASSHOUSE_FILE", "epoch.txt")],
        fields: &[("etag", Absent), ("last-modified", Absent)],
        body: &[Bytes(b"x\n")],
        ..ROW
    },
    Row {
        id: "Undated whole",
        ask: with("/epoch/zip.bin", &[("Range", "bytes=0-3"), ("If-Range", "Tue, 01 Jan 1980 00:00:00 GMT")]),
        fields: &[("content-range", Absent)],
        body: &[Bytes(b"0123456789")],
        ..ROW
    },
    Row {
        id: "Undated part",
        ask: with("/epoch/zip.bin", &[("Range", "bytes=0-3")]),
        status: 206,
        fields: &[("etag", Absent), ("last-modified", Absent)],
        body: &[Bytes(b"0123")],
        ..ROW
    },
    Row {
        id: "Undated in a condition that stops",
        ask: with("/epoch/zip.bin", &[("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]),
        body: &[Bytes(b"0123456789")],
        ..ROW
    },
    Row {
        id: "Dated early",
        ask: with("/epoch/early.txt", &[("If-Modified-Since", "Thu, 01 Jan 1970 00:00:02 GMT")]),
        status: 304,
        fields: &[("etag", Is("\"2-2.0\"")), ("last-modified", Is("Thu, 01 Jan 1970 00:00:02 GMT"))],
        ..ROW
    },
    Row { id: "Undated in a listing", ask: get("/epoch/?format=json"), body: &[Has("1970-01-01T00:00:01Z")], ..ROW },
    Row {
        id: "If-None-Match same",
        ask: with("/hello.txt", &[("If-None-Match", TAG)]),
        status: 304,
        fields: &[("etag", Is(TAG)), ("last-modified", Is(MODIFIED)), ("vary", Is("Accept-Encoding"))],
        body: &[Bytes(b"")],
        ..ROW
    },
    on!("If-None-Match in a list", &[("If-None-Match", "\"a,b\", \"6-5e0d5da5.23c34600\"")], 304),
    on!("If-None-Match in two lines", &[("If-None-Match", "\"a\""), ("If-None-Match", TAG)], 304),
    on!("If-None-Match weak", &[("If-None-Match", "W/\"6-5e0d5da5.23c34600\"")], 304),
    on!("If-None-Match any", &[("If-None-Match", "*")], 304),
    on!("If-None-Match another", &[("If-None-Match", "\"6-5e0d5da5.0\"")], 200),
    on!("If-None-Match unreadable", &[("If-None-Match", "6-5e0d5da5.23c34600")], 200),
    on!("If-None-Match before If-Modified-Since", &[("If-None-Match", "\"x\""), ("If-Modified-Since", MODIFIED)], 200),
    Row { id: "If-None-Match any of nothing", ask: with("/none", &[("If-None-Match", "*")]), status: 404, ..ROW },
    on!("If-Match same", &[("If-Match", TAG)], 200),
    on!("If-Match any", &[("If-Match", "*")], 200),
    on!("If-Match another", &[("If-Match", "\"x\"")], 412),
    on!("If-Match weak", &[("If-Match", "W/\"6-5e0d5da5.23c34600\"")], 412),
    on!("If-Match unreadable", &[("If-Match", "x")], 412),
    on!("If-Match before If-None-Match", &[("If-Match", "\"x\""), ("If-None-Match", TAG)], 412),
    on!("If-Match and If-None-Match", &[("If-Match", TAG), ("If-None-Match", TAG)], 304),
    Row {
        id: "412 is a page",
        ask: with("/hello.txt", &[("If-Match", "\"x\"")]),
        status: 412,
        fields: &[("content-type", Is("text/html; charset=utf-8"))],
        body: &[Has("<p>Error code: 412</p>")],
        ..ROW
    },
    on!("If-Unmodified-Since same second", &[("If-Unmodified-Since", MODIFIED)], 200),
    on!("If-Unmodified-Since earlier", &[("If-Unmodified-Since", EARLIER)], 412),
    on!("If-Unmodified-Since no date", &[("If-Unmodified-Since", "soon")], 200),
    on!("If-Unmodified-Since behind If-Match", &[("If-Match", TAG), ("If-Unmodified-Since", EARLIER)], 200),
    on!("If-Range same", &[("Range", "bytes=0-1"), ("If-Range", TAG)], 206),
    on!("If-Range another", &[("Range", "bytes=0-1"), ("If-Range", "\"x\"")], 200),
    on!("If-Range weak", &[("Range", "bytes=0-1"), ("If-Range", "W/\"6-5e0d5da5.23c34600\"")], 200),
    on!("If-Range date", &[("Range", "bytes=0-1"), ("If-Range", MODIFIED)], 206),
    on!("If-Range earlier date", &[("Range", "bytes=0-1"), ("If-Range", EARLIER)], 200),
    on!("If-Range later date", &[("Range", "bytes=0-1"), ("If-Range", "Thu, 02 Jan 2020 03:04:06 GMT")], 200),
    on!("If-Range without Range", &[("If-Range", "\"x\"")], 200),
    on!("If-Range and beyond", &[("Range", "bytes=9-"), ("If-Range", "\"x\"")], 200),
    on!("Range behind If-None-Match", &[("Range", "bytes=0-1"), ("If-None-Match", TAG)], 304),
];
