//! Archives of generated trees, read back with the crates `tar` and `zip`, equal the trees.

use flate2::read::GzDecoder;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::dotfiles::Dotfiles;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

/// The content of a tree by path; `None` for a folder.
type Files = BTreeMap<String, Option<(Vec<u8>, u64)>>;

/// Names of folders and files end in different letters, so that they do not collide. No name has a line break, which
/// the crate `tar` does not support in records. Another test covers such names with other programs.
fn name(end: char) -> impl Strategy<Value = String> {
    let text = prop_oneof!["[ab]", "\u{e9}{1,60}", "[ -~]{1,120}", "\\PC{1,9}", "[\r\t]"];
    text.prop_map(move |text| format!("{}{end}", text.replace('/', "_")))
}

fn file() -> impl Strategy<Value = (String, Option<(Vec<u8>, u64)>)> {
    let size = prop_oneof![Just(0), 1..600_usize, 65_530..65_540_usize, 131_065..131_080_usize, 0..400_000_usize];
    let content = (size, any::<u8>()).prop_map(|(size, first)| {
        (0..size).map(|index| index.wrapping_mul(31).to_le_bytes()[0] ^ first).collect::<Vec<_>>()
    });
    let seconds = prop_oneof![0..5_000_000_000_u64, Just(253_402_300_799)];
    let file = (name('f'), (content, seconds).prop_map(Some));
    let last = prop_oneof![4 => file, 1 => (name('d'), Just(None))];
    (prop::collection::vec(name('d'), 0..4), last).prop_map(|(mut names, (name, node))| {
        names.push(name);
        (names.join("/"), node)
    })
}

fn tree(files: &Files) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (path, node) in files {
        tree.insert(
            path,
            match node {
                Some((bytes, seconds)) => {
                    let modified = i64::try_from(*seconds).ok().and_then(|seconds| HttpTime::new(seconds, 0));
                    MemoryNode::File(bytes.clone(), modified)
                }
                None => MemoryNode::Directory(MemoryTree::default()),
            },
        );
    }
    tree
}

/// The expected content of the archive: every file and folder, below the top folder.
fn expected(files: &Files) -> Files {
    let mut expected = Files::new();
    for (path, node) in files.iter() {
        for (end, _) in path.match_indices('/') {
            expected.insert(format!("archive/{}/", &path[..end]), None);
        }
        let slash = if node.is_some() { "" } else { "/" };
        expected.insert(format!("archive/{path}{slash}"), node.clone());
    }
    if files.is_empty() {
        expected.insert("archive/".to_owned(), None);
    }
    expected
}

/// The archive of a tree. Its length equals Content-Length.
fn archive(tree: &MemoryTree, form: &str) -> Vec<u8> {
    let target = format!("/?download={form}");
    let request = Request::read("GET", Some(&target), |_| Vec::new());
    let config = Config { hidden: Dotfiles::Shown, ..Config::default() };
    let reply = at_once(answer(&request, tree, &config)).expect("memory never waits");
    let (head, body) = reply.write(request.method);
    let Body::Generated(mut generated) = body else { panic!("{head:?}: {body:?}") };
    let mut bytes = Vec::new();
    while let Some(piece) = at_once(generated.next(tree)).expect("memory never waits").expect("nothing changes") {
        bytes.extend(piece);
    }
    let length = head.fields.iter().find(|(name, _)| name == "content-length");
    let length = length.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    assert_eq!(length, (form != "tar.gz").then(|| bytes.len().to_string()), "{form}");
    bytes
}

fn read_tar(bytes: &[u8]) -> Files {
    let mut files = Files::new();
    let mut last = Vec::new();
    for entry in tar::Archive::new(bytes).entries().expect("a tar file") {
        let mut entry = entry.expect("an entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("a path in UTF-8");
        let mut seconds = entry.header().mtime().expect("a time");
        if let Some(records) = entry.pax_extensions().expect("records") {
            for record in records {
                let record = record.expect("a record");
                if record.key() == Ok("mtime") {
                    seconds = record.value().expect("text").parse().expect("a number");
                }
            }
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        let is_folder = entry.header().entry_type().is_dir();
        assert_eq!(entry.header().mode().expect("a mode"), if is_folder { 0o755 } else { 0o644 });
        assert!(files.insert(path.clone(), (!is_folder).then_some((content, seconds))).is_none(), "{path:?} twice");
        in_order(&mut last, &path);
    }
    files
}

fn read_zip(bytes: &[u8]) -> Files {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip file");
    let (mut files, mut last) = (Files::new(), Vec::new());
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).expect("an entry");
        let path = entry.name().expect("a name in UTF-8").into_owned();
        let seconds = entry.extra_data_fields().find_map(|field| match field {
            zip::ExtraField::ExtendedTimestamp(times) => times.mod_time().map(u64::from),
            _ => None,
        });
        let mut content = Vec::new();
        // Reading to the end checks the checksum.
        entry.read_to_end(&mut content).expect("its content");
        let node = (!entry.is_dir()).then_some((content, seconds.unwrap_or(u64::MAX)));
        assert!(files.insert(path.clone(), node).is_none(), "{path:?} twice");
        in_order(&mut last, &path);
    }
    files
}

/// A folder comes before its entries, which are in the byte order of their names.
fn in_order(last: &mut Vec<Vec<u8>>, path: &str) {
    let names: Vec<Vec<u8>> = path.split_terminator('/').map(|name| name.as_bytes().to_vec()).collect();
    assert!(*last < names, "{last:?} before {names:?}");
    *last = names;
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_archive_reads_back_as_its_tree(files in prop::collection::vec(file(), 0..8)) {
        let files: Files = files.into_iter().collect();
        let tree = tree(&files);
        let expected = expected(&files);
        let tar = archive(&tree, "tar");
        prop_assert!(tar.len().is_multiple_of(512) && tar.ends_with(&[0; 1024]));
        prop_assert_eq!(&read_tar(&tar), &expected);
        let mut unpacked = Vec::new();
        GzDecoder::new(archive(&tree, "tar.gz").as_slice()).read_to_end(&mut unpacked).expect("gzip");
        prop_assert!(unpacked == tar);
        // Its times have 32 bits.
        let without_late_times = |(path, node): (String, Option<(Vec<u8>, u64)>)| {
            let limit = |seconds| if i32::try_from(seconds).is_ok() { seconds } else { u64::MAX };
            (path, node.map(|(bytes, seconds)| (bytes, limit(seconds))))
        };
        prop_assert_eq!(read_zip(&archive(&tree, "zip")), expected.into_iter().map(without_late_times).collect::<Files>());
    }
}
