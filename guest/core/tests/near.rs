//! A request for a missing file costs the same in a directory of any size.

use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};

/// The 404 page in a directory with this number of entries, and one more that has a similar name.
fn page(entries: usize) -> String {
    let mut tree = MemoryTree::default();
    for index in 0..entries {
        tree.insert(&format!("entry-{index:06}"), MemoryNode::File(Vec::new(), None));
    }
    // A tree in memory lists it last.
    tree.insert("report.txt", MemoryNode::File(Vec::new(), None));
    let page = |name: &str| if name == "accept" { vec![b"text/html".to_vec()] } else { Vec::new() };
    let request = Request::read("GET", Some("/reprot.txt"), page);
    let Some(reply) = at_once(answer(&request, &tree, &Config::default())) else { panic!("memory never waits") };
    let (head, body) = reply.write(request.method);
    let Body::Bytes(page) = body else { panic!("{body:?}") };
    assert_eq!(head.status, 404);
    String::from_utf8_lossy(&page).into_owned()
}

#[test]
fn similar_names_are_searched_among_the_first_entries() {
    assert!(page(0).contains("report.txt"));
    assert!(page(9_999).contains("report.txt"));
    assert!(!page(10_000).contains("report.txt"));
}
