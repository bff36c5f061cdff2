//! Site options: pages for missing files, clean URLs, caching and headers for browsers.

use super::BodyCheck::*;
use super::Want::*;
use super::{Ask, ROW, Row, RowOptions, get, with};

const SPA: RowOptions = &[("GLASSHOUSE_SPA", "pages/app.html")];
const CLEAN: RowOptions = &[("GLASSHOUSE_CLEAN_URLS", "1"), ("GLASSHOUSE_NOT_FOUND", "no")];
const BARE: RowOptions = &[("GLASSHOUSE_CLEAN_URLS", "1"), ("GLASSHOUSE_NO_LISTING", "1")];
const INDEXES: RowOptions = &[("GLASSHOUSE_CLEAN_URLS", "1"), ("GLASSHOUSE_INDEX", "start.html,index.html")];
const PREFIX: RowOptions = &[("GLASSHOUSE_PREFIX", "/a b/docs")];
const CORS: RowOptions = &[("GLASSHOUSE_CORS", "*")];
const ORIGINS: RowOptions = &[("GLASSHOUSE_CORS", "https://a.example, https://b.example")];
const CACHE: RowOptions = &[("GLASSHOUSE_CACHE", "60\n*.js=immutable\nsub/**=no-store")];
const HEADERS: RowOptions =
    &[("GLASSHOUSE_HEADER", "X-All: 1"), ("GLASSHOUSE_HEADER_FOR", "*.js X-Script: 2\nsub/** X-Sub: 3")];
const FOR_FILES: RowOptions = &[("GLASSHOUSE_HEADER_FOR", "** X-File: 1")];
const NO_FIELD: FieldChecks = &[("x-file", Absent)];
const VARY: RowOptions = &[("GLASSHOUSE_HEADER", "Vary: Cookie, accept-encoding")];
const KEPT: RowOptions = &[
    ("GLASSHOUSE_HEADER", "Cache-Control: no-cache"),
    ("GLASSHOUSE_HEADER_FOR", "*.mjs Cache-Control: private"),
    ("GLASSHOUSE_CACHE", "types/*=60"),
];
const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

pub const fn moved(
    id: &'static str,
    target: &'static str,
    options: RowOptions,
    status: u16,
    fields: FieldChecks,
) -> Row {
    Row { id, ask: get(target), options, status, fields, body: &[Bytes(b"")], ..ROW }
}

pub type FieldChecks = &'static [(&'static str, super::Want)];

const fn options(target: &'static str, fields: &'static [(&'static str, &'static str)]) -> Ask<'static> {
    Ask { method: "OPTIONS", target, fields }
}

