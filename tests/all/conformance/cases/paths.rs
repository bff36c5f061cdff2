//! From target to path.

use super::{BodyCheck::*, ROW, Row, Want::*, get, missing, with};

const HELLO: &[super::BodyCheck] = &[Bytes(b"hello\n")];
const SHOWN: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", "true")];
const GIT: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", "**/.git/**")];
const ONE: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", "no\n/dots/.hidden")];
const NAMED: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", ".hidden\n.none")];
const PARENT: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", "sub/.git/none")];
const BELOW: &[(&str, &str)] = &[("GLASSHOUSE_HIDDEN", "deep/*/.file/**")];

pub const ROWS: &[Row] = &[
    Row { id: "PY-20 plain", ask: get("/hello.txt"), body: HELLO, ..ROW },
    Row { id: "PY-20 dotdot", ask: get("/sub/../hello.txt"), body: HELLO, ..ROW },
    Row { id: "PY-20 encoded dotdot", ask: get("/sub/%2e%2e/hello.txt"), body: HELLO, ..ROW },
    Row { id: "PY-20 encoded slash", ask: get("/sub%2Finner.txt"), body: &[Bytes(b"inner\n")], ..ROW },
    Row { id: "PY-20 dot", ask: get("/./sub/./inner.txt"), body: &[Bytes(b"inner\n")], ..ROW },
    Row { id: "PY-20 empty segments", ask: get("//sub///inner.txt"), body: &[Bytes(b"inner\n")], ..ROW },
    Row { id: "PY-20 dotdot stops at the root", ask: get("/../../hello.txt"), body: HELLO, ..ROW },
    Row { id: "PY-20 encoded letter", ask: get("/h%65llo.t%78t"), body: HELLO, ..ROW },
    Row { id: "PY-20 lower-case digits", ask: get("/%c3%a9.txt"), body: &[Bytes(b"acute\n")], ..ROW },
    Row { id: "PY-20 decoded once", ask: get("/a%2520b.txt"), body: &[Bytes(b"decoded twice\n")], ..ROW },
    Row { id: "PY-20 a percent sign that encodes nothing", ask: get("/100%.txt"), body: &[Bytes(b"percent\n")], ..ROW },
    Row { id: "PY-20 fragment", ask: get("/hello.txt#part"), body: HELLO, ..ROW },
    missing("PY-20 passwd", "/../../etc/passwd"),
    missing("PY-20 encoded passwd", "/..%2f..%2fetc/passwd"),
    missing("PY-21 backslashes", "/sub/..%5c..%5csecret.txt"),
    missing("PY-21 drive", "/C:/hello.txt"),
    missing("PY-21 dotdot and a blank", "/..%20/hello.txt"),
    Row { id: "PY-22 above the root", ask: get("/%2e%2e/"), status: 301, fields: &[("location", Leads("/"))], ..ROW },
    missing("PY-23 file and slash", "/hello.txt/"),
    missing("PY-23 file and encoded slash", "/hello.txt%2f"),
    missing("PY-23 below a file", "/hello.txt/x"),
    missing("PY-23 file and dot", "/hello.txt/."),
    Row { id: "PY-24 query", ask: get("/hello.txt?x=1"), body: HELLO, ..ROW },
    Row { id: "PY-24 a query like a path", ask: get("/hello.txt?/../x"), body: HELLO, ..ROW },
    Row { id: "PY-24 encoded question mark", ask: get("/names/%23%3F%25"), body: &[Bytes(b"7")], ..ROW },
    Row { id: "PY-24 absolute form", ask: get("http://other/hello.txt"), body: HELLO, ..ROW },
    Row {
        id: "PY-24 absolute form without a path",
        ask: get("http://other?format=json"),
        fields: &[("content-type", Is("application/json; charset=utf-8"))],
        body: &[Has("\"path\":\"/\"")],
        ..ROW
    },
    missing("PY-24 parameter", "/hello.txt;v=1"),
    missing("PY-24 asterisk", "*"),
    Row { id: "PY-25 NUL", ask: get("/a%00b"), status: 400, body: &[Has("<p>Error code: 400</p>")], ..ROW },
    Row { id: "PY-25 NUL behind a file", ask: get("/hello.txt%00"), status: 400, ..ROW },
    Row { id: "PY-25 NUL in the query", ask: get("/hello.txt?%00"), body: HELLO, ..ROW },
    Row { id: "PY-26 the listing survives", ask: get("/bad/"), body: &[Lists(&[("good.txt", "good.txt")])], ..ROW },
    missing("PY-26 the entry is left out", "/bad/bad%FF.txt"),
    missing("PY-26 nor is it served by another spelling", "/bad/bad%ED%B3%BF.txt"),
    Row { id: "PY-27 link", ask: get("/link.txt"), body: HELLO, ..ROW },
    Row { id: "PY-27 link upwards", ask: get("/sub/up.txt"), body: HELLO, ..ROW },
    Row { id: "PY-27 through a link", ask: get("/linkdir/inner.txt"), body: &[Bytes(b"inner\n")], ..ROW },
    Row { id: "PY-27 through a link and up", ask: get("/linkdir/../hello.txt"), body: HELLO, ..ROW },
    Row {
        id: "PY-27 through a link with a slash",
        ask: get("/linkdir-slash/inner.txt"),
        body: &[Bytes(b"inner\n")],
        ..ROW
    },
    Row { id: "PY-27 link to link", ask: get("/linkdir/up.txt"), body: HELLO, ..ROW },
    Row { id: "PY-27 directory", ask: get("/linkdir/deep/"), body: &[Lists(&[("file.txt", "file.txt")])], ..ROW },
    missing("PY-27 absolute", "/links/escape-absolute"),
    missing("PY-27 absolute but inside", "/links/inside-absolute"),
    missing("PY-27 dangling", "/links/broken"),
    missing("PY-27 dangling directory", "/links/broken/"),
    missing("PY-27 loop", "/links/loop"),
    missing("PY-28 dotfile", "/.hidden"),
    missing("PY-28 in a dot directory", "/sub/.git/config"),
    missing("PY-28 dot directory", "/sub/.git/"),
    missing("PY-28 dot directory without slash", "/sub/.git"),
    missing("PY-28 by way of dotdot", "/sub/.git/../.git/config"),
    missing("PY-28 encoded", "/%2ehidden"),
    missing("PY-28 three dots", "/dots/..."),
    Row { id: "PY-28 left with dotdot", ask: get("/.hidden/../hello.txt"), body: HELLO, ..ROW },
    Row { id: "PY-28 well-known", ask: get("/.well-known/security.txt"), body: &[Bytes(b"well known\n")], ..ROW },
    Row {
        id: "PY-28 listing",
        ask: get("/dots/"),
        body: &[Lists(&[(".well-known/", ".well-known/"), ("shown", "shown")])],
        ..ROW
    },
    Row { id: "PY-28 shown", ask: get("/.hidden"), options: SHOWN, body: &[Bytes(b"hidden\n")], ..ROW },
    Row {
        id: "PY-28 shown directory",
        ask: get("/sub/.git/config"),
        options: SHOWN,
        body: &[Bytes(b"hidden\n")],
        ..ROW
    },
    Row {
        id: "PY-28 shown listing",
        ask: get("/dots/"),
        options: SHOWN,
        body: &[Lists(&[(".well-known/", ".well-known/"), ("...", "..."), (".hidden", ".hidden"), ("shown", "shown")])],
        ..ROW
    },
    Row { id: "PY-28 by a pattern", ask: get("/sub/.git/config"), options: GIT, body: &[Bytes(b"hidden\n")], ..ROW },
    Row {
        id: "PY-28 by a pattern without slash",
        ask: get("/sub/.git"),
        options: GIT,
        status: 301,
        fields: &[("location", Leads("/sub/.git/"))],
        ..ROW
    },
    Row {
        id: "PY-28 by a pattern its directory",
        ask: get("/sub/.git/"),
        options: GIT,
        body: &[Lists(&[("config", "config")])],
        ..ROW
    },
    Row {
        id: "PY-28 by a pattern in a listing",
        ask: get("/sub/"),
        options: GIT,
        body: &[Links(".git/", ".git/"), Links("deep/", "deep/")],
        ..ROW
    },
    Row { options: GIT, ..missing("PY-28 by a pattern no other", "/.hidden") },
    Row { id: "PY-28 by a path", ask: get("/dots/.hidden"), options: ONE, body: &[Bytes(b"hidden\n")], ..ROW },
    Row { options: ONE, ..missing("PY-28 by a path no other", "/.hidden") },
    Row {
        id: "PY-28 by a path in a listing",
        ask: get("/dots/"),
        options: ONE,
        body: &[Lists(&[(".well-known/", ".well-known/"), (".hidden", ".hidden"), ("shown", "shown")])],
        ..ROW
    },
    Row {
        id: "PY-28 by a path in an archive",
        ask: get("/dots/?download=tar"),
        options: ONE,
        body: &[Has("dots/.hidden\0"), Has("dots/shown\0"), Lacks("...")],
        ..ROW
    },
    Row { id: "PY-28 by a name", ask: get("/dots/.hidden"), options: NAMED, body: &[Bytes(b"hidden\n")], ..ROW },
    Row { options: NAMED, ..missing("PY-28 by a name no other", "/dots/...") },
    Row {
        id: "PY-28 by a name as a close one",
        ask: with("/.hiden", &[("Accept", "text/html")]),
        options: NAMED,
        status: 404,
        body: &[LeadsTo("./.hidden")],
        ..ROW
    },
    Row { id: "PY-28 of a parent", ask: get("/sub/.git/"), options: PARENT, body: &[Lists(&[])], ..ROW },
    Row { options: PARENT, ..missing("PY-28 of a parent no file", "/sub/.git/config") },
    Row {
        id: "PY-28 of a parent no file in an archive",
        ask: get("/sub/?download=tar"),
        options: PARENT,
        body: &[Has("sub/inner.txt\0"), Lacks("config")],
        ..ROW
    },
    Row {
        id: "PY-28 of a parent no close name",
        ask: with("/sub/.git/confi", &[("Accept", "text/html")]),
        options: PARENT,
        status: 404,
        body: &[LeadsTo("./"), Lacks("config")],
        ..ROW
    },
    Row {
        id: "PY-28 by a pattern in a search",
        ask: get("/deep/?search=file"),
        options: BELOW,
        body: &[Links("a/.file/", "a/.file/"), Links("a/.file/file", "a/.file/file")],
        ..ROW
    },
];
