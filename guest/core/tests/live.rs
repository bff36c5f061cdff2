//! The script of `live`: in which responses, at which place, and with which fields.

use flate2::read::GzDecoder;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, GeneratedBody, Head, Request, answer, at_once};
use std::io::Read as _;

const FILE_TAG: &str = "<script src=\"/.glasshouse/live.js\" data-file=\"";
const LONG: usize = 400_000;

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::default();
    let time = HttpTime::new(1_577_934_245, 0);
    let mut put = |path: &str, content: Vec<u8>| tree.insert(path, MemoryNode::File(content, time));
    put("page.html", b"<body><p>page</body></html>\n".to_vec());
    put("page.html.gz", b"not sent".to_vec());
    put("part.htm", b"<p>part".to_vec());
    put("empty.html", Vec::new());
    put("utf-16.html", b"\xff\xfe<\0p\0>\0".to_vec());
    put("style.css", b"p {}".to_vec());
    put("app/index.html", b"<p>app".to_vec());
    put("list/README.md", b"# Read me\n\n</body>\n".to_vec());
    let long = [b"<body>".to_vec(), vec![b'x'; LONG], b"</body>".to_vec()].concat();
    put("long.html", long);
    let early = [b"<body></body>".to_vec(), vec![b'x'; LONG]].concat();
    put("early.html", early);
    tree
}

/// A response: its head, and all bytes of its body.
struct Answer {
    head: Head,
    body: Vec<u8>,
}

impl Answer {
    fn value(&self, name: &str) -> Option<String> {
        let mut values = self.head.fields.iter().filter(|(field, _)| field == name);
        values.next().map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn ask(options: &[(&str, &str)], method: &str, target: &str, fields: &[(&str, &str)]) -> Answer {
    let tree = tree();
    let config = Config::from_pairs(options.iter().copied()).expect("options");
    let values = |name: &str| {
        let values = fields.iter().filter(|(field, _)| *field == name);
        values.map(|(_, value)| value.as_bytes().to_vec()).collect()
    };
    let request = Request::read(method, Some(target), values);
    let reply = at_once(answer(&request, &tree, &config)).expect("memory never waits");
    let (head, body) = reply.write(request.method);
    let body = match body {
        Body::Nothing => Vec::new(),
        Body::Bytes(bytes) => bytes,
        Body::File(file, span) => file[span.start as usize..span.end as usize].to_vec(),
        Body::Generated(body) => read(*body, &tree),
    };
    Answer { head, body }
}

fn read(mut body: GeneratedBody<Vec<u8>>, tree: &MemoryTree) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = at_once(body.next(tree)).expect("memory never waits").expect("nothing changes") {
        assert!(piece.len() <= 200_000, "a page is not read as a whole");
        bytes.extend(piece);
    }
    bytes
}

const LIVE: &[(&str, &str)] = &[("GLASSHOUSE_LIVE", "1")];

fn live(target: &str) -> Answer {
    ask(LIVE, "GET", target, &[])
}

fn tag(path: &str) -> String {
    format!("{FILE_TAG}{path}\" defer></script>")
}

#[test]
fn the_script_is_at_the_end_of_the_body() {
    for (target, before, file, after) in [
        ("/page.html", "<body><p>page", "/page.html", "</body></html>\n"),
        ("/part.htm", "<p>part", "/part.htm", ""),
        ("/empty.html", "", "/empty.html", ""),
        ("/app/", "<p>app", "/app/index.html", ""),
    ] {
        let answer = live(target);
        assert_eq!(answer.text(), format!("{before}{}{after}", tag(file)), "{target}");
        assert_eq!(answer.value("content-length"), Some(answer.body.len().to_string()), "{target}");
        let head = ask(LIVE, "HEAD", target, &[]);
        assert_eq!((head.head, head.body), (answer.head, Vec::new()), "{target}");
    }
}

#[test]
fn a_long_page_is_sent_piece_by_piece() {
    let long = live("/long.html");
    assert_eq!(long.text(), format!("<body>{}{}</body>", "x".repeat(LONG), tag("/long.html")));
    // What is too far from the end is not found.
    let early = live("/early.html");
    assert_eq!(early.text(), format!("<body></body>{}{}", "x".repeat(LONG), tag("/early.html")));
}

#[test]
fn a_page_with_the_script_is_another_representation() {
    let plain = ask(&[], "GET", "/page.html", &[]);
    let answer = live("/page.html");
    let (tag, plain_tag) = (answer.value("etag").expect("a tag"), plain.value("etag").expect("a tag"));
    assert_eq!(tag, format!("{}-live\"", plain_tag.trim_end_matches('"')));
    assert_eq!((answer.value("last-modified"), answer.value("accept-ranges")), (None, None));
    for (field, value, status) in [
        ("if-none-match", tag.as_str(), 304),
        ("if-none-match", plain_tag.as_str(), 200),
        ("if-modified-since", "Thu, 02 Jan 2100 00:00:00 GMT", 200),
        ("range", "bytes=0-1", 200),
    ] {
        let answer = ask(LIVE, "GET", "/page.html", &[(field, value)]);
        assert_eq!(answer.head.status, status, "{field}: {value}");
    }
}

#[test]
fn encoded_pages_have_the_script() {
    let options = &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_COMPRESS", "1")];
    let accepted = &[("accept-encoding", "gzip"), ("range", "bytes=0-1")];
    let answer = ask(options, "GET", "/long.html", accepted);
    assert_eq!((answer.value("content-encoding").as_deref(), answer.value("content-length")), (Some("gzip"), None));
    let mut text = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, live("/long.html").text());
    assert!(answer.value("etag").is_some_and(|tag| tag.starts_with("W/") && tag.contains("-live-gz")));
    // The precompressed page has no script.
    let answer = ask(LIVE, "GET", "/page.html", &[("accept-encoding", "gzip")]);
    assert_eq!((answer.value("content-encoding"), answer.text()), (None, live("/page.html").text()));
}