pub const ROWS: &[Row] = &[
    Row {
        id: "SPA a route",
        ask: with("/no/such/route", &[PAGE]),
        options: SPA,
        fields: &[("content-type", Is("text/html; charset=utf-8")), ("vary", Is("Accept-Encoding, Accept"))],
        body: &[Bytes(b"<p>app\n")],
        ..ROW
    },
    Row { id: "SPA anything accepted", ask: get("/no/such/route"), options: SPA, body: &[Bytes(b"<p>app\n")], ..ROW },
    Row {
        id: "SPA no page accepted",
        ask: with("/no", &[("Accept", "application/json")]),
        options: SPA,
        status: 404,
        ..ROW
    },
    Row { id: "SPA a name with a dot", ask: with("/no.js", &[PAGE]), options: SPA, status: 404, ..ROW },
    Row { id: "SPA a file", ask: with("/hello.txt", &[PAGE]), options: SPA, body: &[Bytes(b"hello\n")], ..ROW },
    Row {
        id: "SPA a hidden route",
        ask: with("/.git/config", &[PAGE]),
        options: SPA,
        body: &[Bytes(b"<p>app\n")],
        ..ROW
    },
    Row {
        id: "Not found own page",
        ask: with("/none", &[("If-None-Match", "*"), ("Range", "bytes=0-1")]),
        options: &[("GLASSHOUSE_NOT_FOUND", "pages/lost.html")],
        status: 404,
        fields: &[("etag", Absent), ("last-modified", Absent), ("accept-ranges", Absent), ("content-length", Is("8"))],
        body: &[Bytes(b"<p>lost\n")],
        ..ROW
    },
    Row {
        id: "Not found page missing",
        ask: get("/none"),
        options: &[("GLASSHOUSE_NOT_FOUND", "pages/none.html")],
        status: 404,
        body: &[Has("<p>Message: File not found.</p>")],
        ..ROW
    },
    Row {
        id: "Not found by itself",
        root: "site",
        ask: get("/none"),
        status: 404,
        body: &[Bytes(b"<p>nowhere\n")],
        ..ROW
    },
    Row {
        id: "Clean page",
        ask: get("/pages/about"),
        options: CLEAN,
        fields: &[("content-type", Is("text/html; charset=utf-8"))],
        body: &[Bytes(b"<p>about\n")],
        ..ROW
    },
    moved("Clean redirect", "/pages/about.html?a=b", CLEAN, 308, &[("location", Leads("/pages/about?a=b"))]),
    moved("Clean redirect of an index", "/withidx/index.html", CLEAN, 308, &[("location", Leads("/withidx/"))]),
    moved("Clean redirect of the first index", "/clean/index.html", CLEAN, 308, &[("location", Is("./"))]),
    moved(
        "Clean redirect of a path in another form",
        "//pages%2fabout.html",
        CLEAN,
        308,
        &[("location", Leads("/pages/about"))],
    ),
    Row {
        id: "Clean page before a directory",
        ask: get("/clean/docs"),
        options: CLEAN,
        body: &[Bytes(b"<p>page\n")],
        ..ROW
    },
    moved("Clean page beside a directory", "/clean/docs.html", CLEAN, 308, &[("location", Is("docs"))]),
    Row {
        id: "Clean directory beside a page",
        ask: get("/clean/docs/"),
        options: CLEAN,
        body: &[Links("intro.html", "intro.html")],
        ..ROW
    },
    Row {
        id: "Clean page before a directory that is not listed",
        ask: get("/clean/docs"),
        options: BARE,
        body: &[Bytes(b"<p>page\n")],
        ..ROW
    },
    Row { id: "Clean directory that is not listed", ask: get("/clean/docs/"), options: BARE, status: 404, ..ROW },
    moved("Clean directory without a page", "/clean/bare", CLEAN, 301, &[("location", Is("bare/"))]),
    Row { id: "Clean file before a page", ask: get("/clean/lic"), options: CLEAN, body: &[Bytes(b"file\n")], ..ROW },
    Row {
        id: "Clean page beside a file",
        ask: get("/clean/lic.html"),
        options: CLEAN,
        body: &[Bytes(b"<p>lic\n")],
        ..ROW
    },
    Row {
        id: "Clean page of two suffixes",
        ask: get("/clean/two.html"),
        options: CLEAN,
        body: &[Bytes(b"<p>two twice\n")],
        ..ROW
    },
    moved(
        "Clean index that does not stand for its directory",
        "/withidx/start.html",
        INDEXES,
        308,
        &[("location", Is("./"))],
    ),
    moved("Clean page that is a second index", "/withidx/index.html", INDEXES, 308, &[("location", Is("index"))]),
    Row { id: "Clean second index", ask: get("/withidx/index"), options: INDEXES, body: &[Bytes(b"<p>idx\n")], ..ROW },
    Row {
        id: "Clean index with the query of an archive",
        ask: get("/withidx/index.html?download=zip"),
        options: CLEAN,
        body: &[Bytes(b"<p>idx\n")],
        ..ROW
    },
    Row {
        id: "Clean page whose path has moved",
        ask: get("/pages/about.html"),
        options: &[("GLASSHOUSE_CLEAN_URLS", "1"), ("GLASSHOUSE_REDIRECT", "/pages/about /pages/about.html")],
        body: &[Bytes(b"<p>about\n")],
        ..ROW
    },
    Row { id: "Clean no other suffix", ask: get("/hello.txt"), options: CLEAN, body: &[Bytes(b"hello\n")], ..ROW },
    Row { id: "Clean nothing there", ask: get("/pages/none"), options: CLEAN, status: 404, ..ROW },
    Row { id: "Clean no directory", ask: get("/pages/about/"), options: CLEAN, status: 404, ..ROW },
    Row { id: "Clean not by default", ask: get("/pages/about"), status: 404, ..ROW },
    Row { id: "No listing", ask: get("/sub/"), options: &[("GLASSHOUSE_NO_LISTING", "1")], status: 404, ..ROW },
    Row {
        id: "No listing but an index",
        ask: get("/withidx/"),
        options: &[("GLASSHOUSE_NO_LISTING", "1")],
        body: &[Bytes(b"<p>idx\n")],
        ..ROW
    },
    Row { id: "Prefix a file", ask: get("/a%20b/docs/hello.txt"), options: PREFIX, body: &[Bytes(b"hello\n")], ..ROW },
    Row {
        id: "Prefix the root",
        ask: get("/a%20b/docs/"),
        options: PREFIX,
        body: &[Headed("Directory listing for /a b/docs/"), Links("hello.txt", "hello.txt")],
        ..ROW
    },
    moved("Prefix without slash", "/a%20b/docs?x", PREFIX, 301, &[("location", Leads("/a%20b/docs/?x"))]),
    moved("Prefix in another form", "//a%20b/docs/sub/.", PREFIX, 301, &[("location", Leads("/a%20b/docs/sub/"))]),
    moved("Prefix a directory", "/a%20b/docs/sub", PREFIX, 301, &[("location", Leads("/a%20b/docs/sub/"))]),
    Row { id: "Prefix outside", ask: get("/hello.txt"), options: PREFIX, status: 404, ..ROW },
    Row { id: "Prefix above", ask: get("/"), options: PREFIX, status: 404, ..ROW },
    Row {
        id: "Prefix in JSON",
        ask: get("/a%20b/docs/sub/?format=json"),
        options: PREFIX,
        body: &[Has("\"path\":\"/a b/docs/sub/\""), Has("inner.txt")],
        ..ROW
    },
    Row {
        id: "Prefix crumbs end at the top of the tree",
        ask: get("/a%20b/docs/sub/deep/"),
        options: PREFIX,
        body: &[LeadsTo("../../"), LeadsTo("../"), Hides("../../../")],
        ..ROW
    },
    Row {
        id: "Prefix of a page of an application",
        ask: with("/a%20b/docs/no/such/route", &[PAGE]),
        options: &[("GLASSHOUSE_PREFIX", "/a b/docs"), ("GLASSHOUSE_SPA", "pages/app.html")],
        body: &[Bytes(b"<p>app\n")],
        ..ROW
    },
    Row {
        id: "Prefix of an own page for what is not there",
        ask: get("/a%20b/docs/none"),
        options: &[("GLASSHOUSE_PREFIX", "/a b/docs"), ("GLASSHOUSE_NOT_FOUND", "pages/lost.html")],
        status: 404,
        body: &[Bytes(b"<p>lost\n")],
        ..ROW
    },
    Row {
        id: "Prefix of what is not there",
        ask: with("/a%20b/docs/helo.txt", &[PAGE]),
        options: PREFIX,
        status: 404,
        body: &[LeadsTo("./"), LeadsTo("./hello.txt")],
        ..ROW
    },
    moved(
        "Prefix of a clean page",
        "/a%20b/docs/pages/about.html",
        &[("GLASSHOUSE_PREFIX", "/a b/docs"), ("GLASSHOUSE_CLEAN_URLS", "1")],
        308,
        &[("location", Leads("/a%20b/docs/pages/about"))],
    ),
    moved(
        "Prefix in redirects is written out",
        "/p/old/x",
        &[("GLASSHOUSE_PREFIX", "/p"), ("GLASSHOUSE_REDIRECT", "/old/* /elsewhere/*\n/p/old/* /p/new/*")],
        301,
        &[("location", Is("/p/new/x"))],
    ),
    Row { id: "Prefix half a name", ask: get("/a%20b/docsx/hello.txt"), options: PREFIX, status: 404, ..ROW },
    Row {
        id: "CORS any",
        ask: with("/hello.txt", &[("Origin", "https://x.example")]),
        options: CORS,
        fields: &[("access-control-allow-origin", Is("*")), ("access-control-expose-headers", Is("*"))],
        ..ROW
    },
    Row {
        id: "CORS errors",
        ask: get("/none"),
        options: CORS,
        status: 404,
        fields: &[("access-control-allow-origin", Is("*"))],
        ..ROW
    },
    Row {
        id: "CORS preflight",
        ask: options("/hello.txt", &[("Origin", "https://x.example"), ("Access-Control-Request-Method", "GET")]),
        options: CORS,
        status: 204,
        fields: &[
            ("access-control-allow-origin", Is("*")),
            ("access-control-allow-methods", Is("GET, HEAD, OPTIONS")),
            ("access-control-allow-headers", Is("*")),
            ("access-control-max-age", Is("86400")),
        ],
        ..ROW
    },
    Row {
        id: "CORS no preflight",
        ask: options("/hello.txt", &[("Origin", "https://x.example")]),
        options: CORS,
        status: 204,
        fields: &[("access-control-allow-methods", Absent), ("allow", Is("GET, HEAD, OPTIONS"))],
        ..ROW
    },
    Row {
        id: "CORS one of some",
        ask: with("/bytes.bin", &[("Origin", "https://b.example")]),
        options: ORIGINS,
        fields: &[("access-control-allow-origin", Is("https://b.example")), ("vary", Is("Origin"))],
        ..ROW
    },
    Row {
        id: "CORS none of some",
        ask: with("/bytes.bin", &[("Origin", "https://c.example")]),
        options: ORIGINS,
        fields: &[("access-control-allow-origin", Absent), ("vary", Is("Origin"))],
        ..ROW
    },
    Row {
        id: "CORS not by default",
        ask: with("/hello.txt", &[("Origin", "https://x.example")]),
        fields: &[("access-control-allow-origin", Absent)],
        ..ROW
    },
    Row {
        id: "Isolate",
        ask: get("/hello.txt"),
        options: &[("GLASSHOUSE_ISOLATE", "1")],
        fields: &[
            ("cross-origin-opener-policy", Is("same-origin")),
            ("cross-origin-embedder-policy", Is("require-corp")),
            ("cross-origin-resource-policy", Is("same-origin")),
        ],
        ..ROW
    },
    Row {
        id: "Cache in general",
        ask: get("/hello.txt"),
        options: CACHE,
        fields: &[("cache-control", Is("max-age=60"))],
        ..ROW
    },
    Row {
        id: "Cache by name",
        ask: get("/types/f.js"),
        options: CACHE,
        fields: &[("cache-control", Is("max-age=31536000, immutable"))],
        ..ROW
    },
    Row {
        id: "Cache by path",
        ask: get("/sub/deep/file.txt"),
        options: CACHE,
        fields: &[("cache-control", Is("no-store"))],
        ..ROW
    },
    Row {
        id: "Cache of errors",
        ask: get("/none"),
        options: CACHE,
        status: 404,
        fields: &[("cache-control", Absent)],
        ..ROW
    },
    Row {
        id: "Cache not modified",
        ask: with("/hello.txt", &[("If-None-Match", "*")]),
        options: CACHE,
        status: 304,
        fields: &[("cache-control", Is("max-age=60"))],
        ..ROW
    },
    Row {
        id: "Header by name",
        ask: get("/types/f.js"),
        options: HEADERS,
        fields: &[("x-script", Is("2")), ("x-all", Is("1"))],
        ..ROW
    },
    Row {
        id: "Header by path",
        ask: get("/sub/"),
        options: HEADERS,
        fields: &[("x-sub", Absent), ("x-all", Is("1"))],
        ..ROW
    },
    Row {
        id: "Header by deep path",
        ask: get("/sub/deep/file.txt"),
        options: HEADERS,
        fields: &[("x-sub", Is("3")), ("x-script", Absent)],
        ..ROW
    },
    Row {
        id: "Header for all files",
        ask: get("/hello.txt"),
        options: FOR_FILES,
        fields: &[("x-file", Is("1"))],
        ..ROW
    },
    Row { id: "Header for all files, not listings", ask: get("/sub/"), options: FOR_FILES, fields: NO_FIELD, ..ROW },
    Row {
        id: "Header for all files, not archives",
        ask: get("/sub/?download=tar"),
        options: FOR_FILES,
        fields: NO_FIELD,
        ..ROW
    },
    Row {
        id: "Header for all files, and an index",
        ask: get("/withidx/"),
        options: FOR_FILES,
        fields: &[("x-file", Is("1"))],
        ..ROW
    },
    Row {
        id: "Header Vary is added",
        ask: get("/hello.txt"),
        options: VARY,
        fields: &[("vary", Is("Accept-Encoding, Cookie"))],
        ..ROW
    },
    Row {
        id: "Header Vary is added to listings",
        ask: get("/sub/"),
        options: VARY,
        fields: &[("vary", Is("Accept, Cookie, accept-encoding"))],
        ..ROW
    },
    Row {
        id: "Header Vary is set",
        ask: get("/bytes.bin"),
        options: VARY,
        fields: &[("vary", Is("Cookie, accept-encoding"))],
        ..ROW
    },
    Row {
        id: "Header Vary not modified",
        ask: with("/hello.txt", &[("If-None-Match", "*")]),
        options: VARY,
        status: 304,
        fields: &[("vary", Is("Accept-Encoding, Cookie"))],
        ..ROW
    },
    Row {
        id: "Header Cache-Control for the rest",
        ask: get("/hello.txt"),
        options: KEPT,
        fields: &[("cache-control", Is("no-cache"))],
        ..ROW
    },
    Row {
        id: "Header Cache-Control yields to a rule",
        ask: get("/types/f.js"),
        options: KEPT,
        fields: &[("cache-control", Is("max-age=60"))],
        ..ROW
    },
    Row {
        id: "Header Cache-Control for some",
        ask: get("/types/f.mjs"),
        options: KEPT,
        fields: &[("cache-control", Is("private"))],
        ..ROW
    },
    Row { id: "nosniff", ask: get("/hello.txt"), fields: &[("x-content-type-options", Is("nosniff"))], ..ROW },
];
