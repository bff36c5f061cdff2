//! Folders as archives, read by other programs: they are complete, continue where a download was interrupted, take
//! little memory at any length, and are aborted when the folder changes.

use crate::conformance::large_files::write_pattern;
use crate::support::client::{BodyFraming, HttpConnection, ResponseHead, get, request};
use crate::support::fixture::{self, MODIFIED, link, put};
use crate::support::proc::memory;
use crate::support::server::{Stack, TestServer};
use crate::support::tools::runs;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::tree::{DirEntries, DirEntry, EntryKind, ListLimits, Metadata, OpenError, OpenedNode, TreeError};
use glasshouse_core::{Body, Config, Request, Tree, answer, at_once};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

crate::support::on_every_stack!(unpacked, resumed, changed, flat);

const FORMS: [&str; 3] = ["tar", "tar.gz", "zip"];

/// What lies below a directory: the content of files and the second of their last change; `None` for directories.
type Below = BTreeMap<String, Option<(Vec<u8>, i64)>>;

/// A folder with everything in it that archives have trouble with, and what of it is to be archived.
fn nasty(root: &Path) -> Below {
    let long = "n".repeat(150);
    let deep = ["d", "e", "f"].map(|letter| letter.repeat(120)).join("/");
    let files = [
        ("plain.txt", b"plain".to_vec(), MODIFIED.0),
        ("a b & <c>.txt", b"spaces".to_vec(), MODIFIED.0),
        ("\u{fc}n\u{ef}/c\u{f6}d\u{e9} \u{1f33f}.txt", b"UTF-8".to_vec(), MODIFIED.0),
        ("new\nline \u{e9}", b"a line break".to_vec(), MODIFIED.0),
        ("-rf", b"an option".to_vec(), MODIFIED.0),
        (&long, b"a long name".to_vec(), MODIFIED.0),
        (&format!("{deep}/file"), b"a long path".to_vec(), MODIFIED.0),
        ("empty", Vec::new(), MODIFIED.0),
        ("epoch", b"1970".to_vec(), 0),
        ("odd-second", b"2001".to_vec(), 1_000_000_001),
        ("sizes/65534", vec![1; 65_534], MODIFIED.0),
        ("sizes/65535", vec![2; 65_535], MODIFIED.0),
        ("sizes/65536", vec![3; 65_536], MODIFIED.0),
        ("sizes/512", vec![4; 512], MODIFIED.0),
        ("sizes/large", (0..1_000_003_u32).flat_map(u32::to_le_bytes).collect(), MODIFIED.0),
        (".well-known/known", b"known".to_vec(), MODIFIED.0),
        ("sorted/a.txt", b"a".to_vec(), MODIFIED.0),
        ("sorted/a/z", b"z".to_vec(), MODIFIED.0),
        ("sorted/B", b"b".to_vec(), MODIFIED.0),
    ];
    let mut below = Below::new();
    for (path, bytes, seconds) in files {
        put(&root.join(path), &bytes, (seconds, 500_000_000));
        for (end, _) in path.match_indices('/') {
            below.insert(path[..end].to_owned(), None);
        }
        below.insert(path.to_owned(), Some((bytes, seconds)));
    }
    for path in ["void", "void-above/void"] {
        fs::create_dir_all(root.join(path)).expect("a directory can be made");
    }
    below.extend(["void", "void-above", "void-above/void"].map(|path| (path.to_owned(), None)));
    put(&root.join(".hidden"), b"hidden", MODIFIED);
    put(&root.join("sorted/.git/config"), b"hidden", MODIFIED);
    link(Path::new("plain.txt"), &root.join("link"));
    link(Path::new("sorted"), &root.join("sizes/link"));
    link(Path::new(".."), &root.join("round"));
    link(Path::new("/etc"), &root.join("out"));
    below
}

