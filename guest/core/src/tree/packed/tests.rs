//! A packed tree gives the results of the same tree in memory.

use crate::at_once;
use crate::http::date::HttpTime;
use crate::http::etag::ETag;
use crate::tree::memory::{MemoryNode, MemoryTree};
use crate::tree::packed::PackedTree;
use crate::tree::packed::image::SiteImage;
use crate::tree::packed::index::{ImageEntry, ImageIndex, ImageNode, TooLarge};
use crate::tree::{ListLimits, OpenedNode, Tree};
use proptest::prelude::*;

fn file(name: &str, content: &[u8]) -> ImageEntry {
    let (length, digest) = (content.len() as u32, content.iter().map(|byte| u128::from(*byte)).sum());
    entry(name, ImageNode::File { length, digest })
}

fn entry(name: &str, node: ImageNode) -> ImageEntry {
    ImageEntry { name: name.to_owned(), modified: HttpTime::new(1_577_934_245, 6), is_listed: true, node }
}

fn image(entries: Vec<ImageEntry>, content: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let options = [("GLASSHOUSE_INDEX".to_owned(), "a\nb".to_owned()), ("GLASSHOUSE_CORS".to_owned(), String::new())];
    let ImageIndex { mut bytes, files, length } = ImageIndex::encode(&options, entries, None).expect("a small image");
    files.iter().for_each(|path| bytes.extend(content(path)));
    assert_eq!(bytes.len(), length as usize);
    bytes
}

#[test]
fn an_image_has_its_options_and_files() {
    let mut hidden = file("a.gz", b"zip");
    hidden.is_listed = false;
    let sub = ImageNode::Directory(vec![file("b", b"bee"), entry("up", ImageNode::Link("../a".into()))]);
    let entries = vec![entry("sub", sub), hidden, file("a", b"ay"), entry("dead", ImageNode::DeadLink)];
    let bytes = image(entries, |path| {
        match path {
            "a" => &b"ay"[..],
            "a.gz" => b"zip",
            "sub/b" => b"bee",
            other => panic!("{other}"),
        }
        .to_vec()
    });
    let read = SiteImage::parse(&bytes).expect("an image");
    assert_eq!(
        read.options(),
        [("GLASSHOUSE_INDEX".to_owned(), "a\nb".to_owned()), ("GLASSHOUSE_CORS".to_owned(), String::new())]
    );
    let tree = PackedTree::new(read);
    for (path, content) in [("a", b"ay".as_slice()), ("sub/b", b"bee"), ("sub/up", b"ay"), ("a.gz", b"zip")] {
        let Some(Ok(OpenedNode::File(found, metadata))) = at_once(tree.open(path)) else { panic!("{path}") };
        assert_eq!(found.bytes, content, "{path}");
        assert_eq!(at_once(tree.metadata(path)), Some(Ok(metadata)));
        assert_eq!(metadata.digest, Some(content.iter().map(|byte| u128::from(*byte)).sum()));
    }
    for path in ["dead", "b", "a/b", "sub/nothing", "../a"] {
        assert!(matches!(at_once(tree.open(path)), Some(Err(_))), "{path}");
    }
    let listed = at_once(tree.list("", |_| true, ListLimits::keep(9))).expect("ready").expect("a listing");
    let names: Vec<_> = listed.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a", "dead", "sub"]);
}

#[test]
fn the_tag_of_a_packed_file_is_its_digest() {
    assert_eq!(ETag::of_digest(0xab).to_string(), "\"000000000000000000000000000000ab\"");
}

#[test]
fn an_image_of_4_gib_is_refused() {
    let large = |name: &str| entry(name, ImageNode::File { length: u32::MAX, digest: 0 });
    let refused = ImageIndex::encode(&[], vec![large("a"), large("b")], None).map(|index| index.length);
    assert!(matches!(refused, Err(TooLarge(length)) if length > 2 * u64::from(u32::MAX)), "{refused:?}");
}

/// A directory of random entries, for both trees.
fn directory() -> impl Strategy<Value = Vec<(String, RandomNode)>> {
    let content = prop::collection::vec(any::<u8>(), 0..9);
    let link = prop::sample::select(vec!["a", "b", "../a", "a/b", "../../c", "/a", ".", "b/..", "d"]);
    let leaf = prop_oneof![
        content.prop_map(RandomNode::File),
        link.prop_map(|to| RandomNode::Link(to.to_owned())),
        Just(RandomNode::Special),
    ];
    let name = prop::sample::select(vec!["a", "b", "c", "d", "é"]).prop_map(str::to_owned);
    let named = |node: BoxedStrategy<RandomNode>| prop::collection::vec((name.clone(), node), 0..5);
    let node = leaf.boxed().prop_recursive(3, 24, 5, {
        let name = name.clone();
        move |inner| prop::collection::vec((name.clone(), inner), 0..5).prop_map(RandomNode::Directory)
    });
    named(node.boxed())
}

