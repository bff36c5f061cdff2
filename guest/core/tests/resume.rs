//! Downloads of archives continue where they were interrupted: every range has the bytes of the whole archive.

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::tree::{DirEntries, DirEntry, EntryKind, ListLimits, Metadata, OpenError, OpenedNode, TreeError};
use glasshouse_core::{Body, Config, Head, Request, Tree, Truncated, answer, at_once};
use std::cell::Cell;

const MODIFIED: i64 = 784_111_777;
const FORMS: [&str; 2] = ["tar", "zip"];
const TAR: &str = "/?download=tar";

fn config() -> Config {
    Config { archive_max: u64::MAX, made_max: u64::MAX, ..Config::default() }
}

/// Numbers that look random (the constants of Knuth's MMIX).
fn numbers() -> impl Iterator<Item = u64> {
    let next = |last: &u64| Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(next(&1), next).map(|number| number >> 33)
}

/// Small files in folders of up to three levels, and after every 99 of them a long one.
fn tree(files: usize) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (index, number) in numbers().take(files).enumerate() {
        let path = match number % 3 {
            0 => format!("file {index}"),
            1 => format!("{}/{index}", number % 7),
            _ => format!("{}/\u{e9}{}/{index}", number % 7, number % 5),
        };
        let size = if index % 100 == 99 { 65_536 + number % 200_000 } else { number % 90 };
        let content = (0..size).map(|byte| (byte.wrapping_mul(31) ^ number).to_le_bytes()[0]).collect();
        tree.insert(&path, MemoryNode::File(content, HttpTime::new(MODIFIED + (number % 1000) as i64, 5)));
    }
    tree
}

fn ask<T: Tree>(tree: &T, target: &str, fields: &[(&str, &str)]) -> (Head, Body<T::File>) {
    let values = |asked: &str| {
        let values = fields.iter().filter(|(name, _)| *name == asked);
        values.map(|(_, value)| value.as_bytes().to_vec()).collect()
    };
    let request = Request::read("GET", Some(target), values);
    let reply = at_once(answer(&request, tree, &config())).expect("memory never waits");
    reply.write(request.method)
}

/// The pieces of a body, and how it ends.
fn pieces<T: Tree>(tree: &T, body: Body<T::File>) -> (Vec<Vec<u8>>, Result<(), Truncated>) {
    let Body::Generated(mut generated) = body else { return (Vec::new(), Ok(())) };
    let mut pieces = Vec::new();
    loop {
        match at_once(generated.next(tree)).expect("memory never waits") {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => return (pieces, Ok(())),
            Err(Truncated) => return (pieces, Err(Truncated)),
        }
    }
}

/// The status and the bytes of a response with the announced length.
fn get<T: Tree>(tree: &T, target: &str, fields: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let (head, body) = ask(tree, target, fields);
    if let Body::Bytes(bytes) = body {
        return (head.status, bytes);
    }
    let (pieces, end) = pieces(tree, body);
    assert_eq!(end, Ok(()), "{target} {fields:?}");
    assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() < 300_000));
    let bytes = pieces.concat();
    if head.status != 304 {
        assert_eq!(value(&head, "content-length"), Some(bytes.len().to_string()), "{target} {fields:?}");
    }
    (head.status, bytes)
}

