//! Folders as archives: the formats, and their headers. [`crate::conformance::archives`] reads them with other
//! programs.

use super::BodyCheck::*;
use super::Want::*;
use super::{MODIFIED, ROW, Row, ask, get, missing, with};

const TAR: &[(&str, super::Want)] = &[
    ("content-type", Is("application/x-tar")),
    ("content-disposition", Is("attachment; filename=\"sub.tar\"; filename*=UTF-8''sub.tar")),
    ("x-content-type-options", Is("nosniff")),
    ("content-length", Is("3584")),
    ("last-modified", Absent),
    ("etag", Absent),
    ("accept-ranges", Absent),
    ("content-encoding", Absent),
];
/// What is in `sub`, but for what is hidden and a link.
const SUB: &[super::BodyCheck] = &[
    Has("sub/deep/\0"),
    Has("sub/deep/file.txt\0"),
    Has("sub/inner.txt\0"),
    Has("deep\n"),
    Has("inner\n"),
    Lacks("up.txt"),
    Lacks("hidden"),
];

const NO_FORM: &[super::BodyCheck] = &[Has("Message: Folder not available in this format."), LeadsTo("./")];

pub const ROWS: &[Row] = &[
    Row { id: "archive tar", ask: get("/sub/?download=tar"), fields: TAR, body: SUB, ..ROW },
    Row { id: "archive HEAD", ask: ask("HEAD", "/sub/?download=tar"), fields: TAR, body: &[Bytes(b"")], ..ROW },
    Row {
        id: "archive tar.gz",
        ask: get("/sub/?download=tar.gz"),
        fields: &[
            ("content-type", Is("application/gzip")),
            ("content-disposition", Is("attachment; filename=\"sub.tar.gz\"; filename*=UTF-8''sub.tar.gz")),
            ("content-length", Absent),
            ("content-encoding", Absent),
            ("etag", Absent),
        ],
        ..ROW
    },
    Row {
        id: "archive zip, of a directory with an index",
        ask: get("/withidx/?download=zip"),
        fields: &[
            ("content-type", Is("application/zip")),
            ("content-disposition", Is("attachment; filename=\"withidx.zip\"; filename*=UTF-8''withidx.zip")),
            ("content-length", Is("501")),
            ("etag", Absent),
            ("last-modified", Absent),
        ],
        body: &[Has("withidx/index.html"), Has("<p>idx\n"), Has("withidx/start.html")],
        ..ROW
    },
    Row {
        id: "archive of the root",
        root: "site",
        ask: get("/?download=tar"),
        fields: &[("content-disposition", Is("attachment; filename=\"archive.tar\"; filename*=UTF-8''archive.tar"))],
        body: &[Has("archive/404.html\0"), Has("archive/style.css\0"), Lacks("glasshouse.toml"), Lacks("Rules of")],
        ..ROW
    },
    Row {
        id: "archive of the root under a prefix",
        root: "sub",
        ask: get("/a/b%20c/?download=tar"),
        options: &[("GLASSHOUSE_PREFIX", "a/b c")],
        fields: &[("content-disposition", Is("attachment; filename=\"b c.tar\"; filename*=UTF-8''b%20c.tar"))],
        body: &[Has("b c/inner.txt\0")],
        ..ROW
    },
    Row {
        id: "archive with hidden files",
        ask: get("/sub/?download=tar"),
        options: &[("GLASSHOUSE_HIDDEN", "1")],
        fields: &[("content-length", Is("5120"))],
        body: &[Has("sub/.git/config\0"), Has("hidden\n")],
        ..ROW
    },
    Row {
        id: "archive without hidden files",
        ask: get("/dots/?download=tar"),
        body: &[Has("dots/.well-known/x\0"), Has("dots/shown\0"), Lacks("hidden"), Lacks("...")],
        ..ROW
    },
    missing("archive of a hidden directory", "/sub/.git/?download=tar"),
    missing("archive of nothing", "/none/?download=tar"),
    Row {
        id: "archive of an empty directory",
        ask: get("/void/?download=tar"),
        fields: &[("content-length", Is("1536"))],
        body: &[Has("void/\0")],
        ..ROW
    },
    Row {
        id: "archive of links alone",
        ask: get("/links/?download=tar"),
        fields: &[("content-length", Is("1536"))],
        body: &[Has("links/\0"), Lacks("broken"), Lacks("inside")],
        ..ROW
    },
    Row {
        id: "archive of a directory by a link",
        ask: get("/linkdir/?download=tar"),
        fields: &[("content-disposition", Is("attachment; filename=\"linkdir.tar\"; filename*=UTF-8''linkdir.tar"))],
        body: &[Has("linkdir/inner.txt\0")],
        ..ROW
    },
    Row {
        id: "archive with a name for people",
        ask: get("/a%20dir&%3Cx%3E/?download=zip"),
        fields: &[(
            "content-disposition",
            Is("attachment; filename=\"a dir&<x>.zip\"; filename*=UTF-8''a%20dir%26%3Cx%3E.zip"),
        )],
        ..ROW
    },
    Row {
        id: "archive with a name that no field holds",
        ask: get("/split%0D%0AX-Injected:%201/?download=zip"),
        fields: &[
            (
                "content-disposition",
                Is(
                    "attachment; filename=\"split__X-Injected: 1.zip\"; filename*=UTF-8''split%0D%0AX-Injected%3A%201.zip",
                ),
            ),
            ("x-injected", Absent),
        ],
        ..ROW
    },
    Row {
        id: "archive by way of the directory",
        ask: get("/sub?download=tar"),
        status: 301,
        fields: &[("location", Leads("/sub/?download=tar"))],
        ..ROW
    },
    Row { id: "archive of a file", ask: get("/hello.txt?download=tar"), body: &[Bytes(b"hello\n")], ..ROW },
    Row { id: "archive of no known form", ask: get("/mixed/?download=rar"), status: 404, body: NO_FORM, ..ROW },
    Row { id: "archive of no form at all", ask: get("/mixed/?download"), status: 404, body: NO_FORM, ..ROW },
    Row {
        id: "archive of no known form, to an index",
        ask: get("/withidx/?download=rar"),
        body: &[Bytes(b"<p>idx\n")],
        ..ROW
    },
    Row {
        id: "archive of no known form, from an application",
        root: "site",
        ask: with("/?download=zip", &[("Accept", "text/html")]),
        options: &[("GLASSHOUSE_ARCHIVE", "off"), ("GLASSHOUSE_SPA", "style.css")],
        status: 404,
        body: NO_FORM,
        ..ROW
    },
    Row {
        id: "archive switched off",
        ask: get("/mixed/?download=zip"),
        options: &[("GLASSHOUSE_ARCHIVE", "off")],
        status: 404,
        fields: &[("content-disposition", Absent)],
        body: NO_FORM,
        ..ROW
    },
    Row {
        id: "archive in another form than is allowed",
        ask: get("/withidx/?download=zip"),
        options: &[("GLASSHOUSE_ARCHIVE", "tar,tar.gz")],
        status: 404,
        body: NO_FORM,
        ..ROW
    },
    Row {
        id: "archive of as much as may be made",
        ask: get("/made/?download=tar"),
        options: &[("GLASSHOUSE_MADE_MAX", "67072")],
        fields: &[("content-type", Is("application/x-tar")), ("content-length", Is("67072"))],
        ..ROW
    },
    Row {
        id: "archive of more than may be made",
        ask: get("/made/?download=tar"),
        options: &[("GLASSHOUSE_MADE_MAX", "67071")],
        status: 413,
        ..ROW
    },
    Row {
        id: "archive of more than may be made, in gzip",
        ask: get("/made/?download=tar.gz"),
        options: &[("GLASSHOUSE_MADE_MAX", "67072")],
        status: 413,
        ..ROW
    },
    Row {
        id: "archive in a form that is allowed",
        ask: get("/sub/?x&download=tar&download=zip"),
        options: &[("GLASSHOUSE_ARCHIVE", "tar,tar.gz")],
        fields: TAR,
        ..ROW
    },
    Row {
        id: "archive where nothing is listed",
        ask: get("/sub/?download=tar"),
        options: &[("GLASSHOUSE_NO_LISTING", "1")],
        status: 404,
        fields: &[("content-disposition", Absent)],
        ..ROW
    },
    Row {
        id: "archive of as much as is allowed",
        ask: get("/sub/?download=tar"),
        options: &[("GLASSHOUSE_ARCHIVE_MAX", "11")],
        fields: TAR,
        ..ROW
    },
    Row {
        id: "archive of more than is allowed",
        ask: get("/sub/?download=tar"),
        options: &[("GLASSHOUSE_ARCHIVE_MAX", "10")],
        status: 413,
        fields: &[("content-type", Is("text/html; charset=utf-8")), ("content-disposition", Absent)],
        body: &[
            Has("Error code: 413"),
            Has("Message: Folder too large for an archive."),
            Has("<a href=\"./\">Up to /sub/</a>"),
        ],
        ..ROW
    },
    Row {
        id: "archive and conditions",
        ask: with(
            "/sub/?download=tar",
            &[("If-None-Match", "*"), ("If-Modified-Since", MODIFIED), ("Range", "bytes=0-5")],
        ),
        fields: TAR,
        body: SUB,
        ..ROW
    },
    Row {
        id: "archive and codings",
        ask: with("/sub/?download=tar", &[("Accept-Encoding", "gzip, br")]),
        options: &[("GLASSHOUSE_COMPRESS", "1")],
        fields: TAR,
        body: SUB,
        ..ROW
    },
    Row {
        id: "archive with the fields of its directory",
        ask: get("/sub/?download=tar"),
        options: &[("GLASSHOUSE_CACHE", "60"), ("GLASSHOUSE_HEADER", "X-Configured: 1")],
        fields: &[("cache-control", Is("max-age=60")), ("x-configured", Is("1"))],
        ..ROW
    },
];
