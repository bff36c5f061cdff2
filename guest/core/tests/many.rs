//! A directory of any size is listed up to the limit, and its other entries are counted in pieces, because a host
//! limits the time of each step.

use glasshouse_core::http::accept::Coding;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Head, Request, answer, at_once};

const ENTRIES: usize = 450_000;

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::default();
    for index in 0..ENTRIES {
        tree.insert(&format!("entry-{index:06}"), MemoryNode::File(Vec::new(), None));
    }
    tree.insert(".hidden", MemoryNode::File(Vec::new(), None));
    tree
}

/// The head of the response, and the pieces of its body.
fn ask(tree: &MemoryTree, target: &str, coding: Option<Coding>, config: &Config) -> (Head, Vec<Vec<u8>>) {
    let accept = |name: &str| match (name, coding) {
        ("accept-encoding", Some(coding)) => vec![coding.token().as_bytes().to_vec()],
        _ => Vec::new(),
    };
    let request = Request::read("GET", Some(target), accept);
    let Some(reply) = at_once(answer(&request, tree, config)) else { panic!("memory never waits") };
    let (head, body) = reply.write(request.method);
    let mut pieces = Vec::new();
    match body {
        Body::Bytes(bytes) => pieces.push(bytes),
        Body::Generated(mut generated) => {
            while let Some(piece) =
                at_once(generated.next(tree)).expect("memory never waits").expect("nothing is cut off")
            {
                pieces.push(piece);
            }
        }
        body => panic!("{target}: {body:?}"),
    }
    (head, pieces)
}

#[test]
fn omitted_entries_are_counted_while_the_listing_is_sent() {
    let tree = tree();
    for shown in [2, 3_000, 250_000] {
        let config = Config { listing_max: shown, compress: true, ..Config::default() };
        let omitted = ENTRIES - shown;
        for (target, end) in [
            ("/", format!("<p class=\"note\">{omitted} more entries are not shown.</p>")),
            ("/?sort=size&order=desc", format!("<p class=\"note\">{omitted} more entries are not shown.</p>")),
            ("/?format=json", format!("],\"omitted\":{omitted},\"stopped\":null}}\n")),
            ("/?sort=size&format=text", format!(" {omitted} more entries are not shown\n")),
            ("/?format=text", format!(" {omitted} more entries are not shown\n")),
        ] {
            let (head, pieces) = ask(&tree, target, None, &config);
            assert_eq!(head.status, 200);
            assert!(head.fields.iter().all(|(name, _)| name != "etag" && name != "content-length"), "{target}");
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            let whole = String::from_utf8(pieces.concat()).expect("UTF-8");
            assert!(whole.contains(&end), "{target} of {shown}: {}", &whole[whole.len() - 300..]);
            // A limited number of entries is read before the head and with each piece.
            assert!(pieces.len() * 100_000 + shown + 100_000 >= ENTRIES, "{target}: {} pieces", pieces.len());
            if target.ends_with("text") {
                assert!(whole.lines().all(|line| line.starts_with("entry-") || line.starts_with('/')), "{target}");
                assert_eq!(whole.lines().filter(|line| line.starts_with("entry-")).count(), shown);
                assert_eq!(whole.lines().last().map(|line| line.starts_with('/')), Some(true));
            }
            assert_eq!(whole.contains("<table class=\"long\">"), whole.starts_with("<!DOCTYPE"), "{target}");
            let (_, encoded) = ask(&tree, target, Some(Coding::Gzip), &config);
            assert!(encoded.len() + 1 >= pieces.len().min(4), "{target}: signs of life are not kept back");
        }
    }
}

#[test]
fn a_search_of_a_long_directory_reports_its_limit() {
    let (_, pieces) = ask(&tree(), "/?search=entry-&format=json", None, &Config::default());
    assert!(String::from_utf8_lossy(&pieces.concat()).ends_with("\"stopped\":\"hits\"}\n"));
    let (_, pieces) = ask(&tree(), "/?search=none&format=json", None, &Config::default());
    assert!(String::from_utf8_lossy(&pieces.concat()).ends_with("\"stopped\":\"entries\"}\n"));
}

#[test]
fn an_archive_with_too_many_entries_is_refused() {
    for form in ["tar", "tar.gz", "zip"] {
        let request = Request::read("GET", Some(&format!("/?download={form}")), |_| Vec::new());
        let reply = at_once(answer(&request, &tree(), &Config::default())).expect("memory never waits");
        assert_eq!(reply.write(request.method).0.status, 413);
    }
}
