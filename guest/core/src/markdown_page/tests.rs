//! Requests for Markdown files and their responses.

use crate::http::date::HttpTime;
use crate::markdown_page::*;
use crate::media_type::MediaType;
use crate::tree::memory::{MemoryNode, MemoryTree};
use crate::{Body, answer, at_once};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const TEXT: &[u8] = b"# A guide\n\nSee [more](more.md).\n\n```sh\nls\n```\n";

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::default();
    let dated = HttpTime::new(784_111_777, 0);
    for path in ["guide.md", "docs/README.md", "docs/Other.MARKDOWN", "both.md", "plain.txt"] {
        tree.insert(path, MemoryNode::File(TEXT.to_vec(), dated));
    }
    tree.insert("both.html", MemoryNode::File(b"<p>page".to_vec(), dated));
    tree.insert("guide.md.br", MemoryNode::File(b"BR".to_vec(), dated));
    tree.insert("undated.md", MemoryNode::File(TEXT.to_vec(), None));
    tree.insert("large.md", MemoryNode::File(vec![b'x'; (1 << 20) + 1], dated));
    tree.insert("long.md", MemoryNode::File(b"word ".repeat(200_000), dated));
    tree.insert("marks.md", MemoryNode::File(vec![b'['; 1 << 20], dated));
    tree
}

/// Status, fields and text of the answer to `METHOD TARGET` with fields.
struct Answered {
    status: u16,
    fields: Vec<(String, String)>,
    text: Option<String>,
}

impl Answered {
    fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn is_page(&self) -> bool {
        self.value("content-type") == MediaType::HTML.as_str()
            && self.text.as_ref().is_none_or(|text| text.contains("<main>"))
    }
}

fn ask(line: &str, fields: &[(&str, &str)], options: &[(&str, &str)]) -> Answered {
    let options = [("MARKDOWN", "1")].iter().chain(options).map(|(key, value)| (format!("GLASSHOUSE_{key}"), *value));
    let config = Config::from_pairs(options).expect("the options have a meaning");
    let (method, target) = line.split_once(' ').expect("a line");
    let request = Request::read(method, Some(target), |name| {
        fields.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec()).collect()
    });
    let (head, body) = at_once(answer(&request, &tree(), &config)).expect("memory never waits").write(request.method);
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let fields = head.fields.into_iter().map(|(name, value)| (name, text(value))).collect();
    let text = match body {
        Body::Bytes(bytes) | Body::File(bytes, _) => Some(text(bytes)),
        Body::Nothing | Body::Generated(_) => None,
    };
    Answered { status: head.status, fields, text }
}

#[test]
fn clients_that_prefer_html_get_the_page() {
    for (accept, is_page) in [
        (BROWSER, true),
        ("text/html", true),
        ("text/html, text/markdown;q=0.9", true),
        ("text/markdown;q=0.5, text/*;q=0.4, text/html", true),
        ("*/*", false),
        ("text/*", false),
        ("text/markdown, text/html", false),
        ("text/plain, text/html", false),
        ("text/html;q=0", false),
        ("image/avif,image/webp,*/*;q=0.8", false),
        ("application/json", false),
        ("", false),
    ] {
        for line in ["GET /guide.md", "GET /docs/Other.MARKDOWN", "HEAD /undated.md", "GET /long.md"] {
            let answered = ask(line, &[("accept", accept)], &[]);
            assert_eq!((answered.status, answered.is_page()), (200, is_page), "{line} {accept}");
            assert!(answered.value("vary").ends_with("Accept"), "{line} {accept}");
            assert_eq!(answered.value("accept-ranges") == "bytes", !is_page, "{line} {accept}");
        }
        for line in ["GET /guide.md?raw", "GET /guide.md?a&raw=1", "GET /large.md", "GET /marks.md"] {
            let answered = ask(line, &[("accept", accept)], &[]);
            assert_eq!((answered.status, answered.is_page()), (200, false), "{line} {accept}");
            assert_eq!(answered.value("content-type"), "text/markdown; charset=utf-8", "{line}");
            assert!(answered.value("vary").ends_with("Accept"), "{line} {accept}");
        }
    }
    assert!(!ask("GET /guide.md", &[], &[]).is_page() && !ask("GET /plain.txt", &[("accept", BROWSER)], &[]).is_page());
    assert!(!ask("GET /guide.md", &[("accept", BROWSER)], &[("MARKDOWN", "")]).is_page());
}

#[test]
fn a_page_has_the_document_and_its_place() {
    let answered = ask("GET /docs/README.md", &[("accept", BROWSER)], &[]);
    let text = answered.text.expect("a page");
    for part in [
        "<title>A guide</title>",
        "<a href=../><svg",
        "<a href=./>docs</a>/<a aria-current=\"page\">README.md</a></h1>",
        "<h2 id=\"a-guide\">",
        "<a href=\"more.md\">more</a>",
        "<a href=?raw>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("<button") && !text.contains("aria-label=\"Contents\""), "{text}");
}

