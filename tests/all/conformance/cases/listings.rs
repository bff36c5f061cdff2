//! Listings beyond those of Python: sorted, searched, as a grid, with a README.md, and for programs. Error pages that
//! lead on.

use super::BodyCheck::*;
use super::Want::*;
use super::{ROW, Row, get, with};

const JSON: (&str, &str) = ("Accept", "application/json");
const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const FIRST: (&str, &str) = ("file1.txt", "file1.txt");
const SECOND: (&str, &str) = ("file2.txt", "file2.txt");
const TENTH: (&str, &str) = ("file10.txt", "file10.txt");

const SIZES_JSON: &[u8] = br#"{"path":"/sizes/","entries":[
{"name":"file1.txt","kind":"file","size":1,"modified":"2020-01-02T03:04:05Z","href":"file1.txt"},
{"name":"file2.txt","kind":"file","size":2,"modified":"2004-11-09T11:33:20Z","href":"file2.txt"},
{"name":"file10.txt","kind":"file","size":10,"modified":"2001-09-09T01:46:40Z","href":"file10.txt"}
],"omitted":0,"stopped":null}
"#;
const NOT_FOUND_JSON: &[u8] = br#"{"status":404,"message":"File not found","explanation":"Nothing matches the given URI","near":[{"name":"hello.txt","href":"./hello.txt"}],"up":{"name":"/","href":"./"}}
"#;
const NOT_FOUND_TEXT: &[u8] =
    b"Error code: 404\nMessage: File not found.\nError code explanation: 404 - Nothing matches the given URI.\n";