fn read(root: &Path) -> Below {
    fn walk(root: &Path, directory: &Path, below: &mut Below) {
        for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
            let path = entry.expect("a directory can be read").path();
            let name = path.strip_prefix(root).expect("it lies below").to_str().expect("a name in UTF-8").to_owned();
            let metadata = fs::symlink_metadata(&path).expect("an entry is there");
            if metadata.is_dir() {
                below.insert(name, None);
                walk(root, &path, below);
            } else {
                assert!(metadata.is_file(), "{path:?} is not a file");
                let seconds = filetime::FileTime::from_last_modification_time(&metadata).unix_seconds();
                below.insert(name, Some((fs::read(&path).expect("a file can be read"), seconds)));
            }
        }
    }
    let mut below = Below::new();
    walk(root, root, &mut below);
    below
}

#[track_caller]
fn assert_same(got: &Below, expected: &Below, who: &str) {
    let names = |below: &Below| below.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(got), names(expected), "{who}");
    for (path, node) in expected {
        assert!(got.get(path) == Some(node), "{who}: {path:?} is another");
    }
}

/// Arguments for an archive, and for a place to unpack it to.
fn filled(arguments: &[&str], archive: &str, to: &str) -> Vec<String> {
    arguments.iter().map(|word| word.replace("ARCHIVE", archive).replace("TO", to)).collect()
}

const UNPACK_TAR: &str = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
const UNPACK_ZIP: &str = "\
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
archive.extractall(sys.argv[2])";

/// Who unpacks what, with which arguments; `true` where the times of files are set as well.
const PROGRAMS: &[(&str, &[&str], &[&str], bool)] = &[
    ("tar", &["tar"], &["-xf", "ARCHIVE", "-C", "TO"], true),
    ("tar", &["tar.gz"], &["-xzf", "ARCHIVE", "-C", "TO"], true),
    ("python3", &["tar", "tar.gz"], &["-c", UNPACK_TAR, "ARCHIVE", "TO"], true),
    ("python3", &["zip"], &["-c", UNPACK_ZIP, "ARCHIVE", "TO"], false),
    ("unzip", &["zip"], &["-qq", "-^", "ARCHIVE", "-d", "TO"], true),
    ("7z", &["tar", "zip"], &["x", "-bd", "-oTO", "ARCHIVE"], true),
];

/// Who looks into what without unpacking it.
const CHECKERS: &[(&str, &str, &[&str])] = &[
    ("tar", "tar", &["-tf", "ARCHIVE"]),
    ("tar", "tar.gz", &["-tzf", "ARCHIVE"]),
    ("unzip", "zip", &["-tqq", "ARCHIVE"]),
    ("7z", "zip", &["t", "ARCHIVE"]),
    ("7z", "tar", &["t", "ARCHIVE"]),
    ("7z", "tar.gz", &["t", "ARCHIVE"]),
];

fn unpacked(stack: Stack) {
    let place = fixture::place();
    let expected: Below = nasty(&place.path().join("www/the folder"))
        .into_iter()
        .map(|(path, node)| (format!("the folder/{path}"), node))
        .chain([("the folder".to_owned(), None)])
        .collect();
    let server = TestServer::start(stack, &place.path().join("www"));
    for form in FORMS {
        let target = format!("/the%20folder/?download={form}");
        let archive = get(server.address(), &target);
        assert_eq!(archive.head.status, 200, "{form}");
        assert_eq!(get(server.address(), &target).body, archive.body, "{form} is another the second time");
        fs::write(place.path().join(form), &archive.body).expect("an archive can be kept");
    }
    for (program, form, arguments) in CHECKERS.iter().filter(|(program, ..)| fixture::is_there(program, "archives")) {
        runs(place.path(), program, &filled(arguments, form, ""));
    }
    for (program, forms, arguments, has_times) in
        PROGRAMS.iter().filter(|(program, ..)| fixture::is_there(program, "archives"))
    {
        for form in *forms {
            let to = format!("{program}-{form}");
            fs::create_dir(place.path().join(&to)).expect("a directory can be made");
            runs(place.path(), program, &filled(arguments, form, &to));
            let mut got = read(&place.path().join(&to));
            if !has_times {
                for (path, node) in &mut got {
                    let seconds = expected.get(path).and_then(Option::as_ref).map_or(0, |(_, seconds)| *seconds);
                    *node = node.take().map(|(bytes, _)| (bytes, seconds));
                }
            }
            assert_same(&got, &expected, &format!("{stack:?}: {form} as {program} unpacks it"));
        }
    }
}