#[test]
fn head_and_conditions_are_those_of_the_page() {
    for (target, options) in [
        ("/guide.md", &[][..]),
        ("/undated.md", &[]),
        ("/guide.md", &[("COMPRESS", "1")]),
        ("/docs/", &[("INDEX", "README.md")]),
    ] {
        let fields = [("accept", BROWSER), ("accept-encoding", "br")];
        let get = ask(&format!("GET {target}"), &fields, options);
        let head = ask(&format!("HEAD {target}"), &fields, options);
        assert_eq!((get.status, &get.fields), (head.status, &head.fields), "{target}");
        let tag = get.value("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let raw = ask(&format!("GET {target}"), &[("accept-encoding", "br")], options);
        assert_ne!(raw.value("etag"), tag, "{target}");
        for method in ["GET", "HEAD"] {
            let again = |accept| [("accept", accept), ("accept-encoding", "br"), ("if-none-match", tag.as_str())];
            let same = ask(&format!("{method} {target}"), &again(BROWSER), options);
            assert_eq!((same.status, same.value("etag")), (304, tag.as_str()), "{target}");
            assert_eq!(same.value("vary"), get.value("vary"), "{target}");
            assert_eq!(ask(&format!("{method} {target}"), &again("*/*"), options).status, 200, "{target}");
        }
        // A page has no ranges, and its date is not that of the file.
        let part =
            [("accept", BROWSER), ("range", "bytes=0-1"), ("if-modified-since", "Sun, 06 Nov 2044 08:49:37 GMT")];
        assert_eq!(ask(&format!("GET {target}"), &part, options).status, 200, "{target}");
    }
    let part = ask("GET /guide.md", &[("range", "bytes=0-1")], &[]);
    assert_eq!((part.status, part.value("vary")), (206, "Accept-Encoding, Accept"));
    let sibling = ask("GET /guide.md", &[("accept-encoding", "br")], &[]);
    assert_eq!((sibling.text.as_deref(), sibling.value("vary")), (Some("BR"), "Accept-Encoding, Accept"));
}

#[test]
fn a_page_is_found_as_an_index_and_by_its_clean_path() {
    let page = |target: &str, options| ask(&format!("GET {target}"), &[("accept", BROWSER)], options);
    let index = &[("INDEX", "index.html,README.md")];
    assert!(page("/docs/", index).is_page() && page("/docs/README.md", index).is_page());
    assert_eq!(page("/docs/?raw", index).text.as_deref(), str::from_utf8(TEXT).ok());
    assert_eq!(ask("GET /docs/", &[], index).value("content-type"), "text/markdown; charset=utf-8");

    let clean = &[("CLEAN_URLS", "1")];
    assert!(page("/guide", clean).is_page() && page("/guide.md", clean).is_page());
    assert_eq!(page("/both", clean).text.as_deref(), Some("<p>page"));
    assert_eq!(ask("GET /guide", &[], clean).text.as_deref(), str::from_utf8(TEXT).ok());
    assert_eq!((page("/guide", &[]).status, page("/.md", clean).status), (404, 404));
}

#[test]
fn a_single_file_and_a_prefix_have_pages() {
    for target in ["/", "/guide.md"] {
        let answered = ask(&format!("GET {target}"), &[("accept", BROWSER)], &[("FILE", "guide.md")]);
        assert!(answered.is_page() && answered.value("content-disposition").is_empty(), "{target}");
    }
    let raw = ask("GET /?raw", &[("accept", BROWSER)], &[("FILE", "guide.md")]);
    assert_eq!(raw.value("content-disposition"), "inline; filename=\"guide.md\"; filename*=UTF-8''guide.md");
    let below = ask("GET /p/q/guide.md", &[("accept", BROWSER)], &[("PREFIX", "/p/q")]);
    assert!(below.text.is_some_and(|text| text.contains("<a>p</a>/<a href=./>q</a>/")));
}

#[test]
fn configured_fields_are_those_of_the_file() {
    let options = &[("HEADER_FOR", "*.md X-A: b"), ("CACHE", "*.md=60"), ("HEADER", "Content-Security-Policy: x")];
    let answered = ask("GET /guide.md", &[("accept", BROWSER)], options);
    assert_eq!((answered.value("X-A"), answered.value("cache-control")), ("b", "max-age=60"));
    assert_eq!(answered.value("content-security-policy"), page::POLICY);
}

#[test]
fn a_page_has_the_script_of_live() {
    let (plain, live) = (
        ask("GET /guide.md", &[("accept", BROWSER)], &[]),
        ask("GET /guide.md", &[("accept", BROWSER)], &[("LIVE", "1")]),
    );
    let tag = "<script src=\"/.glasshouse/live.js\" data-file=\"/guide.md\" defer></script>\n</body>";
    assert!(live.is_page() && live.text.as_ref().is_some_and(|text| text.contains(tag)));
    assert!(plain.text.is_some_and(|text| !text.contains("live.js")));
    assert_ne!(plain.fields.iter().find(|field| field.0 == "etag"), live.fields.iter().find(|field| field.0 == "etag"));
}