pub const ROWS: &[Row] = &[
    Row { id: "Sort by value", ask: get("/sizes/"), body: &[Lists(&[FIRST, SECOND, TENTH])], ..ROW },
    Row {
        id: "Sort downwards",
        ask: get("/sizes/?sort=name&order=desc"),
        body: &[Lists(&[TENTH, SECOND, FIRST]), LeadsTo("./"), Has("aria-sort=\"descending\"")],
        ..ROW
    },
    Row {
        id: "Sort by size",
        ask: get("/sizes/?sort=size&order=desc"),
        body: &[Lists(&[TENTH, SECOND, FIRST]), LeadsTo("./?sort=size&order=asc")],
        ..ROW
    },
    Row { id: "Sort by time", ask: get("/sizes/?sort=modified"), body: &[Lists(&[TENTH, SECOND, FIRST])], ..ROW },
    Row {
        id: "Sort by nothing known",
        ask: get("/sizes/?sort=colour&order=up&&=%zz"),
        body: &[Lists(&[FIRST, SECOND, TENTH])],
        ..ROW
    },
    Row {
        id: "Size and time",
        ask: get("/sizes/"),
        body: &[
            Has("<td title=\"10 bytes\">10 B</td>"),
            Has(
                "<time datetime=\"2001-09-09T01:46:40Z\" title=\"2001-09-09 01:46:40 UTC\">2001-09-09 <span>01:46</span></time>",
            ),
            Has(">3 files, 13 B</p>"),
        ],
        ..ROW
    },
    Row {
        id: "Search below",
        ask: get("/deep/?search=FILE"),
        body: &[
            Lists(&[
                ("files/", "files/"),
                ("File.txt", "File.txt"),
                ("link-to-file", "link-to-file@"),
                ("a/file.txt", "a/file.txt"),
                ("a/b/file-9", "a/b/file-9"),
            ]),
            Titled("Search for FILE below /deep/"),
            LeadsTo("./"),
            Lacks("search stopped"),
        ],
        ..ROW
    },
    Row {
        id: "Search keeps what it is given",
        ask: get("/deep/?search=%3Cb%3E+%26&sort=size&order=desc"),
        body: &[
            Lists(&[]),
            Titled("Search for <b> & below /deep/"),
            Has("Nothing has “&#60;b&#62; &#38;” in its name."),
            LeadsTo("./?search=%3Cb%3E%20%26&sort=size&order=asc"),
            LeadsTo("./?sort=size&order=desc"),
        ],
        ..ROW
    },
    Row {
        id: "Search for nothing",
        ask: get("/sizes/?search=+"),
        body: &[Lists(&[FIRST, SECOND, TENTH]), Titled("Directory listing for /sizes/")],
        ..ROW
    },
    Row { id: "Search without listing", ask: get("/deep/?search=file"), options: NO_LISTING, status: 404, ..ROW },
    Row {
        id: "Search as JSON",
        ask: get("/deep/a/?search=file&format=json"),
        body: &[
            Has("{\"path\":\"/deep/a/\",\"search\":\"file\",\"entries\":[\n{\"name\":\"file.txt\",\"kind\":\"file\","),
            Has("\"href\":\"b/file-9\""),
            Lacks(".file"),
        ],
        ..ROW
    },
    Row {
        id: "Grid of pictures",
        ask: get("/pics/?view=grid"),
        body: &[
            Lists(&[("four.txt", "four.txt"), ("one.png", "one.png"), ("two%20%26%20three.JPG", "two & three.JPG")]),
            Has("<img src=\"two%20%26%20three.JPG\" alt=\"\" loading=\"lazy\" decoding=\"async\">"),
            Lacks("<img src=\"four"),
            LeadsTo("./"),
            LeadsTo("./?sort=size&order=desc&view=grid"),
        ],
        ..ROW
    },
    Row {
        id: "Grid where there are pictures",
        ask: get("/pics/"),
        body: &[LeadsTo("./?view=grid"), Lacks("<img")],
        ..ROW
    },
    Row { id: "Grid not offered without", ask: get("/sizes/"), body: &[Lacks("view=grid")], ..ROW },
    Row {
        id: "Archives offered",
        ask: get("/sizes/"),
        body: &[LeadsTo("./?download=tar"), LeadsTo("./?download=tar.gz"), LeadsTo("./?download=zip")],
        ..ROW
    },
    Row {
        id: "Archives offered as far as they may be had",
        ask: get("/sizes/"),
        options: &[("GLASSHOUSE_ARCHIVE", "zip")],
        body: &[LeadsTo("./?download=zip"), Lacks("download=tar")],
        ..ROW
    },
    Row { id: "Archives not of a search", ask: get("/sizes/?search=f"), body: &[Lacks("download=")], ..ROW },
    Row {
        id: "Names that deceive",
        ask: get("/deceive/"),
        body: &[
            Lists(&[
                ("zero%E2%80%8Bwidth%EF%BB%BF/", "zero⟨U+200B⟩width⟨U+FEFF⟩/"),
                ("blank%C2%A0", "blank⟨U+00A0⟩"),
                ("heart%20%E2%9D%A4%EF%B8%8F", "heart \u{2764}\u{fe0f}"),
                ("report-%E2%80%AEfdp.exe", "report-⟨U+202E⟩fdp.exe"),
                ("%D9%85%DB%8C%E2%80%8C%D8%AE", "\u{645}\u{6cc}\u{200c}\u{62e}"),
            ]),
            Lacks("\u{202e}"),
        ],
        ..ROW
    },
    Row {
        id: "Names that deceive, as a grid",
        ask: get("/deceive/?view=grid"),
        body: &[Links("report-%E2%80%AEfdp.exe", "report-⟨U+202E⟩fdp.exe"), Lacks("\u{202e}")],
        ..ROW
    },
    Row {
        id: "Names that deceive, found",
        ask: get("/?search=inside"),
        body: &[
            Links("deceive/zero%E2%80%8Bwidth%EF%BB%BF/inside.txt", "deceive/zero⟨U+200B⟩width⟨U+FEFF⟩/inside.txt"),
            Lacks("\u{200b}"),
        ],
        ..ROW
    },
    Row {
        id: "Names that deceive, searched for",
        ask: get("/deceive/?search=%E2%80%AE"),
        body: &[
            Links("report-%E2%80%AEfdp.exe", "report-⟨U+202E⟩fdp.exe"),
            Titled("Search for ⟨U+202E⟩ below /deceive/"),
            Has("value=\"\u{202e}\""),
            Has("for “⟨U+202E⟩”"),
        ],
        ..ROW
    },
    Row {
        id: "Names that deceive, above",
        ask: get("/deceive/zero%E2%80%8Bwidth%EF%BB%BF/"),
        body: &[
            Titled("Directory listing for /deceive/zero⟨U+200B⟩width⟨U+FEFF⟩/"),
            Headed("Directory listing for /deceive/zero⟨U+200B⟩width⟨U+FEFF⟩/"),
            Lacks("\u{200b}"),
        ],
        ..ROW
    },
    Row {
        id: "Names that deceive, in JSON",
        ask: get("/deceive/?format=json"),
        body: &[Has("{\"name\":\"report-\u{202e}fdp.exe\",\"kind\":\"file\","), Has("report-%E2%80%AEfdp.exe")],
        ..ROW
    },
    Row {
        id: "Names that deceive, in text",
        ask: get("/deceive/?format=text"),
        body: &[Has("report-?fdp.exe\n"), Has("zero?width?/\n"), Has("blank?\n"), Lacks("\u{202e}")],
        ..ROW
    },
    Row {
        id: "Names that deceive, close to another",
        ask: with("/deceive/report-fdp.exe", &[PAGE]),
        status: 404,
        body: &[LeadsTo("./report-%E2%80%AEfdp.exe"), Has(">report-⟨U+202E⟩fdp.exe</a>"), Lacks("\u{202e}")],
        ..ROW
    },
    Row {
        id: "Names that deceive, to go back to",
        ask: with("/deceive/zero%E2%80%8Bwidth%EF%BB%BF/none", &[PAGE]),
        status: 404,
        body: &[Has("Up to /deceive/zero⟨U+200B⟩width⟨U+FEFF⟩/"), Lacks("\u{200b}")],
        ..ROW
    },
    Row {
        id: "Form of a listing that there is not",
        ask: get("/sizes/?format=csv"),
        status: 404,
        body: &[Has("Message: Folder not available in this format."), LeadsTo("./")],
        ..ROW
    },
    Row {
        id: "Form of a listing is nothing to an index",
        ask: get("/withidx/?format=csv"),
        body: &[Bytes(b"<p>idx\n")],
        ..ROW
    },
    Row {
        id: "Listing for programs that know the titles of others",
        ask: get("/a%20dir&%3Cx%3E/"),
        body: &[
            Has("\n<!-- <title>Index of /a dir&#38;&#60;x&#62;/</title> -->\n"),
            Titled("Directory listing for /a dir&<x>/"),
        ],
        ..ROW
    },
    Row {
        id: "README rendered",
        ask: get("/readme/"),
        body: &[
            Lists(&[("README.md", "README.md"), ("Readme.txt", "Readme.txt")]),
            Has(
                "<h2>What &amp; why</h2>\n<p>See <a href=\"a.txt\">this</a>, <em>or</em> that.</p>\n<p>&lt;script&gt;alert(2)&lt;/script&gt;\n</p>",
            ),
        ],
        ..ROW
    },
    Row { id: "README not of a search", ask: get("/readme/?search=r"), body: &[Lacks("What &amp; why")], ..ROW },
    Row { id: "README too long", ask: get("/readme-long/"), body: &[Has("too long to be shown"), Lacks("xxx")], ..ROW },
    Row {
        id: "README switched off",
        ask: get("/readme/"),
        options: &[("GLASSHOUSE_NO_README", "1")],
        body: &[Links("README.md", "README.md"), Lacks("What &amp; why")],
        ..ROW
    },
    Row {
        id: "JSON by Accept",
        ask: with("/sizes/", &[JSON]),
        fields: &[
            ("content-type", Is("application/json; charset=utf-8")),
            ("vary", Is("Accept")),
            ("etag", Is("W/\"371b9dbeb52596f7\"")),
            ("last-modified", Absent),
        ],
        body: &[Bytes(SIZES_JSON)],
        ..ROW
    },
    Row {
        id: "JSON by query",
        ask: with("/sizes/?format=json", &[PAGE]),
        fields: &[("content-type", Is("application/json; charset=utf-8")), ("vary", Absent)],
        body: &[Bytes(SIZES_JSON)],
        ..ROW
    },
    Row {
        id: "JSON of a link",
        ask: get("/links/?format=json&sort=name"),
        body: &[
            Has("{\"name\":\"broken\",\"kind\":\"link\",\"size\":null,\"modified\":null,\"href\":\"broken\"}"),
            Has(
                "{\"name\":\"inside\",\"kind\":\"link\",\"size\":6,\"modified\":\"2020-01-02T03:04:05Z\",\"href\":\"inside\"}",
            ),
            Has("{\"name\":\"inside-dir\",\"kind\":\"link-to-directory\",\"size\":null,"),
            Has("{\"name\":\"escape-file\",\"kind\":\"link\",\"size\":null,\"modified\":null,"),
        ],
        ..ROW
    },
    Row {
        id: "Text by Accept",
        ask: with("/lines/", &[("Accept", "text/plain, text/html;q=0.9")]),
        fields: &[("content-type", Is("text/plain; charset=utf-8")), ("vary", Is("Accept"))],
        body: &[Bytes(b"sub/\na?b?c\n")],
        ..ROW
    },
    Row {
        id: "Text by query",
        ask: get("/sizes/?format=text"),
        body: &[Bytes(b"file1.txt\nfile2.txt\nfile10.txt\n")],
        ..ROW
    },
    Row { id: "Text of nothing", ask: get("/void/?format=text"), body: &[Bytes(b"")], ..ROW },
    Row {
        id: "Format for a client that accepts anything",
        ask: with("/sizes/", &[("Accept", "image/png, */*;q=0.1")]),
        fields: &[("content-type", Is("text/html; charset=utf-8"))],
        ..ROW
    },
    Row {
        id: "Form that there is not",
        ask: with("/sizes/", &[("Accept", "image/png")]),
        fields: &[("content-type", Is("text/html; charset=utf-8")), ("vary", Is("Accept"))],
        ..ROW
    },
    Row {
        id: "ETag of a listing that a client has",
        ask: with("/sizes/", &[JSON, ("If-None-Match", "\"x\", \"371b9dbeb52596f7\"")]),
        status: 304,
        fields: &[("etag", Is("W/\"371b9dbeb52596f7\"")), ("vary", Is("Accept"))],
        body: &[Bytes(b"")],
        ..ROW
    },
    Row {
        id: "ETag of a listing is weak",
        ask: with("/sizes/", &[JSON, ("If-Match", "W/\"371b9dbeb52596f7\"")]),
        status: 412,
        ..ROW
    },
    Row {
        id: "Listing of some",
        ask: get("/sizes/?format=json"),
        options: &[("GLASSHOUSE_LISTING_MAX", "2")],
        body: &[Has("],\"omitted\":1,\"stopped\":null}\n")],
        ..ROW
    },
    Row {
        id: "Listing of some in text",
        ask: get("/sizes/?format=text"),
        options: &[("GLASSHOUSE_LISTING_MAX", "2")],
        body: &[Has("/ 1 more entry is not shown\n")],
        ..ROW
    },
    Row {
        id: "Listing says how many are missing",
        ask: get("/mixed/"),
        options: &[("GLASSHOUSE_LISTING_MAX", "2")],
        body: &[Has("<p class=\"note\">6 more entries are not shown.</p>")],
        ..ROW
    },
    Row {
        id: "Listing fields",
        ask: get("/sizes/"),
        fields: &[("x-content-type-options", Is("nosniff")), ("referrer-policy", Is("same-origin"))],
        ..ROW
    },
    Row {
        id: "Error with close names",
        ask: with("/sizes/file3.txt", &[PAGE]),
        status: 404,
        fields: &[("vary", Is("Accept"))],
        body: &[
            Has("<p>Message: File not found.</p>"),
            LeadsTo("./file1.txt"),
            LeadsTo("./file2.txt"),
            LeadsTo("./file10.txt"),
            LeadsTo("./"),
        ],
        ..ROW
    },
    Row {
        id: "Error of a directory",
        ask: with("/szes/", &[PAGE]),
        status: 404,
        body: &[LeadsTo("../sizes/"), LeadsTo("../")],
        ..ROW
    },
    Row {
        id: "Error far below",
        ask: with("/sub/nope/nope/nope", &[PAGE]),
        status: 404,
        body: &[LeadsTo("../../"), Has("Up to /sub/")],
        ..ROW
    },
    Row {
        id: "Error without hidden names",
        ask: with("/.hiden", &[PAGE]),
        status: 404,
        body: &[LeadsTo("./"), Lacks(".hidden")],
        ..ROW
    },
    Row {
        id: "Error without listing",
        ask: with("/sizes/file3.txt", &[PAGE]),
        options: NO_LISTING,
        status: 404,
        body: &[LeadsTo("./"), Lacks("file1.txt")],
        ..ROW
    },
    Row {
        id: "Error for a picture",
        ask: with("/sizes/file3.txt", &[("Accept", "image/*, */*;q=0.8")]),
        status: 404,
        body: &[Lacks("file1.txt")],
        ..ROW
    },
    Row {
        id: "Error as JSON",
        ask: with("/helo.txt", &[JSON]),
        status: 404,
        fields: &[("content-type", Is("application/json; charset=utf-8")), ("vary", Is("Accept"))],
        body: &[Bytes(NOT_FOUND_JSON)],
        ..ROW
    },
    Row {
        id: "Error as text",
        ask: with("/helo.txt", &[("Accept", "text/plain")]),
        status: 404,
        fields: &[("content-type", Is("text/plain; charset=utf-8"))],
        body: &[Bytes(NOT_FOUND_TEXT)],
        ..ROW
    },
];

const NO_LISTING: &[(&str, &str)] = &[("GLASSHOUSE_NO_LISTING", "1")];
