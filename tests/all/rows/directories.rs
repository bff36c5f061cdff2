//! Directories: redirects, index files and listings, S30 to S40.

use super::{Body::*, MODIFIED, ROW, Row, Want::*, ask, get, missing};

const INNER: &[super::Body] = &[Lists(&[("deep/", "deep/"), ("inner.txt", "inner.txt"), ("up.txt", "up.txt@")])];

pub const ROWS: &[Row] = &[
    Row {
        id: "S30 redirect",
        ask: get("/sub"),
        status: 301,
        fields: &[("location", Is("/sub/")), ("content-length", Is("0"))],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row { id: "S30 query", ask: get("/sub?a=b&c=d"), status: 301, fields: &[("location", Is("/sub/?a=b&c=d"))], ..ROW },
    Row { id: "S30 empty query", ask: get("/sub?"), status: 301, fields: &[("location", Is("/sub/?"))], ..ROW },
    Row { id: "S30 deep", ask: get("/sub/deep"), status: 301, fields: &[("location", Is("/sub/deep/"))], ..ROW },
    Row { id: "S30 link", ask: get("/linkdir"), status: 301, fields: &[("location", Is("/linkdir/"))], ..ROW },
    Row { id: "S30 with index", ask: get("/withidx"), status: 301, fields: &[("location", Is("/withidx/"))], ..ROW },
    Row {
        id: "S30 encoded",
        ask: get("/a%20dir&%3Cx%3E"),
        status: 301,
        fields: &[("location", Is("/a%20dir%26%3Cx%3E/"))],
        ..ROW
    },
    Row { id: "S31 collapsed", ask: get("//sub"), status: 301, fields: &[("location", Is("/sub/"))], ..ROW },
    Row { id: "S31 listing", ask: get("//sub//"), body: INNER, ..ROW },
    Row {
        id: "S31 another origin",
        ask: get("//evil.com/%2e%2e"),
        fields: &[("location", Absent)],
        body: &[Links("hello.txt", "hello.txt")],
        ..ROW
    },
    Row { id: "S32 encoded slash", ask: get("/sub%2f"), body: INNER, ..ROW },
    Row { id: "S32 encoded slash in upper case", ask: get("/sub%2F"), body: INNER, ..ROW },
    Row { id: "S33 html before htm", ask: get("/withidx/"), body: &[Bytes(b"<p>idx\n")], ..ROW },
    Row { id: "S33 htm", ask: get("/withhtm/"), body: &[Bytes(b"<p>htm\n")], ..ROW },
    Row { id: "S33 no other", ask: get("/withphp/"), body: &[Lists(&[("index.php", "index.php")])], ..ROW },
    Row { id: "S33 directory", ask: get("/idxdir/"), body: &[Lists(&[("index.html/", "index.html/")])], ..ROW },
    Row { id: "S33 link inside", ask: get("/idxlink/"), body: &[Bytes(b"<p>idx\n")], ..ROW },
    Row { id: "S33 link outside", ask: get("/idxout/"), body: &[Lists(&[("index.html", "index.html@")])], ..ROW },
    Row {
        id: "S33 configured",
        ask: get("/withidx/"),
        options: &[("GLASSHOUSE_INDEX", "none.html,start.html,index.html")],
        body: &[Bytes(b"<p>start\n")],
        ..ROW
    },
    Row {
        id: "S33 none",
        ask: get("/withhtm/"),
        options: &[("GLASSHOUSE_INDEX", "")],
        body: &[Lists(&[("index.htm", "index.htm")])],
        ..ROW
    },
    Row {
        id: "S34 of its own",
        ask: get("/withidx/"),
        fields: &[
            ("content-type", Is("text/html; charset=utf-8")),
            ("content-length", Is("7")),
            ("last-modified", Is("Sun, 06 Nov 1994 08:49:37 GMT")),
            ("location", Absent),
        ],
        ..ROW
    },
    Row { id: "S34 query", ask: get("/withhtm/?x"), fields: &[("last-modified", Is(MODIFIED))], ..ROW },
    Row {
        // Unlike the seed: directories first, whichever they are, and numbers by their value.
        id: "S36 without regard to case",
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
    Row { id: "S36 nothing but entries", ask: get("/void/"), body: &[Lists(&[])], ..ROW },
    Row { id: "S37 directory", ask: get("/mixed/"), body: &[Links("beta/", "beta/")], ..ROW },
    Row { id: "S37 link", ask: get("/mixed/"), body: &[Links("link", "link@")], ..ROW },
    Row { id: "S37 link to a directory", ask: get("/mixed/"), body: &[Links("linkdir/", "linkdir@")], ..ROW },
    Row { id: "S37 broken link", ask: get("/mixed/"), body: &[Links("broken", "broken@")], ..ROW },
    Row {
        id: "S38 names",
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
    Row { id: "S38 escaped", ask: get("/names/"), body: &[Has(">&#38;lt;</a>"), Has(">a&#38;b;</a>")], ..ROW },
    Row { id: "S38 followed", ask: get("/names/javascript%3Aalert%281%29"), body: &[Bytes(b"4")], ..ROW },
    Row { id: "S38 backslash followed", ask: get("/names/back%5Cslash"), body: &[Bytes(b"10")], ..ROW },
    Row {
        id: "S39 title and heading",
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
    Row { id: "S39 no query", ask: get("/sub/?a=b"), body: &[Titled("Directory listing for /sub/")], ..ROW },
    Row {
        id: "S39 decoded and escaped",
        ask: get("/a%20dir&%3Cx%3E/"),
        body: &[Headed("Directory listing for /a dir&<x>/"), Lists(&[("in.txt", "in.txt")])],
        ..ROW
    },
    Row {
        id: "S40 fields",
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
    Row { id: "S40 HEAD", ask: ask("HEAD", "/sub/"), fields: &[("last-modified", Absent)], body: &[Bytes(b"")], ..ROW },
    Row {
        id: "S40 not conditional",
        ask: super::with("/sub/", &[("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")]),
        body: INNER,
        ..ROW
    },
    missing("S40 no directory", "/none/"),
];
