//! The exact bytes of archives, as far as a program that reads them back does not check them.

use super::entry::EntryLength;
use super::format::ArchiveFormat;
use super::left_out::{LeftOut, LeftOutReason};
use super::stream::PIECE;
use super::tar::Tar;
use super::walk::WalkItem;
use super::zip::Zip;
use super::*;
use crate::at_once;
use crate::body::block::Truncated;
use crate::config::Config;
use crate::http::date::HttpTime;
use crate::http::refusal::Refusal;
use crate::http::target::Target;
use crate::number::byte_count;
use crate::tree::memory::{MemoryNode, MemoryTree};

/// The checksum of `123456789`, which descriptions of CRC-32 give.
const SUM: u64 = 0xCBF4_3926;
const MODIFIED: i64 = 784_111_777;

fn item(path: &str, seconds: Option<i64>, size: Option<u64>) -> WalkItem<()> {
    let modified = seconds.and_then(|seconds| HttpTime::new(seconds, 0));
    WalkItem { path: path.to_owned(), modified, file: size.map(|size| ((), size)) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A little-endian number of `length` bytes at `start`.
#[track_caller]
fn little(bytes: &[u8], start: usize, length: usize) -> u64 {
    bytes[start..start + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn tree(files: &[(&str, usize)]) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (path, size) in files {
        tree.insert(path, MemoryNode::File(vec![7; *size], HttpTime::new(MODIFIED, 0)));
    }
    tree
}

#[track_caller]
fn target(raw: &str) -> Target {
    Target::parse(raw).unwrap_or_else(|refusal| panic!("{raw}: {refusal:?}"))
}

fn selection(raw: &str) -> Selection {
    Selection::parse(target(raw).query()).unwrap_or_else(|refusal| panic!("{raw}: {refusal:?}"))
}

#[track_caller]
fn plan(format: ArchiveFormat, raw: &str, tree: &MemoryTree, config: &Config) -> Result<Plan, Refusal> {
    at_once(Plan::make(format, selection(raw), &target(raw), tree, config))
        .unwrap_or_else(|| panic!("memory never waits"))
}

/// The concatenated pieces of an archive, and its result.
fn pack(plan: &Plan, tree: &MemoryTree) -> (Vec<u8>, Result<(), Truncated>) {
    let (mut archive, mut bytes) = (Archive::whole(plan.clone()), Vec::new());
    loop {
        match at_once(archive.next(tree)) {
            Some(Ok(Some(piece))) => {
                assert!(!piece.is_empty() && piece.len() < 2 * 0xFFFF + PIECE, "{}", piece.len());
                bytes.extend(piece);
            }
            Some(Ok(None)) => return (bytes, Ok(())),
            Some(Err(Truncated)) | None => return (bytes, Err(Truncated)),
        }
    }
}

#[test]
fn a_tar_header_is_one_block_with_a_valid_checksum() {
    let head = Tar::default().begin(&item("top/a", Some(MODIFIED), Some(5)));
    assert_eq!(head.len(), 512);
    assert!(head.starts_with(b"top/a\0"));
    assert_eq!(text(&head[100..148]), "0000644\x000000000\x000000000\x0000000000005\x0005657114241\0");
    assert_eq!((head[156], &head[257..265]), (b'0', &b"ustar\x0000"[..]));
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - head[148..156].iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + 8 * u32::from(b' ');
    assert_eq!(text(&head[148..156]), format!("{sum:06o}\0 "));
}

#[test]
fn values_beyond_a_tar_header_are_in_records() {
    let long = format!("top/{}", "a".repeat(97));
    let number = 8 << 30;
    for (item, records) in [
        (item("top/\u{e9}", None, Some(0)), "15 path=top/\u{e9}\n".to_owned()),
        (item(&long, None, Some(0)), format!("111 path={long}\n")),
        (item("top/a", Some(number), Some(0)), "20 mtime=8589934592\n".to_owned()),
        (item("top/a", None, Some(8 << 30)), "19 size=8589934592\n".to_owned()),
        // 99 and 101 bytes: the third digit of the length makes the record longer.
        (
            item(&format!("top/\u{e9}{}", "a".repeat(84)), None, Some(0)),
            format!("99 path=top/\u{e9}{}\n", "a".repeat(84)),
        ),
        (
            item(&format!("top/\u{e9}{}", "a".repeat(85)), None, Some(0)),
            format!("101 path=top/\u{e9}{}\n", "a".repeat(85)),
        ),
    ] {
        let bytes = Tar::default().begin(&item);
        assert_eq!((bytes.len() % 512, bytes[156]), (0, b'x'), "{records}");
        assert_eq!(text(&bytes[512..512 + records.len()]), records);
        assert_eq!(records.split_once(' ').map(|(length, _)| length.parse()), Some(Ok(records.len())));
        assert_eq!(text(&bytes[124..135]), format!("{:011o}", records.len()));
    }
    let folder = Tar::default().begin(&item(&"a".repeat(100), None, None));
    assert!(text(&folder[512..]).starts_with(&format!("111 path={}/\n", "a".repeat(100))));
}

#[test]
fn zip64_is_used_only_where_32_bits_are_not_enough() {
    // The largest file whose framed size fits into 32 bits, and one byte more.
    let most = (u64::from(u32::MAX) - 1) / (0xFFFF + 5) * 0xFFFF + ((u64::from(u32::MAX) - 1) % (0xFFFF + 5) - 5);
    for (size, is_large) in [(1, false), (most, false), (most + 1, true), (5 << 30, true)] {
        let mut zip = Zip::default();
        let head = zip.begin(&item("top/a", Some(MODIFIED), Some(size)));
        zip.frame(b"123456789", true, &mut Vec::new());
        let end = zip.end();
        assert_eq!((little(&head, 0, 4), little(&head, 4, 2)), (0x0403_4B50, if is_large { 45 } else { 20 }), "{size}");
        assert_eq!((little(&head, 6, 2), little(&head, 8, 2)), (0x0808, 8));
        let width = if is_large { 8 } else { 4 };
        assert_eq!((end.now.len(), little(&end.now, 4, 4)), (8 + 2 * width, SUM));
        assert_eq!((little(&end.now, 8, width), little(&end.now, 8 + width, width)), (zip::framed(size), size));
        let fields = [little(&end.trailer, 20, 4), little(&end.trailer, 24, 4)];
        assert_eq!(little(&end.trailer, 16, 4), SUM);
        if is_large {
            assert_eq!(fields, [0xFFFF_FFFF; 2]);
            // After 46 bytes and the name: the field, its length, and the size.
            assert_eq!([little(&end.trailer, 51, 2), little(&end.trailer, 53, 2)], [1, 16]);
            assert_eq!([little(&end.trailer, 55, 8), little(&end.trailer, 63, 8)], [size, zip::framed(size)]);
        } else {
            assert_eq!(fields, [zip::framed(size), size]);
        }
        // The offset of the next entry.
        let is_far = size > 1;
        zip.begin(&item("top/b", None, Some(0)));
        let later = zip.end().trailer;
        assert_eq!(little(&later, 42, 4) == 0xFFFF_FFFF, is_far);
        let end = zip.finish();
        assert_eq!(end.len(), if is_far { 56 + 20 + 22 } else { 22 }, "{size}");
    }
}

#[test]
fn a_zip_file_can_have_more_entries_than_16_bits_count() {
    for (count, is_large) in [(65_534, false), (65_535, true), (70_000, true)] {
        let mut zip = Zip::default();
        for _ in 0..count {
            zip.begin(&item("a", None, Some(0)));
            zip.end();
        }
        let end = zip.finish();
        assert_eq!(end.len(), if is_large { 56 + 20 + 22 } else { 22 });
        let short = end.len() - 22;
        assert_eq!(little(&end, short + 8, 2), if is_large { 0xFFFF } else { count });
        if is_large {
            assert_eq!([little(&end, 24, 8), little(&end, 32, 8)], [count; 2]);
        }
    }
}

#[test]
fn dates_in_a_zip_file_have_the_precision_of_dos() {
    for (seconds, date, time, has_field) in [
        (None, (1980, 1, 1), (0, 0, 0), false),
        (Some(0), (1980, 1, 1), (0, 0, 0), true),
        (Some(MODIFIED), (1994, 11, 6), (8, 49, 36), true),
        (Some(1 << 31), (2038, 1, 19), (3, 14, 8), false),
        (Some(4_354_819_199), (2107, 12, 31), (23, 59, 58), false),
        (Some(4_354_819_200), (2107, 12, 31), (23, 59, 58), false),
        (Some(253_402_300_799), (2107, 12, 31), (23, 59, 58), false),
    ] {
        let head = Zip::default().begin(&item("a", seconds, Some(1)));
        let (clock, calendar) = (little(&head, 10, 2), little(&head, 12, 2));
        assert_eq!((clock >> 11, clock >> 5 & 63, (clock & 31) * 2), time, "{seconds:?}");
        assert_eq!((1980 + (calendar >> 9), calendar >> 5 & 15, calendar & 31), date, "{seconds:?}");
        assert_eq!(head.len(), 31 + if has_field { 9 } else { 0 }, "{seconds:?}");
        if has_field {
            assert_eq!((little(&head, 31, 2), head[35]), (0x5455, 1));
            assert_eq!(i64::try_from(little(&head, 36, 4)).ok(), seconds);
        }
    }
}

#[test]
fn an_archive_has_the_planned_length() {
    let tree =
        tree(&[("d/a", 0), ("d/b", 1), ("d/c/d", 65_535), ("d/c/e", 65_536), ("d/c/f", 400_000), ("d/g\u{e9}", 512)]);
    for format in [ArchiveFormat::Tar, ArchiveFormat::Zip] {
        let Ok(plan) = plan(format, "/d/", &tree, &Config::default()) else { panic!("{format:?}: there is a plan") };
        let (bytes, end) = pack(&plan, &tree);
        assert_eq!((plan.length(), end), (Some(byte_count(&bytes)), Ok(())), "{format:?}");
        assert_eq!(pack(&plan, &tree), (bytes, Ok(())), "{format:?} is another the second time");
    }
    let gzip = plan(ArchiveFormat::TarGz, "/d/", &tree, &Config::default());
    assert_eq!(gzip.map(|plan| plan.length()), Ok(None));
}

#[test]
fn the_archive_of_a_changed_folder_is_truncated() {
    let before = [("d/a", 10), ("d/b", 200_000), ("d/c", 10)];
    let after: &[&[(&str, usize)]] = &[
        &[("d/a", 10), ("d/b", 200_001), ("d/c", 10)],
        &[("d/a", 10), ("d/b", 199_999), ("d/c", 10)],
        &[("d/a", 10), ("d/b", 200_000)],
        &[("d/a", 10), ("d/b", 200_000), ("d/c", 0)],
        &[("d/a", 10), ("d/b", 200_000), ("d/c", 10), ("d/d", 0)],
        &[],
    ];
    for format in ArchiveFormat::ALL {
        let Ok(plan) = plan(*format, "/d/", &tree(&before), &Config::default()) else { panic!("{format:?}") };
        assert_eq!(pack(&plan, &tree(&before)).1, Ok(()));
        for files in after {
            let (bytes, end) = pack(&plan, &tree(files));
            assert_eq!(end, Err(Truncated), "{format:?} {files:?}");
            assert!(byte_count(&bytes) <= plan.length, "{format:?} {files:?}");
        }
    }
}

#[test]
fn an_archive_beyond_a_limit_is_refused() {
    let tree = tree(&[("d/a", 600), ("d/b/c", 400)]);
    for (max, expected) in [(1000, None), (999, Some(Refusal::TooLarge)), (0, Some(Refusal::TooLarge))] {
        let config = Config { archive_max: max, ..Config::default() };
        for format in ArchiveFormat::ALL {
            assert_eq!(plan(*format, "/d/", &tree, &config).err(), expected, "{format:?} {max}");
        }
    }
    for (depth, expected) in [(127, None), (128, Some(Refusal::TooLarge))] {
        let mut deep = MemoryTree::default();
        let path = vec!["d"; depth].join("/");
        deep.insert(&path, MemoryNode::Directory(MemoryTree::default()));
        assert_eq!(plan(ArchiveFormat::Zip, "/", &deep, &Config::default()).err(), expected, "{depth}");
    }
    let mut many = MemoryTree::default();
    for index in 0..100_001 {
        assert!(index < 100_000 || plan(ArchiveFormat::Tar, "/", &many, &Config::default()).is_ok());
        many.insert(&index.to_string(), MemoryNode::Special);
    }
    assert_eq!(plan(ArchiveFormat::Tar, "/", &many, &Config::default()), Err(Refusal::TooLarge));
    let mut folders = MemoryTree::default();
    for index in 0..20_001 {
        assert!(index < 20_000 || plan(ArchiveFormat::Tar, "/", &folders, &Config::default()).is_ok());
        folders.insert(&index.to_string(), MemoryNode::Directory(MemoryTree::default()));
    }
    assert_eq!(plan(ArchiveFormat::Tar, "/", &folders, &Config::default()), Err(Refusal::TooLarge));
    let mut long = MemoryTree::default();
    long.insert(&"n".repeat(65_600), MemoryNode::Directory(MemoryTree::default()));
    assert_eq!(plan(ArchiveFormat::Zip, "/", &long, &Config::default()), Err(Refusal::TooLarge));
    let none = MemoryTree::default();
    assert_eq!(plan(ArchiveFormat::Zip, "/none/", &none, &Config::default()), Err(Refusal::NotListable));
}

#[test]
fn the_disposition_has_the_name_of_the_folder_in_two_forms() {
    for (path, raw, expected) in [
        ("a", "/", "attachment; filename=\"archive.zip\"; filename*=UTF-8''archive.zip"),
        ("d e/a", "/d%20e/", "attachment; filename=\"d e.zip\"; filename*=UTF-8''d%20e.zip"),
        (
            "\u{e9}\"\\%/a",
            "/%C3%A9%22%5C%25/",
            "attachment; filename=\"____.zip\"; filename*=UTF-8''%C3%A9%22%5C%25.zip",
        ),
        ("a\r\nb/a", "/a%0D%0Ab/", "attachment; filename=\"a__b.zip\"; filename*=UTF-8''a%0D%0Ab.zip"),
    ] {
        let got = plan(ArchiveFormat::Zip, raw, &tree(&[(path, 1)]), &Config::default());
        assert_eq!(got.map(|plan| plan.disposition()), Ok(expected.to_owned()), "{raw}");
    }
}

#[test]
fn a_plan_measures_what_is_written() {
    let paths = ["a".to_owned(), "a".repeat(99), "a".repeat(100), "a".repeat(101), "\u{e9}".repeat(60)];
    let mut measured = Zip::default();
    let mut written = Zip::default();
    for path in &paths {
        for seconds in [None, Some(0), Some(MODIFIED), Some(1 << 31), Some(8 << 30)] {
            for size in
                [None, Some(0), Some(1), Some(511), Some(512), Some(513), Some(70_000), Some(4 << 30), Some(8 << 30)]
            {
                let item = item(path, seconds, size);
                let mut tar = Tar::default();
                let length_of_tar = byte_count(&tar.begin(&item)) + item.size() + byte_count(&tar.end().now);
                assert_eq!(Tar::measure(&item), length_of_tar, "{item:?}");
                let head = byte_count(&written.begin(&item));
                let end = written.end();
                let now = head + zip::framed(item.size()) + byte_count(&end.now);
                let length = EntryLength { now, trailer: byte_count(&end.trailer) };
                assert_eq!(measured.measure(&item), length, "{item:?}");
                assert_eq!(measured.finish(), written.finish(), "{item:?}");
            }
        }
    }
}

/// The files in a tar file without records, and their content.
fn members(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut members = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(512).filter(|(head, _)| head[0] != 0) {
        let field = |from: usize, to: usize| text(&head[from..to]).trim_end_matches('\0').to_owned();
        let size = usize::from_str_radix(&field(124, 136), 8).unwrap_or_else(|error| panic!("{error}"));
        members.push((field(0, 100), text(&rest[..size])));
        bytes = &rest[size.div_ceil(512) * 512..];
    }
    members
}

fn with_what_cannot_be_had(mut tree: MemoryTree) -> MemoryTree {
    tree.insert("d/LEFT-OUT.txt", MemoryNode::File(b"taken".to_vec(), None));
    tree.insert("d/b\u{202e}", MemoryNode::Unreadable(5000));
    tree.insert("d/e/fifo", MemoryNode::Special);
    tree.insert("d/link", MemoryNode::Link("a".into()));
    tree
}

const NOTE: &str = "Left out of this archive:\n\nb⟨U+202E⟩: cannot be read\ne/fifo: neither a file nor a folder\n";

#[test]
fn an_archive_names_what_is_left_out() {
    let tree = with_what_cannot_be_had(tree(&[("d/a", 10), ("d/e/f", 1)]));
    for format in ArchiveFormat::ALL {
        let plan = plan(*format, "/d/", &tree, &Config::default()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let (bytes, end) = pack(&plan, &tree);
        assert_eq!((end, plan.length, plan.is_exact), (Ok(()), byte_count(&bytes), true), "{format:?}");
        if *format == ArchiveFormat::Tar {
            let members = members(&bytes);
            let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["d/LEFT-OUT.txt", "d/a", "d/e/", "d/e/f", "d/LEFT-OUT-2.txt"]);
            assert_eq!(members.last().map(|(_, content)| content.as_str()), Some(NOTE));
        }
    }
    // A file that becomes unreadable after the plan: its line in the note could have its length.
    let plan = plan(ArchiveFormat::Tar, "/d/", &self::tree(&[("d/a", 1), ("d/z/last", 4)]), &Config::default());
    let plan = plan.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let mut gone = self::tree(&[("d/a", 1)]);
    gone.insert("d/z", MemoryNode::Unreadable(4));
    assert_eq!(pack(&plan, &gone).1, Err(Truncated));
    // A folder without readable entries is in the archive.
    let mut nothing = MemoryTree::default();
    nothing.insert("d/shut", MemoryNode::Unreadable(5));
    nothing.insert("d/fifo", MemoryNode::Special);
    nothing.insert("d/link", MemoryNode::Link("shut".into()));
    for format in ArchiveFormat::ALL {
        let plan =
            self::plan(*format, "/d/", &nothing, &Config::default()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        assert_eq!(pack(&plan, &nothing).1, Ok(()), "{format:?}");
    }
    let mut left_out = LeftOut::default();
    for (path, reason) in [
        ("a", LeftOutReason::Unreadable),
        ("l", LeftOutReason::Link),
        ("b", LeftOutReason::Unreadable),
        ("c", LeftOutReason::Special),
        ("d", LeftOutReason::Unlisted),
    ] {
        left_out.add(path, reason);
    }
    assert_eq!(
        left_out.to_string(),
        "2 files that cannot be read, 1 content of a folder that cannot be listed, 1 entry that is neither a file nor \
         a folder, 1 symbolic link: 'a', 'b', 'c' and 1 more"
    );
}

/// A folder with more files than a plan opens: unreadable ones are found while the archive is sent.
#[test]
fn a_plan_of_very_many_files_relies_on_metadata() {
    let mut before = tree(&[("d/a", 10), ("d/e/f", 1)]);
    for index in 0..40_000 {
        before.insert(&format!("d/many/{index}"), MemoryNode::File(Vec::new(), None));
    }
    let before = with_what_cannot_be_had(before);
    for format in ArchiveFormat::ALL {
        let plan = plan(*format, "/d/", &before, &Config::default()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        assert_eq!(plan.length(), None, "{format:?}");
        let (bytes, end) = pack(&plan, &before);
        assert_eq!(end, Ok(()), "{format:?}");
        assert!(byte_count(&bytes) <= plan.length && byte_count(&bytes) + 12_000 > plan.length, "{format:?}");
        if *format == ArchiveFormat::Tar {
            let members = members(&bytes);
            assert_eq!(members.len(), 40_006);
            assert_eq!(members.last().map(|(_, content)| content.as_str()), Some(NOTE));
        }
        let mut after = before.clone();
        after.insert("d/new", MemoryNode::File(Vec::new(), None));
        assert_eq!(pack(&plan, &after).1, Err(Truncated), "{format:?}");
        let config = Config { made_max: plan.length - 1, ..Config::default() };
        assert_eq!(
            at_once(Plan::make(*format, Selection::All, &target("/d/"), &before, &config)),
            Some(Err(Refusal::TooLarge))
        );
    }
}
