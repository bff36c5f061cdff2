//! A request for a missing file costs the same in a directory of any size.

use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};

/// The page of a name that is not there, among so many entries and one that is close to it.
fn page(entries: usize) -> String {
    let mut tree = MemoryTree::default();
    for index in 0..entries {
        tree.insert(&format!("entry-{index:06}"), MemoryNode::File(Vec::new(), None));
    }
    // In memory it is the last one.
    tree.insert("report.txt", MemoryNode::File(Vec::new(), None));
    let page = |name: &str| if name == "accept" { vec![b"text/html".to_vec()] } else { Vec::new() };
    let request = Request::read("GET", Some("/reprot.txt"), page);
    let Some(reply) = at_once(answer(&request, &tree, &Config::default())) else { panic!("memory never waits") };
    let (head, passage) = reply.write(request.method);
    let Body::Bytes(page) = passage else { panic!("{passage:?}") };
    assert_eq!(head.status, 404);
    String::from_utf8_lossy(&page).into_owned()
}

#[test]
fn close_names_are_looked_for_among_the_first_entries() {
    assert!(page(0).contains("report.txt"));
    assert!(page(9_999).contains("report.txt"));
    assert!(!page(10_000).contains("report.txt"));
}