/// Who continues a download that was interrupted, with which arguments.
const CONTINUE: &[(&str, &[&str])] = &[
    ("curl", &["--silent", "--fail", "--continue-at", "-", "--output", "ARCHIVE", "URL"]),
    ("wget", &["--quiet", "--continue", "--output-document=ARCHIVE", "URL"]),
];

fn resumed(stack: Stack) {
    let place = fixture::place();
    nasty(&place.path().join("www/the folder"));
    let server = TestServer::start(stack, &place.path().join("www"));
    for form in ["tar", "zip"] {
        let target = format!("/the%20folder/?download={form}");
        let url = format!("http://{}{target}", server.address());
        let whole = get(server.address(), &target).body;
        for (program, arguments) in CONTINUE.iter().filter(|(program, _)| fixture::is_there(program, "archives")) {
            for kept in [1, 5_000, whole.len() / 2, whole.len() - 10] {
                let name = format!("{program}.{form}");
                let path = place.path().join(&name);
                fs::write(&path, &whole[..kept]).expect("a part can be kept");
                let words: Vec<String> =
                    arguments.iter().map(|word| word.replace("ARCHIVE", &name).replace("URL", &url)).collect();
                runs(place.path(), program, &words);
                let got = fs::read(&path).expect("an archive can be read");
                assert!(got == whole, "{stack:?}: {form} as {program} continues it after {kept} bytes");
            }
        }
    }
}

type Change = fn(&Path);

/// What may happen to a folder while it is sent, and whether the archive can still be had then.
const CHANGES: &[(&str, Change, bool)] = &[
    ("nothing", |_| {}, true),
    ("a file that shrank", |root| cut(&root.join("d/long"), LONG - 1), false),
    ("a file that grew", |root| cut(&root.join("d/long"), LONG + 1), false),
    ("a file that was written over", |root| write_over(&root.join("d/long")), false),
    ("a file that went", |root| fs::remove_file(root.join("d/z/last")).expect("a file can be removed"), false),
    ("a file that came", |root| put(&root.join("d/z/new"), b"new", MODIFIED), false),
    ("a folder that went", |root| fs::remove_dir_all(root.join("d/z")).expect("a folder can be removed"), false),
];

/// Longer than what the sockets between server and client can hold.
const LONG: u64 = 24 << 20;

fn cut(path: &Path, length: u64) {
    File::options().write(true).open(path).and_then(|file| file.set_len(length)).expect("a length can be set");
}

/// Changes a byte of a file, and nothing of its length.
fn write_over(path: &Path) {
    let file = File::options().write(true).open(path).expect("a file can be opened");
    file.write_all_at(b"!", LONG - 1).expect("a file can be written");
}

