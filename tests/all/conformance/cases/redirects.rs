//! Configured redirects: the paths that a rule matches, in every spelling, and their targets.

use super::Want::*;
use super::site::moved;
use super::{ROW, Row, RowOptions, get};

const REDIRECTS: RowOptions =
    &[("GLASSHOUSE_REDIRECT", "/old /new\n/blog/* /posts/* 308\n/out https://example.com/ 302")];
const ENCODED: RowOptions =
    &[("GLASSHOUSE_REDIRECT", "/sp%20ace /sp%C3%BC\n/%C3%BC/* /\u{f6}/*\n/\u{e4} /plain\n/what%3F /plain")];

pub const ROWS: &[Row] = &[
    moved("Redirect", "/old?a=b", REDIRECTS, 301, &[("location", Is("/new?a=b"))]),
    moved("Redirect the rest", "/blog/2020/a%20b", REDIRECTS, 308, &[("location", Is("/posts/2020/a%20b"))]),
    moved("Redirect elsewhere", "/out", REDIRECTS, 302, &[("location", Is("https://example.com/"))]),
    moved("Redirect not astray", "/blog//evil.com/%5c", REDIRECTS, 308, &[("location", Is("/posts/evil.com/%5C"))]),
    moved("Redirect from a space", "/sp%20ace", ENCODED, 301, &[("location", Is("/sp%C3%BC"))]),
    moved("Redirect from a letter", "/%c3%bc/a%20b", ENCODED, 301, &[("location", Is("/%C3%B6/a%20b"))]),
    moved("Redirect from a letter as it is", "/%C3%A4", ENCODED, 301, &[("location", Is("/plain"))]),
    moved("Redirect from a question mark", "/what%3f?x", ENCODED, 301, &[("location", Is("/plain?x"))]),
    Row { id: "Redirect from nothing encoded twice", ask: get("/sp%2520ace"), options: ENCODED, status: 404, ..ROW },
    Row { id: "Redirect no other", ask: get("/older"), options: REDIRECTS, status: 404, ..ROW },
];