#[test]
fn other_responses_stay_the_same() {
    for (target, fields) in [
        ("/style.css", &[][..]),
        ("/style.css", &[("range", "bytes=0-1")]),
        ("/utf-16.html", &[]),
        ("/list/?format=json", &[]),
        ("/list/?download=tar", &[]),
        ("/none", &[("accept", "application/json")]),
        ("/app", &[]),
    ] {
        let (with, without) = (ask(LIVE, "GET", target, fields), ask(&[], "GET", target, fields));
        assert_eq!((with.head, with.body), (without.head, without.body), "{target}");
    }
}

#[test]
fn generated_pages_have_the_script_and_permit_it() {
    let accept = &[("accept", "text/html")];
    for (target, status, page) in
        [("/list/", 200, "folder"), ("/none", 404, "error"), ("/list/?format=none", 404, "error")]
    {
        let answer = ask(LIVE, "GET", target, accept);
        let end =
            format!("<script src=\"/.glasshouse/live.js\" data-page=\"{page}\" defer></script>\n</body>\n</html>");
        assert_eq!(answer.head.status, status, "{target}");
        assert!(answer.text().trim_end().ends_with(&end), "{target}: {}", answer.text());
        assert_eq!(answer.value("content-length"), Some(answer.body.len().to_string()));
        let policy = answer.value("content-security-policy").expect("a policy");
        assert!(policy.contains("' 'self'; connect-src 'self'; img-src"), "{policy}");
        let plain = ask(&[], "GET", target, accept);
        assert!(!plain.text().contains("/.glasshouse/"), "{target}");
        assert_eq!(plain.value("content-security-policy"), Some(policy.replace(" 'self'; connect-src 'self'", "")));
        assert!(plain.value("etag").is_none() || plain.value("etag") != answer.value("etag"));
    }
}

#[test]
fn the_script_knows_the_file_behind_the_page() {
    let fields = &[("accept", "text/html")];
    let more = |name, value| [("GLASSHOUSE_LIVE", "1"), (name, value)];
    let prefix = ask(&more("GLASSHOUSE_PREFIX", "/a b"), "GET", "/a%20b/page.html", fields);
    assert!(prefix.text().contains(&tag("/a%20b/page.html")), "{}", prefix.text());
    let clean = ask(&more("GLASSHOUSE_CLEAN_URLS", "1"), "GET", "/page", fields);
    assert!(clean.text().contains(&tag("/page.html")), "{}", clean.text());
    let route = ask(&more("GLASSHOUSE_SPA", "app/index.html"), "GET", "/a/route", fields);
    assert!(route.text().contains(&tag("/app/index.html")), "{}", route.text());
    let missing = ask(&more("GLASSHOUSE_NOT_FOUND", "part.htm"), "GET", "/none", fields);
    let tag = tag("/part.htm").replace("data-file", "data-page=\"error\" data-file");
    assert_eq!((missing.head.status, missing.text()), (404, format!("<p>part{tag}")));
    assert_eq!(missing.value("content-length"), Some(missing.body.len().to_string()));
}