fn changed(stack: Stack) {
    for form in FORMS {
        let place = fixture::place();
        let root = place.path();
        fs::create_dir(root.join("d")).expect("a directory can be made");
        // What gzip cannot make less of.
        write_pattern(&File::create(root.join("d/long")).expect("a file can be made"), 0..LONG);
        let server = TestServer::start(stack, root);
        let mut cuts = 0;
        for (what, change, is_whole) in CHANGES {
            let _ = fs::remove_dir_all(root.join("d/z"));
            put(&root.join("d/z/last"), b"last", MODIFIED);
            cut(&root.join("d/long"), LONG);
            let (mut connection, framing) = begin(&server, &format!("/d/?download={form}"));
            connection.wait_at_most(Duration::from_secs(60));
            change(root);
            let read = connection.body(framing, |_| {});
            let is_broken = matches!(
                read.as_ref().map_err(io::Error::kind),
                Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
            );
            assert!(read.is_ok() == *is_whole && is_broken != *is_whole, "{stack:?} {form}: {what}, and {read:?}");
            // The log has the folder and the number of bytes.
            cuts += usize::from(!is_whole);
            server.wait_for_stderr("where an archive was cut off", |text| {
                (text.matches("archive of '/d' aborted at '").count() == cuts).then_some(())
            });
        }
        assert_eq!(get(server.address(), "/d/long").body.len() as u64, LONG);
    }
}

/// Asks, and reads no further than the head.
#[track_caller]
fn begin(server: &TestServer, target: &str) -> (HttpConnection, BodyFraming) {
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", target, &[])).expect("the server reads");
    let head: ResponseHead = connection.head().expect("an answer").expect("an answer");
    assert_eq!(head.status, 200, "{target}");
    let framing = BodyFraming::of("GET", &head).expect("framing");
    (connection, framing)
}

/// Far into a file that is much longer than the memory that the server may take.
fn flat(stack: Stack) {
    const LENGTH: u64 = 3 << 30;
    let place = fixture::place();
    File::create(place.path().join("huge")).and_then(|file| file.set_len(LENGTH)).expect("a sparse file can be made");
    let server = TestServer::start(stack, place.path());
    // Zeros in gzip are a thousandth of what they were.
    for (form, length) in [("tar", 256 << 20), ("zip", 256 << 20), ("tar.gz", 128 << 10)] {
        let (mut connection, framing) = begin(&server, &format!("/?download={form}"));
        match framing {
            BodyFraming::Length(all) => {
                assert!(all > LENGTH && all < LENGTH + LENGTH / 10_000, "{form}: {all}");
                assert_eq!(connection.body(BodyFraming::Length(length), |_| {}).expect("the first bytes"), length);
            }
            _ => assert_eq!(connection.body(BodyFraming::Length(length), |_| {}).expect("the first bytes"), length),
        }
    }
    let bound = if stack.is_ours() { 160 << 10 } else { 400 << 10 };
    if let Some(peak) = memory(&server, "VmHWM:") {
        assert!(peak < bound, "{stack:?}: the server took {peak} KiB, which is more than {bound}");
    }
}

/// A folder with one file of zeros that is longer than 32 bits can say, and a small one behind it.
struct Zeros;

const ZEROS: u64 = (4 << 30) + 1;

impl Tree for Zeros {
    type File = u64;

    async fn open(&self, path: &str) -> Result<OpenedNode<u64>, OpenError> {
        let modified = HttpTime::new(MODIFIED.0, 0);
        match path {
            "" => Ok(OpenedNode::Directory),
            "long" => Ok(OpenedNode::File(ZEROS, Metadata::new(ZEROS, modified))),
            "short" => Ok(OpenedNode::File(3, Metadata::new(3, modified))),
            _ => Err(OpenError::Absent),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        match self.open(path).await? {
            OpenedNode::File(_, metadata) => Ok(metadata),
            OpenedNode::Directory => Err(OpenError::Absent),
        }
    }

    async fn read(&self, file: &u64, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        Ok(vec![0; usize::try_from(file.saturating_sub(offset).min(limit)).map_err(|_| OpenError::Absent)?])
    }

    async fn list(&self, _: &str, _: impl Fn(&Name) -> bool, _: ListLimits) -> Result<DirEntries, OpenError> {
        let entries = ["short", "long"].into_iter().filter_map(Name::new);
        Ok(DirEntries { entries: entries.map(|name| DirEntry::new(name, EntryKind::File)).collect(), omitted: 0 })
    }

    async fn stat_entries<'a>(&self, _: &str, _: impl Iterator<Item = &'a mut DirEntry>) -> Result<(), TreeError> {
        Ok(())
    }
}

