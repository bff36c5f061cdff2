//! Requests that broke other servers, by the number of the report or the kind of hole. Each asks for a file outside the
//! tree, or contains markup.

use super::BodyCheck::*;
use super::Want::*;
use super::{ROW, Row, get, missing};

pub const ROWS: &[Row] = &[
    missing("CVE-2021-41773 half-encoded dotdot", "/cgi-bin/.%2e/.%2e/.%2e/etc/passwd"),
    missing("CVE-2021-41773 to the secret", "/.%2e/secret.txt"),
    missing("CVE-2021-42013 twice encoded", "/.%%32%65/secret.txt"),
    missing("CVE-2021-42013 both dots", "/%%32%65%%32%65/secret.txt"),
    missing("CVE-2000-0884 overlong slash", "/..%c0%afsecret.txt"),
    missing("CVE-2000-0884 overlong slash, other form", "/..%c1%9csecret.txt"),
    missing("CVE-2000-0884 overlong dots", "/%c0%ae%c0%ae/secret.txt"),
    missing("CVE-2000-0884 three bytes", "/%e0%80%ae%e0%80%ae/secret.txt"),
    missing("CVE-2018-3712 encoded slash", "/..%2fsecret.txt"),
    missing("CVE-2018-3712 encoded dots", "/%2e%2e%2fsecret.txt"),
    missing("CVE-2018-3809 encoded twice", "/..%252fsecret.txt"),
    missing("CVE-2018-3809 dots encoded twice", "/%252e%252e/secret.txt"),
    missing("CVE-2019-5417 many", "/sub/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.txt"),
    missing("CVE-2019-5415 hidden, encoded", "/%2e%68idden"),
    missing("CVE-2019-5415 hidden, its slash encoded", "/sub%2f.git%2fconfig"),
    missing("CVE-2017-14849 behind what is missing", "/nonexistent/../../secret.txt"),
    missing("CVE-2017-14849 in a segment of dots", "/../...//secret.txt"),
    missing("CVE-2026-27585 backslash", "/..\\secret.txt"),
    missing("CVE-2026-27585 encoded backslash", "/..%5csecret.txt"),
    missing("CVE-2026-27585 blank", "/..%20/secret.txt"),
    Row { id: "CVE-2025-11149 NUL", ask: get("/%00"), status: 400, ..ROW },
    Row { id: "CVE-2025-11149 NUL and dotdot", ask: get("/..%00/secret.txt"), status: 400, ..ROW },
    missing("prefix sibling", "/../www-secret/secret.txt"),
    missing("prefix continued", "/..-secret/secret.txt"),
    missing("RUSTSEC-2026-0269 link to a directory", "/links/escape-dir/secret.txt"),
    missing("RUSTSEC-2026-0269 its listing", "/links/escape-dir/"),
    missing("RUSTSEC-2026-0269 its redirect", "/links/escape-dir"),
    missing("RUSTSEC-2026-0269 link that ends in a slash", "/links/escape-slash/secret.txt"),
    missing("RUSTSEC-2026-0269 the listing of that", "/links/escape-slash/"),
    missing("RUSTSEC-2026-0269 without slash", "/links/escape-slash"),
    missing("RUSTSEC-2026-0269 link to a file", "/links/escape-file"),
    missing("RUSTSEC-2026-0269 link to the root of the machine", "/links/escape-root/etc/passwd"),
    missing("RUSTSEC-2026-0269 dot behind the link", "/links/escape-dir/./secret.txt"),
    missing("CVE-2024-51756 device", "/CON"),
    missing("CVE-2024-51745 device", "/COM%C2%B9"),
    missing("CVE-2024-51745 device, another", "/LPT%C2%B2"),
    Row { id: "CVE-2021-28861 two slashes", ask: get("//evil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 as reported", ask: get("//evil.com/.."), status: 301, fields: TOP, ..ROW },
    Row { id: "gh-157504 a backslash", ask: get("/\\evil.com/.."), status: 301, fields: TOP, ..ROW },
    Row { id: "CVE-2021-28861 three slashes", ask: get("///evil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 encoded slash", ask: get("/%2fevil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 dotdot", ask: get("/..//evil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 dot", ask: get("/.//evil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 through a directory", ask: get("/sub/..//evil.com"), status: 301, fields: EVIL, ..ROW },
    Row { id: "CVE-2021-28861 backslash", ask: get("/\\evil.com"), status: 301, fields: BACKSLASH, ..ROW },
    Row { id: "CVE-2021-28861 encoded backslash", ask: get("/%5cevil.com"), status: 301, fields: BACKSLASH, ..ROW },
    Row {
        id: "CVE-2021-28861 slash and backslash",
        ask: get("/%2f%5cevil.com"),
        status: 301,
        fields: BACKSLASH,
        ..ROW
    },
    missing("caddy 8023", "/..%2F%5cevil%2F%3f%2F.."),
    Row {
        id: "response splitting by a name",
        ask: get("/split%0D%0AX-Injected:%201"),
        status: 301,
        fields: &[("location", Leads("/split%0D%0AX-Injected%3A%201/")), ("x-injected", Absent)],
        ..ROW
    },
    Row {
        id: "response splitting by a query",
        ask: get("/sub?%0D%0AX-Injected:%201"),
        status: 301,
        fields: &[("location", Leads("/sub/?%0D%0AX-Injected:%201")), ("x-injected", Absent)],
        ..ROW
    },
    Row {
        id: "reflected markup in an error",
        ask: get("/%3Cscript%3Ealert(1)%3C/script%3E.txt"),
        status: 404,
        body: &[Lacks("<script"), Lacks("alert")],
        ..ROW
    },
    Row {
        id: "markup in a title",
        ask: get("/%3Cscript%3Ealert(1)%3C/script%3E/"),
        body: &[
            Titled("Directory listing for /<script>alert(1)</script>/"),
            Headed("Directory listing for /<script>alert(1)</script>/"),
            Lacks("<script>alert"),
            Lists(&[("x", "x")]),
        ],
        ..ROW
    },
    Row {
        id: "CVE-2019-5458 markup in a name",
        ask: get("/names/"),
        body: &[Lacks("<img"), Lacks("href=\"javascript:"), Lacks("src=\"javascript:")],
        ..ROW
    },
];

const TOP: &[(&str, super::Want)] = &[("location", Leads("/"))];
const EVIL: &[(&str, super::Want)] = &[("location", Leads("/evil.com/"))];
const BACKSLASH: &[(&str, super::Want)] = &[("location", Leads("/%5Cevil.com/"))];
