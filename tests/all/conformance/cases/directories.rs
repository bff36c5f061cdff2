//! Directories: redirects, index files and listings.

use super::{BodyCheck::*, MODIFIED, ROW, Row, Want::*, ask, get, missing};

const INNER: &[super::BodyCheck] = &[Lists(&[("deep/", "deep/"), ("inner.txt", "inner.txt"), ("up.txt", "up.txt@")])];

/// A row that is answered with 301 to another path.
macro_rules! leads {
    ($id:literal, $target:literal, $path:literal) => {
        Row {
            id: $id,
            ask: get($target),
            status: 301,
            fields: &[("location", Leads($path)), ("content-length", Is("0"))],
            body: &[Bytes(b"")],
            ..ROW
        }
    };
}

pub const ROWS: &[Row] = &[
    leads!("PY-30 redirect", "/sub", "/sub/"),
    leads!("PY-30 query", "/sub?a=b&c=d", "/sub/?a=b&c=d"),
    leads!("PY-30 empty query", "/sub?", "/sub/?"),
    leads!("PY-30 deep", "/sub/deep", "/sub/deep/"),
    leads!("PY-30 link", "/linkdir", "/linkdir/"),
    leads!("PY-30 with index", "/withidx", "/withidx/"),
    leads!("PY-30 encoded", "/a%20dir&%3Cx%3E", "/a%20dir%26%3Cx%3E/"),
    // Unlike Python: relative, so that it stays below the prefix that a proxy has removed (RFC 9110 10.2.2).
    Row { id: "PY-30 relative", ask: get("/sub/deep?a"), status: 301, fields: &[("location", Is("deep/?a"))], ..ROW },
    leads!("PY-31 collapsed", "//sub", "/sub/"),
    leads!("PY-31 listing", "//sub//", "/sub/"),
    leads!("PY-31 another origin", "//evil.com/%2e%2e", "/"),
    leads!("PY-31 another origin below", "//evil.com/x/..", "/evil.com/"),
    leads!("PY-31 the root", "//", "/"),
    // Unlike Python: the relative links of a page lead to the entries that they name only below its normalized path.
    leads!("PY-32 encoded slash", "/sub%2f", "/sub/"),
    leads!("PY-32 encoded slash in upper case", "/sub%2F?a=b", "/sub/?a=b"),
    leads!("PY-32 encoded slash before a slash", "/sub%2f/", "/sub/"),
    leads!("PY-32 encoded slash within", "/sub%2fdeep/", "/sub/deep/"),
    leads!("PY-32 dot", "/sub/.", "/sub/"),
    leads!("PY-32 encoded dot", "/sub/%2e?format=json", "/sub/?format=json"),
    leads!("PY-32 dotdot", "/sub/deep/..", "/sub/"),
    leads!("PY-32 dotdot and slash", "/sub/deep/../?search=x", "/sub/?search=x"),
    leads!("PY-32 encoded dotdot", "/sub/deep/%2E%2e", "/sub/"),
    leads!("PY-32 the root by dots", "/.", "/"),
    leads!("PY-32 an index", "//withidx/", "/withidx/"),
    leads!("PY-32 an archive", "/sub%2F?download=tar", "/sub/?download=tar"),
    leads!("PY-32 a link", "/linkdir//", "/linkdir/"),
    Row { id: "PY-32 letters encoded", ask: get("/s%75b/"), body: INNER, ..ROW },
    Row { id: "PY-32 a file", ask: get("//sub%2F.//inner.txt"), body: &[Bytes(b"inner\n")], ..ROW },
    missing("PY-32 nothing there", "//none//"),
    Row {
        id: "PY-32 links where nothing is",
        ask: super::with("/sub%2Finer.txt", &[("Accept", "text/html")]),
        status: 404,
        body: &[LeadsTo("sub/"), LeadsTo("sub/inner.txt")],
        ..ROW
    },
    Row { id: "PY-33 html before htm", ask: get("/withidx/"), body: &[Bytes(b"<p>idx\n")], ..ROW },
    Row { id: "PY-33 htm", ask: get("/withhtm/"), body: &[Bytes(b"<p>htm\n")], ..ROW },
    Row { id: "PY-33 no other", ask: get("/withphp/"), body: &[Lists(&[("index.php", "index.php")])], ..ROW },
    Row { id: "PY-33 directory", ask: get("/idxdir/"), body: &[Lists(&[("index.html/", "index.html/")])], ..ROW },
    Row { id: "PY-33 link inside", ask: get("/idxlink/"), body: &[Bytes(b"<p>idx\n")], ..ROW },
    Row { id: "PY-33 link outside", ask: get("/idxout/"), body: &[Lists(&[("index.html", "index.html@")])], ..ROW },
    Row {
        id: "PY-33 configured",
        ask: get("/withidx/"),
        options: &[("GLASSHOUSE_INDEX", "none.html,start.html,index.html")],
        body: &[Bytes(b"<p>start\n")],
        ..ROW
    },
    Row {
        id: "PY-33 none",
        ask: get("/withhtm/"),
        options: &[("GLASSHOUSE_INDEX", "")],
        body: &[Lists(&[("index.htm", "index.htm")])],
        ..ROW
    },
    Row {
        id: "PY-34 of its own",
        ask: get("/withidx/"),
        fields: &[
            ("content-type", Is("text/html; charset=utf-8")),
            ("content-length", Is("7")),
            ("last-modified", Is("Sun, 06 Nov 1994 08:49:37 GMT")),
            ("location", Absent),
        ],
        ..ROW
    },
    Row { id: "PY-34 query", ask: get("/withhtm/?x"), fields: &[("last-modified", Is(MODIFIED))], ..ROW },
    Row {
        // Unlike Python: directories first, and numbers by their value.
        id: "PY-36 without regard to case",
        ask: get("/mixed/"),
        body: &[Lists(&[
            ("beta/", "beta/"),
            ("linkdir/", "linkdir@"),
            ("alpha", "alpha"),
            ("Beta", "Beta"),
            ("broken", "broken@"),
            ("link", "link@"),
            ("out", "out@"),
            ("Zed", "Zed"),
        ])],
        ..ROW
    },
    Row { id: "PY-36 nothing but entries", ask: get("/void/"), body: &[Lists(&[])], ..ROW },
    Row { id: "PY-37 directory", ask: get("/mixed/"), body: &[Links("beta/", "beta/")], ..ROW },
    Row { id: "PY-37 link", ask: get("/mixed/"), body: &[Links("link", "link@")], ..ROW },
    Row { id: "PY-37 link to a directory", ask: get("/mixed/"), body: &[Links("linkdir/", "linkdir@")], ..ROW },
    Row { id: "PY-37 broken link", ask: get("/mixed/"), body: &[Links("broken", "broken@")], ..ROW },
    Row {
        id: "PY-38 names",
        ask: get("/names/"),
        body: &[Lists(&[
            ("%22quoted%22%20%27x%27", "\"quoted\" 'x'"),
            ("%23%3F%25", "#?%"),
            ("%26lt%3B", "&lt;"),
            ("%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E", "<img src=x onerror=alert(1)>"),
            ("a%20b", "a b"),
            ("a%26b%3B", "a&b;"),
            ("a%3Ab", "a:b"),
            ("back%5Cslash", "back\\slash"),
            ("javascript%3Aalert%281%29", "javascript:alert(1)"),
            ("tilde~x", "tilde~x"),
            ("%C3%A9", "\u{e9}"),
        ])],
        ..ROW
    },
    // References by number, as the template engine writes them.
    Row { id: "PY-38 escaped", ask: get("/names/"), body: &[Has(">&#38;lt;</a>"), Has(">a&#38;b;</a>")], ..ROW },
    Row { id: "PY-38 followed", ask: get("/names/javascript%3Aalert%281%29"), body: &[Bytes(b"4")], ..ROW },
    Row { id: "PY-38 backslash followed", ask: get("/names/back%5Cslash"), body: &[Bytes(b"10")], ..ROW },
    Row {
        id: "PY-39 title and heading",
        ask: get("/sub/deep/"),
        body: &[
            Has("<!DOCTYPE html>\n<html lang=\"en\">"),
            Has("<meta charset=\"utf-8\">"),
            Has("light dark"),
            Titled("Directory listing for /sub/deep/"),
            // The way to it is in the heading, as links.
            Headed("Directory listing for /sub/deep/"),
            LeadsTo("../"),
            LeadsTo("../../"),
        ],
        ..ROW
    },
    Row { id: "PY-39 no query", ask: get("/sub/?a=b"), body: &[Titled("Directory listing for /sub/")], ..ROW },
    Row {
        id: "PY-39 decoded and escaped",
        ask: get("/a%20dir&%3Cx%3E/"),
        body: &[Headed("Directory listing for /a dir&<x>/"), Lists(&[("in.txt", "in.txt")])],
        ..ROW
    },
    Row {
        id: "PY-40 fields",
        ask: get("/sub/"),
        fields: &[
            ("content-type", Is("text/html; charset=utf-8")),
            ("last-modified", Absent),
            ("cache-control", Absent),
            ("expires", Absent),
            ("transfer-encoding", Absent),
        ],
        body: INNER,
        ..ROW
    },
    Row {
        id: "PY-40 HEAD",
        ask: ask("HEAD", "/sub/"),
        fields: &[("last-modified", Absent)],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "PY-40 not conditional",
        ask: super::with("/sub/", &[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]),
        body: INNER,
        ..ROW
    },
    missing("PY-40 no directory", "/none/"),
];
