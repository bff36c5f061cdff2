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
    ("accept-ranges", Is("bytes")),
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
            ("accept-ranges", Absent),
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
            ("accept-ranges", Is("bytes")),
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
        id: "archive that the client has",
        ask: with("/sub/?download=tar", &[("If-None-Match", "*"), ("Range", "bytes=0-5")]),
        status: 304,
        fields: &[("content-disposition", Absent), ("content-range", Absent)],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "archive of another version than is required",
        ask: with("/sub/?download=zip", &[("If-Match", "\"x\"")]),
        status: 412,
        fields: &[("content-disposition", Absent)],
        ..ROW
    },
    Row {
        id: "archive and dates, which it has not",
        ask: with(
            "/sub/?download=tar",
            &[("If-Modified-Since", MODIFIED), ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
        ),
        fields: TAR,
        body: SUB,
        ..ROW
    },
    Row {
        id: "archive from the middle",
        ask: with("/sub/?download=tar", &[("Range", "bytes=1536-1540")]),
        status: 206,
        fields: &[
            ("content-range", Is("bytes 1536-1540/3584")),
            ("content-type", Is("application/x-tar")),
            ("content-disposition", Is("attachment; filename=\"sub.tar\"; filename*=UTF-8''sub.tar")),
            ("accept-ranges", Is("bytes")),
        ],
        body: &[Bytes(b"sub/i")],
        ..ROW
    },
    Row {
        id: "archive to its end",
        ask: with("/sub/?download=tar", &[("Range", "bytes=-1530")]),
        status: 206,
        fields: &[("content-range", Is("bytes 2054-3583/3584")), ("content-length", Is("1530"))],
        ..ROW
    },
    Row {
        id: "archive in a zip file, its last bytes",
        ask: with("/withidx/?download=zip", &[("Range", "bytes=-22")]),
        status: 206,
        fields: &[("content-range", Is("bytes 479-500/501")), ("content-type", Is("application/zip"))],
        body: &[Has("PK\u{5}\u{6}\0\0\0\0\u{3}\0\u{3}\0")],
        ..ROW
    },
    Row {
        id: "archive in parts, in its order",
        ask: with("/sub/?download=tar", &[("Range", "bytes=1536-1540,0-3")]),
        status: 206,
        fields: &[("content-range", Absent)],
        body: &[Parts(&[("bytes 0-3/3584", b"sub/"), ("bytes 1536-1540/3584", b"sub/i")])],
        ..ROW
    },
    Row {
        id: "archive of another version, whole",
        ask: with("/sub/?download=tar", &[("Range", "bytes=0-5"), ("If-Range", "\"x\"")]),
        fields: TAR,
        body: SUB,
        ..ROW
    },
    Row {
        id: "archive beyond its end",
        ask: with("/sub/?download=tar", &[("Range", "bytes=3584-")]),
        status: 416,
        fields: &[("content-range", Is("bytes */3584")), ("content-disposition", Absent)],
        ..ROW
    },
    Row {
        id: "archive of files without times, in part",
        ask: with("/epoch/?download=tar", &[("Range", "bytes=0-4")]),
        status: 206,
        fields: &[("accept-ranges", Is("bytes"))],
        body: &[Bytes(b"epoch")],
        ..ROW
    },
    Row {
        id: "archive in gzip has no parts",
        ask: with("/sub/?download=tar.gz", &[("Range", "bytes=0-5")]),
        fields: &[("content-range", Absent), ("accept-ranges", Absent), ("etag", Absent)],
        ..ROW
    },
    Row {
        id: "archive of selected entries",
        ask: get("/sub/?only=inner.txt&download=tar"),
        fields: &[("content-length", Is("2048")), ("accept-ranges", Is("bytes"))],
        body: &[Has("sub/inner.txt\0"), Has("inner\n"), Lacks("deep")],
        ..ROW
    },
    Row {
        id: "archive of selected entries, a folder and a name twice",
        ask: get("/sub/?only=deep/&only=inner.txt&only=deep&only=inner.txt&download=tar"),
        fields: TAR,
        body: SUB,
        ..ROW
    },
    Row {
        id: "archive of selected entries, as a form sends their names",
        ask: get("/names/?only=a+b&only=a%26b%3B&only=%23%3F%25&only=%C3%A9&download=zip"),
        body: &[
            Has("names/a b"),
            Has("names/a&b;"),
            Has("names/#?%"),
            Has("names/\u{e9}"),
            Lacks("names/tilde"),
            Lacks("names/back"),
        ],
        ..ROW
    },
    Row {
        id: "archive of selected entries, of which one is missing",
        ask: get("/sub/?only=inner.txt&only=none&download=zip"),
        status: 404,
        fields: &[("content-disposition", Absent)],
        body: &[Has("Message: Selected entry not found in the folder."), LeadsTo("./")],
        ..ROW
    },
    Row {
        id: "archive of selected entries, of which one is hidden",
        ask: get("/dots/?only=.hidden&download=tar"),
        status: 404,
        body: &[Has("Message: Selected entry not found in the folder."), LeadsTo("./")],
        ..ROW
    },
    Row {
        id: "archive of a file that was written as a folder",
        ask: get("/sub/?only=inner.txt/&download=tar"),
        status: 404,
        ..ROW
    },
    Row { id: "archive of a path", ask: get("/sub/?only=deep/file.txt&download=tar"), status: 400, ..ROW },
    Row {
        id: "archive of a selection that leads up",
        ask: get("/sub/?only=..&download=zip"),
        status: 400,
        fields: &[("content-disposition", Absent)],
        ..ROW
    },
    Row {
        id: "selection without an archive",
        ask: get("/withidx/?only=..&only=none"),
        body: &[Bytes(b"<p>idx\n")],
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
