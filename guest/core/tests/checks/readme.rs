//! Properties of a page with a README.md from a stranger, and of a Markdown file as a page: its markup is known, and
//! none of it acts.

use super::html;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};

/// The text of a README.md.
pub fn readme(bytes: &[u8]) {
    let mut tree = MemoryTree::default();
    tree.insert("README.md", MemoryNode::File(bytes.to_vec(), None));
    let page = page(&tree, "/").expect("a listing is a page");
    assert_eq!(page.links.len(), 1, "{page:?}");

    // A file with a hundred thousand marks is sent as it is.
    let Some(page) = self::page(&tree, "/README.md") else { return };
    assert!(!page.title.trim().is_empty(), "{page:?}");
    for link in page.others.iter().filter(|link| link.starts_with("#fn")) {
        // An author may write such a link too.
        let is_there = page.ids.contains(link.trim_start_matches('#'));
        assert!(is_there || bytes.windows(3).any(|window| window == b"#fn"), "{link}: {page:?}");
    }
}

/// The page that a browser gets, or `None` for a file.
fn page(tree: &MemoryTree, target: &str) -> Option<html::Page> {
    let config = Config { markdown: true, ..Config::default() };
    let accept = |name: &str| if name == "accept" { vec![b"text/html".to_vec()] } else { Vec::new() };
    let request = Request::read("GET", Some(target), accept);
    let reply = at_once(answer(&request, tree, &config)).expect("a tree in memory does not wait");
    let page = match reply.write(request.method).1 {
        Body::Bytes(page) => page,
        Body::File(..) | Body::Nothing => return None,
        Body::Generated(body) => panic!("{body:?}"),
    };
    let page = str::from_utf8(&page).expect("a page is UTF-8");
    Some(html::read(page).unwrap_or_else(|error| panic!("{error}\n{page}")))
}