#[derive(Clone, Debug)]
enum RandomNode {
    File(Vec<u8>),
    Directory(Vec<(String, RandomNode)>),
    Link(String),
    Special,
}

fn in_memory(nodes: &[(String, RandomNode)]) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (name, node) in nodes {
        tree.insert(
            name,
            match node {
                RandomNode::File(content) => MemoryNode::File(content.clone(), HttpTime::new(1_577_934_245, 6)),
                RandomNode::Directory(nodes) => MemoryNode::Directory(in_memory(nodes)),
                RandomNode::Link(to) => MemoryNode::Link(to.clone()),
                RandomNode::Special => MemoryNode::Special,
            },
        );
    }
    tree
}

/// The last of equal names counts, as in [`MemoryTree::insert`].
fn entries(nodes: &[(String, RandomNode)], above: &str, contents: &mut Vec<(String, Vec<u8>)>) -> Vec<ImageEntry> {
    let mut kept: Vec<ImageEntry> = Vec::new();
    for (name, node) in nodes {
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        kept.retain(|entry| entry.name != *name);
        contents.retain(|(known, _)| *known != path && !known.starts_with(&format!("{path}/")));
        kept.push(match node {
            RandomNode::File(content) => {
                contents.push((path, content.clone()));
                file(name, content)
            }
            RandomNode::Directory(nodes) => entry(name, ImageNode::Directory(entries(nodes, &path, contents))),
            RandomNode::Link(to) => entry(name, ImageNode::Link(to.clone())),
            RandomNode::Special => entry(name, ImageNode::Special),
        });
    }
    kept
}

proptest! {
    #[test]
    fn both_trees_agree(nodes in directory(), paths in prop::collection::vec("[abcdé.]{1,2}(/[abcdé.]{1,2}){0,3}", 1..20)) {
        let memory = in_memory(&nodes);
        let mut contents = Vec::new();
        let bytes = image(entries(&nodes, "", &mut contents), |path| {
            contents.iter().find(|(known, _)| known == path).expect("a file").1.clone()
        });
        let packed = PackedTree::new(SiteImage::parse(&bytes).expect("an image"));
        for path in paths.iter().map(String::as_str).chain([""]) {
            let opened = match at_once(memory.open(path)).expect("ready") {
                Ok(OpenedNode::File(content, metadata)) => Ok(Some((content, metadata.size, metadata.modified))),
                Ok(OpenedNode::Directory) => Ok(None),
                Err(error) => Err(error),
            };
            let of_packed = match at_once(packed.open(path)).expect("ready") {
                Ok(OpenedNode::File(file, metadata)) => Ok(Some((file.bytes.to_vec(), metadata.size, metadata.modified))),
                Ok(OpenedNode::Directory) => Ok(None),
                Err(error) => Err(error),
            };
            prop_assert_eq!(&opened, &of_packed, "{}", path);
            let mut listings = [
                at_once(memory.list(path, |_| true, ListLimits::keep(9))).expect("ready"),
                at_once(packed.list(path, |_| true, ListLimits::keep(9))).expect("ready"),
            ];
            if let [Ok(one), Ok(other)] = &mut listings {
                at_once(memory.stat_entries(path, one.entries.iter_mut())).expect("ready").expect("memory");
                at_once(packed.stat_entries(path, other.entries.iter_mut())).expect("ready").expect("memory");
                // Directories in memory have no times.
                other.entries.iter_mut().filter(|entry| entry.is_directory()).for_each(|entry| entry.modified = None);
            }
            let [one, other] = listings;
            prop_assert_eq!(one, other, "{}", path);
        }
    }

    #[test]
    fn no_bytes_do_harm(mut nodes in directory(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        nodes.push(("a".to_owned(), RandomNode::File(vec![1, 2, 3])));
        let mut contents = Vec::new();
        let mut bytes = image(entries(&nodes, "", &mut contents), |path| {
            contents.iter().find(|(known, _)| known == path).expect("a file").1.clone()
        });
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let Some(image) = SiteImage::parse(&bytes) else { return Ok(()) };
        image.options();
        let tree = PackedTree::new(image);
        for path in ["", "a", "b/c", "é/a/b"] {
            let _ = (at_once(tree.open(path)), at_once(tree.metadata(path)), at_once(tree.list(path, |_| true, ListLimits::keep(9))));
        }
    }
}