fn value(head: &Head, name: &str) -> Option<String> {
    let field = head.fields.iter().find(|(known, _)| known == name);
    field.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

fn tag<T: Tree>(tree: &T, target: &str) -> Option<String> {
    value(&ask(tree, target, &[]).0, "etag")
}

#[track_caller]
fn assert_resumes(tree: &MemoryTree, offsets: usize) {
    for form in FORMS {
        let target = format!("/?download={form}");
        let (status, whole) = get(tree, &target, &[]);
        assert_eq!(status, 200);
        let length = whole.len();
        // Every byte of the end, where the directory of a zip file is, and others anywhere.
        let end = (1..=30).map(|back| length - back);
        let anywhere = numbers().map(|number| number as usize % length);
        for offset in [0].into_iter().chain(end).chain(anywhere).take(offsets) {
            let (status, bytes) = get(tree, &target, &[("range", &format!("bytes={offset}-"))]);
            assert_eq!(status, 206);
            assert!(bytes == whole[offset..], "{form} from {offset} of {length}");
        }
        for (start, size) in numbers().zip(numbers().skip(7)).take(offsets / 10) {
            let start = start as usize % length;
            let end = (start + size as usize % 70_000).min(length - 1);
            let (status, bytes) = get(tree, &target, &[("range", &format!("bytes={start}-{end}"))]);
            assert_eq!(status, 206);
            assert!(bytes == whole[start..=end], "{form} from {start} to {end} of {length}");
        }
    }
}

#[test]
fn an_archive_continues_at_any_offset() {
    assert_resumes(&tree(200), 1_000);
}

#[test]
fn an_archive_of_many_files_continues() {
    let offsets = if std::env::var_os("GLASSHOUSE_TORTURE").is_some() { 1_000 } else { 35 };
    assert_resumes(&tree(10_000), offsets);
}

#[test]
fn an_archive_with_a_note_continues() {
    let mut tree = tree(20);
    tree.insert("shut", MemoryNode::Unreadable(5_000));
    tree.insert("fifo", MemoryNode::Special);
    tree.insert("link", MemoryNode::Link("shut".into()));
    assert_resumes(&tree, 300);
}

#[test]
fn several_ranges_are_sent_in_the_order_of_the_archive() {
    let tree = tree(450);
    for form in FORMS {
        let target = format!("/?download={form}");
        let (_, whole) = get(&tree, &target, &[]);
        let length = whole.len();
        let ranges = [(length - 30, length - 1), (5, 9), (4_000, 90_000), (100, 100)];
        let value = ranges.map(|(start, end)| format!("{start}-{end}")).join(",");
        let (head, body) = ask(&tree, &target, &[("range", &format!("bytes={value}"))]);
        assert_eq!(head.status, 206);
        let media_type = self::value(&head, "content-type").expect("a type");
        let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect("several ranges");
        let (pieces, end) = pieces(&tree, body);
        assert_eq!(end, Ok(()));
        let mut expected = Vec::new();
        for (start, end) in [ranges[1], ranges[3], ranges[2], ranges[0]] {
            let media_type = if form == "tar" { "application/x-tar" } else { "application/zip" };
            let range = format!("content-range: bytes {start}-{end}/{length}");
            expected.extend(format!("\r\n--{boundary}\r\ncontent-type: {media_type}\r\n{range}\r\n\r\n").into_bytes());
            expected.extend(&whole[start..=end]);
        }
        expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        assert!(pieces.concat() == expected, "{form}");
        assert_eq!(self::value(&head, "content-length"), Some(expected.len().to_string()));
    }
}

#[test]
fn conditions_and_ranges_are_those_of_files() {
    let tree = tree(20);
    let tag = tag(&tree, TAR).expect("a tag");
    assert!(tag.starts_with('"'), "{tag} is strong");
    let length = get(&tree, TAR, &[]).1.len();
    let (past, part) = (format!("bytes={length}-"), ("range", "bytes=1-5"));
    for (fields, status) in [
        (&[("if-none-match", tag.as_str())][..], 304),
        (&[("if-none-match", "\"x\"")], 200),
        (&[("if-match", &tag)], 200),
        (&[("if-match", "\"x\"")], 412),
        (&[part], 206),
        (&[part, ("if-range", &tag)], 206),
        (&[part, ("if-range", "\"x\"")], 200),
        (&[part, ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")], 200),
        (&[part, ("if-match", "\"x\"")], 412),
        (&[part, ("if-none-match", &tag)], 304),
        (&[("range", &past)], 416),
        (&[part, part], 200),
    ] {
        let (head, _) = ask(&tree, TAR, fields);
        assert_eq!(head.status, status, "{fields:?}");
        if matches!(status, 200 | 206) {
            assert_eq!(value(&head, "etag").as_ref(), Some(&tag), "{fields:?}");
            assert_eq!(value(&head, "accept-ranges").as_deref(), Some("bytes"), "{fields:?}");
            assert!(value(&head, "content-disposition").is_some(), "{fields:?}");
        }
    }
    let (head, _) = ask(&tree, "/?download=tar.gz", &[part]);
    assert_eq!((head.status, value(&head, "etag"), value(&head, "accept-ranges")), (200, None, None));
}

#[test]
fn a_tag_changes_with_each_file() {
    let file = |size, seconds, nanoseconds| MemoryNode::File(vec![1; size], HttpTime::new(seconds, nanoseconds));
    let make = |path: &str, node: MemoryNode| {
        let mut tree = MemoryTree::default();
        tree.insert("d/a", file(3, MODIFIED, 0));
        tree.insert(path, node);
        tree
    };
    let usual = || make("d/b", file(600, MODIFIED, 5));
    let variants = [
        (usual(), "/d/?download=tar"),
        (usual(), "/d/?download=zip"),
        (usual(), "/d/?download=tar&only=b"),
        (usual(), "/?download=tar"),
        (make("d/b", file(601, MODIFIED, 5)), "/d/?download=tar"),
        (make("d/b", file(600, MODIFIED + 1, 5)), "/d/?download=tar"),
        (make("d/b", file(600, MODIFIED, 6)), "/d/?download=tar"),
        (make("d/c", file(600, MODIFIED, 5)), "/d/?download=tar"),
        (make("d/b/c", file(600, MODIFIED, 5)), "/d/?download=tar"),
        (make("d/b", MemoryNode::Directory(MemoryTree::default())), "/d/?download=tar"),
        (make("d/b", MemoryNode::Unreadable(600)), "/d/?download=tar"),
    ];
    let tags: Vec<String> = variants.iter().map(|(tree, target)| tag(tree, target).expect("a tag")).collect();
    for (index, tag) in tags.iter().enumerate() {
        assert!(!tags[..index].contains(tag), "{index}: {tags:?}");
    }
    // Links are not in the archive.
    let mut with_link = usual();
    with_link.insert("d/link", MemoryNode::Link("a".into()));
    assert_eq!(tag(&with_link, "/d/?download=tar"), Some(tags[0].clone()));
    // Two versions of a file could share such a time, except of an empty file.
    for (size, seconds, has_tag) in [(1, 0, false), (1, 315_532_800, false), (0, 0, true), (1, MODIFIED, true)] {
        let tree = make("d/b", file(size, seconds, 0));
        assert_eq!(tag(&tree, "/d/?download=zip").is_some(), has_tag, "{size} {seconds}");
        assert_eq!(get(&tree, "/d/?download=zip", &[("range", "bytes=1-9")]).0, 206);
    }
}

#[test]
fn ranges_of_a_changed_folder_are_truncated() {
    let before = tree(450);
    let mut changes = vec![tree(449), tree(451)];
    for (path, size, seconds) in [("file 0", 5, MODIFIED), ("zz", 5, MODIFIED), ("zz", 6, MODIFIED + 1)] {
        let mut changed = before.clone();
        changed.insert(path, MemoryNode::File(vec![1; size], HttpTime::new(seconds, 0)));
        changes.push(changed);
    }
    let mut with_last = before;
    with_last.insert("zz", MemoryNode::File(vec![1; 5], HttpTime::new(MODIFIED, 5)));
    for form in FORMS {
        let target = format!("/?download={form}");
        let length = get(&with_last, &target, &[]).1.len();
        for range in
            ["bytes=0-9".to_owned(), "bytes=200000-".to_owned(), "bytes=5-6,9-9".to_owned(), "bytes=-1".to_owned()]
        {
            for changed in &changes {
                let (head, body) = ask(&with_last, &target, &[("range", &range)]);
                assert_eq!(head.status, 206);
                let (pieces, end) = pieces(changed, body);
                assert_eq!(end, Err(Truncated), "{form} {range}");
                // A client with all bytes would not see the end.
                assert!(pieces.concat().len() < length, "{form} {range}");
            }
        }
    }
}

/// A long file of zeros and a short one after it. Counts the bytes that are read.
struct Zeros {
    long: u64,
    read: Cell<u64>,
    opened: Cell<u64>,
}

impl Zeros {
    fn new(long: u64) -> Zeros {
        Zeros { long, read: Cell::new(0), opened: Cell::new(0) }
    }

    fn size(&self, path: &str) -> Result<u64, OpenError> {
        match path {
            "long" => Ok(self.long),
            "short" => Ok(3),
            _ => Err(OpenError::Absent),
        }
    }
}

impl Tree for Zeros {
    type File = u64;

    async fn open(&self, path: &str) -> Result<OpenedNode<u64>, OpenError> {
        if path.is_empty() {
            return Ok(OpenedNode::Directory);
        }
        self.opened.set(self.opened.get() + 1);
        let size = self.size(path)?;
        Ok(OpenedNode::File(size, self.metadata(path).await?))
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        Ok(Metadata::new(self.size(path)?, HttpTime::new(MODIFIED, 0)))
    }

    async fn read(&self, file: &u64, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let length = file.saturating_sub(offset).min(limit);
        self.read.set(self.read.get() + length);
        Ok(vec![0; usize::try_from(length).map_err(|_| OpenError::Fault)?])
    }

    async fn list(&self, _: &str, wanted: impl Fn(&Name) -> bool, limits: ListLimits) -> Result<DirEntries, OpenError> {
        let mut listed = DirEntries::default();
        for name in ["short", "long"].into_iter().filter_map(Name::new).filter(|name| wanted(name)) {
            listed.push(DirEntry::new(name, EntryKind::File), limits);
        }
        Ok(listed)
    }

    async fn stat_entries<'a>(
        &self,
        _: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        for entry in entries {
            (entry.size, entry.modified) = (self.size(entry.name.as_str()).ok(), HttpTime::new(MODIFIED, 0));
        }
        Ok(())
    }
}

#[test]
fn files_before_a_range_are_not_read() {
    const LONG: u64 = 5 << 30;
    const MIDDLE: u64 = 3 << 30;
    for (form, range, most) in [
        ("tar", format!("bytes={}-", LONG - 10), 100_000),
        ("tar", "bytes=-5000".to_owned(), 100_000),
        ("tar", "bytes=-1600".to_owned(), 10),
        ("tar", format!("bytes={MIDDLE}-{}", MIDDLE + 1_000_000), 1_200_000),
        ("zip", format!("bytes={MIDDLE}-{}", MIDDLE + 1_000_000), 1_200_000),
        ("zip", "bytes=0-9".to_owned(), 0),
    ] {
        let tree = Zeros::new(LONG);
        let (head, body) = ask(&tree, &format!("/?download={form}"), &[("range", &range)]);
        assert_eq!((head.status, tree.read.get()), (206, 0));
        let opened = tree.opened.get();
        let (pieces, end) = pieces(&tree, body);
        assert_eq!((end, value(&head, "content-length")), (Ok(()), Some(pieces.concat().len().to_string())), "{range}");
        assert!(tree.read.get() <= most, "{form} {range}: {} bytes are read", tree.read.get());
        assert!(tree.opened.get() - opened <= 2, "{form} {range}");
    }
}

/// A host limits the processor time between two pieces.
#[test]
fn bytes_are_sent_while_checksums_are_computed() {
    const LONG: u64 = 100 << 20;
    let tree = Zeros::new(LONG);
    for range in ["bytes=-200", &format!("bytes={LONG}-")] {
        let (_, body) = ask(&tree, "/?download=zip", &[("range", range)]);
        let Body::Generated(mut generated) = body else { panic!("{range}") };
        let (mut before, mut count) = (tree.read.get(), 0);
        while let Some(piece) = at_once(generated.next(&tree)).expect("it never waits").expect("nothing changes") {
            let read = tree.read.get() - before;
            assert!(read < 35 << 20, "{range}: {read} bytes are read for a piece of {}", piece.len());
            (before, count) = (tree.read.get(), count + 1);
        }
        assert!(count > 3, "{range}: {count} pieces");
    }
}

/// The names in a tar file without records.
fn names(mut bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(512).filter(|(head, _)| head[0] != 0) {
        let field = |from: usize, to: usize| String::from_utf8_lossy(&head[from..to]).trim_end_matches('\0').to_owned();
        let size = usize::from_str_radix(&field(124, 136), 8).expect("a size");
        names.push(field(0, 100));
        bytes = &rest[size.div_ceil(512) * 512..];
    }
    names
}

#[test]
fn an_archive_has_the_selected_entries() {
    let mut tree = MemoryTree::default();
    for path in ["d/a", "d/b c", "d/e+f", "d/.hidden", "d/sub/x", "d/sub/y", "d/sub/.hidden", "d/line\nbreak"] {
        tree.insert(path, MemoryNode::File(path.as_bytes().to_vec(), HttpTime::new(MODIFIED, 0)));
    }
    tree.insert("d/link", MemoryNode::Link("a".into()));
    for (query, expected) in [
        ("only=a", Ok(&["d/a"][..])),
        ("only=b+c&only=a&only=a", Ok(&["d/a", "d/b c"])),
        ("only=b%20c&only=e%2Bf", Ok(&["d/b c", "d/e+f"])),
        ("only=sub", Ok(&["d/sub/", "d/sub/x", "d/sub/y"])),
        ("only=sub/&only=a", Ok(&["d/a", "d/sub/", "d/sub/x", "d/sub/y"])),
        ("only=line%0D%0Abreak", Ok(&["d/line\nbreak"])),
        ("only=link", Ok(&["d/"])),
        ("only=e+f", Err(404)),
        ("only=x", Err(404)),
        ("only=a/", Err(404)),
        ("only=a&only=x", Err(404)),
        ("only=.hidden", Err(404)),
        ("only=%FF", Err(404)),
        ("only=", Err(400)),
        ("only=..", Err(400)),
        ("only=.", Err(400)),
        ("only=sub/x", Err(400)),
        ("only=sub%2Fx", Err(400)),
        ("only=a%00", Err(400)),
    ] {
        for form in ["tar", "zip", "tar.gz"] {
            let (head, body) = ask(&tree, &format!("/d/?{query}&download={form}"), &[]);
            assert_eq!(head.status, expected.err().unwrap_or(200), "{query} {form}");
            if let (Ok(expected), "tar") = (expected, form) {
                assert_eq!(names(&pieces(&tree, body).0.concat()), expected, "{query}");
            }
        }
        assert_eq!(ask(&tree, &format!("/d/?{query}"), &[]).0.status, 200, "{query} without an archive");
    }
    // The time of the folder in the archive, and so its tag, follow the selection.
    let tags =
        ["only=a", "only=sub", "only=a&only=sub", ""].map(|query| tag(&tree, &format!("/d/?download=zip&{query}")));
    for (index, tag) in tags.iter().enumerate() {
        assert!(tag.is_some() && !tags[..index].contains(tag), "{tags:?}");
    }
    assert_eq!(tag(&tree, "/d/?download=zip&only=sub/&only=a&only=a"), tags[2]);
    let (_, whole) = get(&tree, "/d/?download=zip&only=a&only=sub", &[]);
    let (_, rest) = get(&tree, "/d/?download=zip&only=a&only=sub", &[("range", "bytes=100-")]);
    assert_eq!(rest, whole[100..]);
}
