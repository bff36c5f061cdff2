//! The script of `--live` in pages. `http::live` tests the events.

use super::BodyCheck::*;
use super::Want::*;
use super::{ROW, Row, RowOptions, get, with};

const LIVE: RowOptions = &[("GLASSHOUSE_LIVE", "1")];
const PREFIX: RowOptions = &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_PREFIX", "/a b")];
const CLEAN: RowOptions = &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_CLEAN_URLS", "1")];
const SPA: RowOptions = &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_SPA", "pages/app.html")];
const COMPRESS: RowOptions = &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_COMPRESS", "1")];
const PAGE: (&str, &str) = ("Accept", "text/html");
const ABOUT: &[u8] = b"<p>about\n<script src=\"/.glasshouse/live.js\" data-file=\"/pages/about.html\" defer></script>";

pub const ROWS: &[Row] = &[
    Row {
        id: "Live a page",
        ask: get("/pages/about.html"),
        options: LIVE,
        fields: &[("content-length", Is("89")), ("last-modified", Absent), ("accept-ranges", Absent)],
        body: &[Bytes(ABOUT)],
        ..ROW
    },
    Row {
        id: "Live a range of a page",
        ask: with("/pages/about.html", &[("Range", "bytes=0-1")]),
        options: LIVE,
        fields: &[("content-length", Is("89")), ("content-range", Absent)],
        body: &[Bytes(ABOUT)],
        ..ROW
    },
    Row { id: "Live a clean URL", ask: get("/pages/about"), options: CLEAN, body: &[Bytes(ABOUT)], ..ROW },
    Row {
        id: "Live below a prefix",
        ask: get("/a%20b/pages/about.html"),
        options: PREFIX,
        body: &[Has("<script src=\"/.glasshouse/live.js\" data-file=\"/a%20b/pages/about.html\" defer></script>")],
        ..ROW
    },
    Row {
        id: "Live a route",
        ask: with("/no/such/route", &[PAGE]),
        options: SPA,
        body: &[Has("data-file=\"/pages/app.html\" defer></script>")],
        ..ROW
    },
    Row {
        id: "Live own 404 page",
        root: "site",
        ask: get("/none"),
        options: LIVE,
        status: 404,
        body: &[Has(
            "<p>nowhere\n<script src=\"/.glasshouse/live.js\" data-page=\"error\" data-file=\"/404.html\" defer>",
        )],
        ..ROW
    },
    Row {
        id: "Live 404",
        ask: with("/none", &[PAGE]),
        options: LIVE,
        status: 404,
        body: &[Has("<script src=\"/.glasshouse/live.js\" data-page=\"error\" defer></script>\n</body>")],
        ..ROW
    },
    Row {
        id: "Live 404 without a page",
        ask: with("/none", &[("Accept", "application/json")]),
        options: LIVE,
        status: 404,
        body: &[Lacks("live.js")],
        ..ROW
    },
    Row {
        id: "Live a listing for programs",
        ask: with("/sub/", &[("Accept", "*/*")]),
        options: LIVE,
        body: &[Has("<table>"), Lacks("live.js")],
        ..ROW
    },
    Row {
        id: "Live a listing",
        ask: with("/sub/", &[PAGE]),
        options: LIVE,
        body: &[Has("<script src=\"/.glasshouse/live.js\" data-page=\"folder\" defer></script>\n</body>")],
        ..ROW
    },
    Row {
        id: "Live a listing in JSON",
        ask: get("/sub/?format=json"),
        options: LIVE,
        body: &[Lacks("live.js")],
        ..ROW
    },
    Row {
        id: "Live text",
        ask: get("/hello.txt"),
        options: LIVE,
        fields: &[("accept-ranges", Is("bytes"))],
        body: &[Bytes(b"hello\n")],
        ..ROW
    },
    Row {
        id: "Live a short page is not compressed",
        ask: with("/pages/about.html", &[("Accept-Encoding", "gzip")]),
        options: COMPRESS,
        fields: &[("content-encoding", Absent)],
        body: &[Bytes(ABOUT)],
        ..ROW
    },
];
