//! Error responses.

use super::BodyCheck::*;
use super::Want::*;
use super::{ROW, Row, ask, get, missing, with};

const ALLOW: &[(&str, super::Want)] = &[("allow", Is("GET, HEAD, OPTIONS"))];
const GLASSHOUSE: &[(&str, super::Want)] = &[("server", Is(concat!("glasshouse/", env!("CARGO_PKG_VERSION"))))];

macro_rules! not_allowed {
    ($id:literal, $method:literal, $target:literal) => {
        Row {
            id: $id,
            ask: ask($method, $target),
            status: 405,
            fields: ALLOW,
            body: &[Has("<p>Error code: 405</p>"), Lacks($method)],
            ..ROW
        }
    };
}

pub const ROWS: &[Row] = &[
    missing("PY-61 absent", "/nope"),
    missing("PY-61 absent below", "/sub/nope/nope"),
    missing("PY-61 a longer name than there can be", LONG),
    not_allowed!("PY-62 POST", "POST", "/hello.txt"),
    not_allowed!("PY-62 PUT", "PUT", "/new.txt"),
    not_allowed!("PY-62 DELETE", "DELETE", "/hello.txt"),
    not_allowed!("PY-62 PATCH", "PATCH", "/hello.txt"),
    not_allowed!("PY-62 TRACE", "TRACE", "/hello.txt"),
    not_allowed!("PY-62 lower case", "get", "/hello.txt"),
    not_allowed!("PY-62 unknown method", "BREW", "/nope"),
    Row {
        id: "PY-62 OPTIONS",
        ask: ask("OPTIONS", "/hello.txt"),
        status: 204,
        fields: &[("allow", Is("GET, HEAD, OPTIONS")), ("content-length", Absent)],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "PY-62 OPTIONS for all",
        ask: ask("OPTIONS", "*"),
        status: 204,
        fields: ALLOW,
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "PY-70 page",
        ask: get("/nope"),
        status: 404,
        body: &[
            Has("<!DOCTYPE html>\n<html lang=\"en\">"),
            Has("<meta charset=\"utf-8\">"),
            Has("light dark"),
            Has("<title>Error response</title>"),
            Has("<h1>Error response</h1>"),
            Has("<p>Error code: 404</p>"),
            Has("<p>Message: File not found.</p>"),
            Has("<p>Error code explanation: 404 - Nothing matches the given URI.</p>"),
        ],
        ..ROW
    },
    Row {
        id: "PY-71 fields",
        ask: get("/nope"),
        status: 404,
        fields: &[
            ("content-type", Is("text/html; charset=utf-8")),
            ("transfer-encoding", Absent),
            ("last-modified", Absent),
        ],
        ..ROW
    },
    Row { id: "PY-71 HEAD", ask: ask("HEAD", "/nope"), status: 404, body: &[Bytes(b"")], ..ROW },
    Row { id: "PY-71 conditional", ask: with("/nope", &[("If-Modified-Since", super::MODIFIED)]), status: 404, ..ROW },
    Row { id: "PY-73 file", ask: get("/hello.txt"), fields: GLASSHOUSE, ..ROW },
    Row { id: "PY-73 listing", ask: get("/"), fields: GLASSHOUSE, ..ROW },
    Row { id: "PY-73 redirect", ask: get("/sub"), status: 301, fields: GLASSHOUSE, ..ROW },
    Row { id: "PY-73 error", ask: get("/nope"), status: 404, fields: GLASSHOUSE, ..ROW },
    Row { id: "PY-73 method", ask: ask("POST", "/"), status: 405, fields: GLASSHOUSE, ..ROW },
    Row {
        id: "PY-73 not modified",
        ask: with("/hello.txt", &[("If-Modified-Since", super::MODIFIED)]),
        status: 304,
        fields: GLASSHOUSE,
        ..ROW
    },
];

/// 300 letters: more than the 255 bytes of a name.
const LONG: &str = {
    const BYTES: [u8; 301] = {
        let mut bytes = [b'a'; 301];
        bytes[0] = b'/';
        bytes
    };
    match str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};