/// The archive of a tree, in a file that has holes where it is zero. Every piece is in it.
fn pack(tree: &impl Tree, path: &Path) {
    const PAGE: usize = 4096;
    let request = Request::read("GET", Some("/?download=zip"), |_| Vec::new());
    let config = Config { archive_max: u64::MAX, ..Config::default() };
    let reply = at_once(answer(&request, tree, &config)).expect("it never waits");
    let (head, Body::Generated(mut made)) = reply.write(request.method) else { panic!("no archive") };
    let file = File::create(path).expect("a file can be made");
    let mut at = 0;
    while let Some(piece) = at_once(made.next(tree)).expect("it never waits").expect("nothing changes") {
        for part in piece.chunks(PAGE) {
            if part != &[0; PAGE][..part.len()] {
                file.write_all_at(part, at).expect("a file can be written");
            }
            at += part.len() as u64;
        }
    }
    file.set_len(at).expect("a length can be set");
    let length = head.fields.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.clone());
    // For very many files it is not known in advance.
    assert!(length.is_none_or(|length| length == at.to_string().into_bytes()), "{at}");
}

#[test]
fn zip64_is_understood_for_a_file_beyond_32_bits() {
    const CHECK: &str = "\
import sys, zipfile
archive = zipfile.ZipFile('long.zip')
long, short = archive.infolist()
assert (long.filename, long.file_size) == ('archive/long', int(sys.argv[1])), long
assert long.CRC == int(sys.argv[2]) and long.extract_version == 45, long
assert (short.filename, short.file_size, short.extract_version) == ('archive/short', 3, 20), short
assert short.header_offset > 1 << 32, short.header_offset
assert archive.read(short) == bytes(3)
assert archive.open(long).read(100_000) == bytes(100_000)";
    let place = fixture::place();
    pack(&Zeros, &place.path().join("long.zip"));
    // The sum of so many zeros, by other means.
    let mut sum = flate2::Crc::new();
    let block = [0; 1 << 20];
    for _ in 0..ZEROS >> 20 {
        sum.update(&block);
    }
    sum.update(&[0]);
    if fixture::is_there("python3", "archives") {
        runs(place.path(), "python3", &["-c", CHECK, &ZEROS.to_string(), &sum.sum().to_string()]);
    }
    if fixture::is_there("unzip", "archives") {
        let listed = runs(place.path(), "unzip", &["-l", "long.zip"]);
        assert!(listed.contains(&format!(" {ZEROS} ")) || listed.contains(&format!("{ZEROS}  ")), "{listed}");
        runs(place.path(), "unzip", &["-tqq", "long.zip", "archive/short"]);
    }
    if fixture::is_there("7z", "archives") {
        let listed = runs(place.path(), "7z", &["l", "-slt", "long.zip"]);
        assert!(listed.contains(&format!("\nSize = {ZEROS}\n")), "{listed}");
        runs(place.path(), "7z", &["t", "long.zip", "archive/short"]);
    }
}

#[test]
fn zip64_is_understood_for_more_files_than_16_bits_count() {
    const CHECK: &str =
        "import zipfile; archive = zipfile.ZipFile('many.zip'); assert len(archive.namelist()) == 70_000";
    let place = fixture::place();
    let mut tree = MemoryTree::default();
    for index in 0..70_000 {
        tree.insert(&index.to_string(), MemoryNode::File(Vec::new(), None));
    }
    pack(&tree, &place.path().join("many.zip"));
    if fixture::is_there("python3", "archives") {
        runs(place.path(), "python3", &["-c", CHECK]);
    }
    if fixture::is_there("unzip", "archives") {
        runs(place.path(), "unzip", &["-tqq", "many.zip"]);
    }
    if fixture::is_there("7z", "archives") {
        runs(place.path(), "7z", &["t", "many.zip"]);
    }
}
