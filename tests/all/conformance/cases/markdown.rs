//! Markdown files as pages, by Accept.

use super::BodyCheck::*;
use super::Want::*;
use super::{Ask, MODIFIED, ROW, Row, RowOptions, get, with};

const MARKDOWN: RowOptions = &[("GLASSHOUSE_MARKDOWN", "1")];
const INDEX: RowOptions = &[("GLASSHOUSE_MARKDOWN", "1"), ("GLASSHOUSE_INDEX", "index.html,README.md")];
const CLEAN: RowOptions = &[("GLASSHOUSE_MARKDOWN", "1"), ("GLASSHOUSE_CLEAN_URLS", "1")];
const COMPRESS: RowOptions = &[("GLASSHOUSE_MARKDOWN", "1"), ("GLASSHOUSE_COMPRESS", "1")];
const SINGLE: RowOptions = &[("GLASSHOUSE_MARKDOWN", "1"), ("GLASSHOUSE_FILE", "README.md")];
const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FILE: &[u8] =
    b"# What & why\n\nSee [this](a.txt), *or* [that](javascript:alert(1)).\n\n<script>alert(2)</script>\n";
const DOCUMENT: &str =
    "<p>See <a href=\"a.txt\">this</a>, <em>or</em> that.</p>\n<p>&lt;script&gt;alert(2)&lt;/script&gt;\n</p>";

/// A row whose response is the page.
const fn page(id: &'static str, ask: Ask<'static>, options: RowOptions) -> Row {
    Row {
        id,
        ask,
        options,
        fields: &[
            ("content-type", Is("text/html; charset=utf-8")),
            ("vary", Is("Accept")),
            ("accept-ranges", Absent),
            ("last-modified", Absent),
        ],
        body: &[Titled("What & why"), Has(DOCUMENT), LeadsTo("?raw")],
        ..ROW
    }
}

/// A row whose response is the file.
const fn file(id: &'static str, ask: Ask<'static>, options: RowOptions) -> Row {
    Row {
        id,
        ask,
        options,
        fields: &[
            ("content-type", Is("text/markdown; charset=utf-8")),
            ("vary", Is("Accept-Encoding, Accept")),
            ("accept-ranges", Is("bytes")),
            ("last-modified", Is(MODIFIED)),
        ],
        body: &[Bytes(FILE)],
        ..ROW
    }
}

pub const ROWS: &[Row] = &[
    page("Markdown for a browser", with("/readme/README.md", &[BROWSER]), MARKDOWN),
    Row {
        body: &[LeadsTo("../"), LeadsTo("./"), Headed("Page /readme/README.md"), Has("<h2 id=\"what--why\">")],
        ..page("Markdown has crumbs and anchors", with("/readme/README.md", &[BROWSER]), MARKDOWN)
    },
    page("Markdown has no ranges", with("/readme/README.md", &[BROWSER, ("Range", "bytes=0-1")]), MARKDOWN),
    file("Markdown for a client that accepts anything", get("/readme/README.md"), MARKDOWN),
    file("Markdown for a program", with("/readme/README.md", &[("Accept", "text/markdown, text/html")]), MARKDOWN),
    file("Markdown by query", with("/readme/README.md?raw", &[BROWSER]), MARKDOWN),
    Row {
        fields: &[("content-type", Is("text/markdown; charset=utf-8")), ("vary", Is("Accept-Encoding"))],
        ..file("Markdown without the option", with("/readme/README.md", &[BROWSER]), &[])
    },
    Row {
        status: 206,
        fields: &[("content-range", Is("bytes 0-5/94")), ("vary", Is("Accept-Encoding, Accept"))],
        body: &[Bytes(b"# What")],
        ..file("Markdown in part", with("/readme/README.md", &[("Range", "bytes=0-5")]), MARKDOWN)
    },
    Row {
        id: "Markdown that a browser has",
        ask: with("/readme/README.md", &[BROWSER, ("If-None-Match", "*")]),
        options: MARKDOWN,
        status: 304,
        fields: &[("vary", Is("Accept")), ("last-modified", Absent)],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "Markdown that a program has",
        ask: with("/readme/README.md", &[("If-Modified-Since", MODIFIED)]),
        options: MARKDOWN,
        status: 304,
        fields: &[("vary", Is("Accept-Encoding, Accept")), ("last-modified", Is(MODIFIED))],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "Markdown does not share the time of the file",
        ask: with("/readme/README.md", &[BROWSER, ("If-Modified-Since", MODIFIED)]),
        options: MARKDOWN,
        body: &[Has(DOCUMENT)],
        ..ROW
    },
    Row {
        id: "Markdown without a heading",
        ask: with("/types/f.md", &[BROWSER]),
        options: MARKDOWN,
        body: &[Titled("f.md"), Has("<p>x</p>")],
        ..ROW
    },
    Row {
        fields: &[("vary", Is("Accept, Accept-Encoding")), ("content-encoding", Is("br"))],
        body: &[],
        ..page("Markdown compressed", with("/readme/README.md", &[BROWSER, ("Accept-Encoding", "br")]), COMPRESS)
    },
    page("Markdown as an index", with("/readme/", &[BROWSER]), INDEX),
    file("Markdown as an index for a program", get("/readme/"), INDEX),
    file("Markdown as an index by query", with("/readme/?raw", &[BROWSER]), INDEX),
    page("Markdown at a clean path", with("/readme/README", &[BROWSER]), CLEAN),
    page("Markdown keeps its own path", with("/readme/README.md", &[BROWSER]), CLEAN),
    file("Markdown at a clean path for a program", get("/readme/README"), CLEAN),
    Row {
        id: "Markdown needs its suffix without clean paths",
        ask: with("/readme/README", &[BROWSER]),
        options: MARKDOWN,
        status: 404,
        ..ROW
    },
    Row { root: "readme", ..page("Markdown as one file", with("/", &[BROWSER]), SINGLE) },
    Row {
        root: "readme",
        fields: &[
            ("content-type", Is("text/markdown; charset=utf-8")),
            ("content-disposition", Is("inline; filename=\"README.md\"; filename*=UTF-8''README.md")),
            ("vary", Is("Accept")),
        ],
        ..file("Markdown as one file by query", with("/?raw", &[BROWSER]), SINGLE)
    },
];
