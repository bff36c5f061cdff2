//! Properties of a page with a README.md from a stranger: its markup is known, and none of it acts.

use super::html;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};

/// The text of a README.md.
pub fn readme(bytes: &[u8]) {
    let mut tree = MemoryTree::default();
    tree.insert("README.md", MemoryNode::File(bytes.to_vec(), None));
    let request = Request::read("GET", Some("/"), |_| Vec::new());
    let reply = at_once(answer(&request, &tree, &Config::default())).expect("a tree in memory does not wait");
    let Body::Bytes(page) = reply.write(request.method).1 else { panic!("a short listing has its bytes") };
    let page = str::from_utf8(&page).expect("a page is UTF-8");
    let read = html::read(page).unwrap_or_else(|error| panic!("{error}\n{page}"));
    assert_eq!(read.links.len(), 1, "{page}");
}
