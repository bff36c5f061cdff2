//! An error of the machine is never taken for an absent file, and a part is never taken for the whole.

use glasshouse_core::config::BodyPath;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, PublicTree, Request, SiteOptions, Truncated, answer, at_once};

const MODIFIED: i64 = 1_577_934_245;

fn put(tree: &mut MemoryTree, path: &str, text: &str) {
    tree.insert(path, MemoryNode::File(text.as_bytes().to_vec(), HttpTime::new(MODIFIED, 0)));
}

/// A tree with one unreadable entry.
fn tree(faulty: &str) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for path in ["page.html", "sub/a.txt", "sub/b.txt", "lost.html", "with/index.htm"] {
        put(&mut tree, path, path);
    }
    for index in 0..5000 {
        put(&mut tree, &format!("many/{index}"), "");
    }
    tree.insert(faulty, MemoryNode::Faulty);
    tree
}

/// The result of a GET: the status, and whether the body is complete.
fn ask(tree: &MemoryTree, target: &str, options: &[(&str, &str)]) -> (u16, Result<usize, Truncated>) {
    let pairs = options.iter().map(|(key, value)| (format!("GLASSHOUSE_{key}"), (*value).to_owned()));
    let Ok(site) = SiteOptions::new(pairs) else { panic!("{options:?} have a meaning") };
    assert_eq!(site.body(), BodyPath::Pumped);
    let request = Request::read("GET", Some(target), |name| match name {
        "accept" => vec![b"text/html".to_vec()],
        "accept-encoding" => vec![b"br, gzip".to_vec()],
        _ => Vec::new(),
    });
    let tree = &PublicTree::new(tree.clone());
    let answered = at_once(async {
        let Some(config) = site.config(tree, |error| panic!("{error}")).await else { return (500, Ok(0)) };
        let (head, body) = answer(&request, tree, &config).await.write(request.method);
        let refused = head.status >= 500;
        for name in ["etag", "last-modified", "cache-control"] {
            assert!(!refused || head.fields.iter().all(|(field, _)| field != name), "{target}: {name}");
        }
        let mut length = 0;
        if let Body::Generated(mut generated) = body {
            loop {
                match generated.next(tree).await {
                    Ok(Some(piece)) => length += piece.len(),
                    Ok(None) => break,
                    Err(cut) => return (head.status, Err(cut)),
                }
            }
        }
        (head.status, Ok(length))
    });
    answered.unwrap_or_else(|| panic!("{target}: memory never waits"))
}

/// The unreadable entry, the target, and the options.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn a_fault_is_a_500() {
    let rows: &[Row] = &[
        ("file", "/file", &[]),
        ("folder", "/folder/", &[]),
        ("folder", "/folder/below", &[]),
        ("page.html.br", "/page.html", &[]),
        ("page.html.gz", "/page.html", &[]),
        ("about.html", "/about", &[("CLEAN_URLS", "1")]),
        ("guide.md", "/guide.md", &[("MARKDOWN", "1")]),
        ("guide.md", "/guide", &[("MARKDOWN", "1"), ("CLEAN_URLS", "1")]),
        ("with/index.html", "/with/", &[]),
        ("sub/c.txt", "/sub/", &[]),
        ("sub/c.txt", "/sub/?format=json", &[]),
        ("sub/c.txt", "/sub/?sort=size", &[]),
        ("sub/README.md", "/sub/", &[]),
        ("sub/c.txt", "/?search=c", &[]),
        ("sub/c.txt", "/?download=zip", &[]),
        ("sub/c.txt", "/sub/?download=tar.gz", &[]),
        // A 404 page suggests similar names.
        ("sub/d.txt", "/sub/e.txt", &[]),
        ("app.html", "/route", &[("SPA", "/app.html")]),
        ("lost.htm", "/none", &[("NOT_FOUND", "/lost.htm")]),
        // The options do not matter.
        ("glasshouse.toml", "/page.html", &[]),
    ];
    for (faulty, target, options) in rows {
        assert_eq!(ask(&tree(faulty), target, options).0, 500, "{target} beside {faulty}");
        // A file has no entries.
        let mut whole = tree("page.html/nothing");
        match *faulty {
            "folder" => put(&mut whole, "folder/below", "x"),
            "glasshouse.toml" => put(&mut whole, faulty, "index = \"x\""),
            _ => put(&mut whole, faulty, "x"),
        }
        assert!(ask(&whole, target, options).0 < 500, "{target} with {faulty}");
    }
}

#[test]
fn a_listing_in_progress_is_truncated() {
    let (status, ended) = ask(&tree("elsewhere"), "/many/?format=json", &[]);
    assert!(status == 200 && ended.is_ok_and(|length| length > 5000), "{status} {ended:?}");
    for target in ["/many/", "/many/?format=json", "/many/?format=text", "/many/?sort=size"] {
        for faulty in ["many/0", "many/999", "many/4999", "many/README.md"] {
            let cut = (200, Err(Truncated));
            assert_eq!(ask(&tree(faulty), target, &[]), cut, "{target} with {faulty}");
        }
    }
}

#[test]
fn a_fault_elsewhere_changes_nothing() {
    for target in ["/page.html", "/sub/a.txt", "/with/", "/sub/", "/sub/?download=zip"] {
        assert_eq!(ask(&tree("other/fault"), target, &[]).0, 200, "{target}");
    }
    // A fault may affect the suggestions, but a missing file is still a 404.
    assert_eq!(ask(&tree("other/fault"), "/sub/a.tx", &[]).0, 404);
}
