//! `glasshouse.toml`: its options take effect, no name leads to it, and it grants nothing.

use super::BodyCheck::*;
use super::Want::*;
use super::{ROW, Row, get, with};

/// Nothing of what the file of the site says.
const NO_RULES: &[super::BodyCheck] = &[Lacks("RULES")];

pub const ROWS: &[Row] = &[
    Row {
        id: "Site file is obeyed",
        root: "site",
        ask: get("/style.css"),
        fields: &[("cache-control", Is("max-age=5"))],
        ..ROW
    },
    Row {
        id: "Site file yields",
        root: "site",
        ask: get("/style.css"),
        options: &[("GLASSHOUSE_CACHE", "7")],
        fields: &[("cache-control", Is("max-age=7"))],
        ..ROW
    },
    Row {
        id: "Site file is ignored",
        root: "site",
        ask: get("/style.css"),
        options: &[("GLASSHOUSE_NO_SITE_FILE", "1")],
        fields: &[("cache-control", Absent)],
        ..ROW
    },
    Row { id: "Site file is not served", root: "site", ask: get("/glasshouse.toml"), status: 404, ..ROW },
    Row {
        id: "Site file is not served at all",
        root: "site",
        ask: get("/glasshouse.toml"),
        options: &[("GLASSHOUSE_HIDDEN", "1")],
        status: 404,
        ..ROW
    },
    Row { id: "Site file is not listed", root: "site", ask: get("/"), body: &[Lacks("glasshouse.toml")], ..ROW },
    Row {
        id: "Site file in error",
        root: "site-bad",
        ask: get("/"),
        status: 500,
        body: &[Lacks("toml"), Hides("spa")],
        ..ROW
    },
    Row { id: "Site file by a link", root: "site-names", ask: get("/lnk.toml"), status: 404, body: NO_RULES, ..ROW },
    Row { id: "Site file by two links", root: "site-names", ask: get("/sub/lnk"), status: 404, body: NO_RULES, ..ROW },
    Row { id: "Site file as an index", root: "site-names", ask: get("/sub/"), body: NO_RULES, ..ROW },
    Row { id: "Site file as a readme", root: "site-names", ask: get("/read/"), body: NO_RULES, ..ROW },
    Row {
        id: "Site file as a page for others",
        root: "site-names",
        ask: get("/x"),
        status: 404,
        body: NO_RULES,
        ..ROW
    },
    Row {
        id: "Site file as an encoded file",
        root: "site-names",
        ask: with("/enc.js", &[("Accept-Encoding", "gzip")]),
        fields: &[("content-encoding", Absent)],
        body: &[Bytes(b"let x;\n")],
        ..ROW
    },
    Row { id: "Site file in an archive", root: "site-names", ask: get("/?download=tar"), body: NO_RULES, ..ROW },
    Row {
        id: "Site file in a listing",
        root: "site-names",
        ask: get("/?format=json"),
        body: &[Has("\"name\":\"lnk.toml\""), Lacks("\"name\":\"glasshouse.toml\""), Lacks("\"size\":26")],
        ..ROW
    },
    Row {
        id: "Site file by a link, unread",
        root: "site-names",
        ask: get("/lnk.toml"),
        options: &[("GLASSHOUSE_NO_SITE_FILE", "1")],
        status: 404,
        body: NO_RULES,
        ..ROW
    },
    Row {
        id: "Site file of no site",
        root: "site-names",
        ask: get("/sub/glasshouse.toml"),
        body: &[Bytes(b"an ordinary file\n")],
        ..ROW
    },
    Row { id: "Site file widens nothing", root: "site-wide", ask: get("/.env"), status: 500, ..ROW },
    Row {
        id: "Site file that would widen, unread",
        root: "site-wide",
        ask: get("/.env"),
        options: &[("GLASSHOUSE_NO_SITE_FILE", "1")],
        status: 404,
        ..ROW
    },
    Row { id: "Site file in error of a file", root: "site-bad", ask: get("/x.txt"), status: 500, ..ROW },
    Row { id: "Site file with a redirect without end", root: "site-round", ask: get("/x.txt"), status: 500, ..ROW },
    Row {
        id: "Variables of a service",
        ask: get("/hello.txt"),
        options: &[
            ("GLASSHOUSE_SERVICE_HOST", "10.0.0.1"),
            ("GLASSHOUSE_SERVICE_PORT_HTTP", "8000"),
            ("GLASSHOUSE_PORT", "tcp://10.0.0.1:8000"),
            ("GLASSHOUSE_PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("GLASSHOUSE_NO_LISTING", "1"),
        ],
        body: &[Bytes(b"hello\n")],
        ..ROW
    },
];
