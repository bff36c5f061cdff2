//! The tree of the rows, as data: on disk for servers and in memory for the core.

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::tree::packed::PackedTree;
use glasshouse_core::tree::packed::image::SiteImage;
use glasshouse_core::tree::packed::index::{ImageEntry, ImageIndex, ImageNode};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What no answer may hold: it lies beside the root.
pub const SECRET: &str = "SECRET-BESIDE-THE-ROOT";

/// 2020-01-02T03:04:05.6Z: the time of the last change of every file without one of its own. The fraction is there to
/// be dropped.
pub const MODIFIED: (i64, u32) = (1_577_934_245, 600_000_000);

/// What lies at a path.
#[derive(Clone, Copy, Debug)]
pub enum FixtureNode {
    File(&'static [u8]),
    /// A file with a time of its own, in seconds since 1970.
    Dated(&'static [u8], i64),
    Directory,
    /// A symbolic link and its target as it is written.
    Link(&'static str),
    /// A symbolic link with the absolute path of a place inside the tree.
    AbsoluteLink(&'static str),
}

use FixtureNode::{AbsoluteLink, Dated, Directory, File, Link};

/// Every byte there is, so that nothing that treats a body as text goes unseen (PY-52).
pub const ALL_BYTES: &[u8] = &{
    let mut bytes = [0; 256];
    let mut byte = 0u8;
    while byte < u8::MAX {
        byte += 1;
        bytes[byte as usize] = byte;
    }
    bytes
};

/// Text that is worth encoding: 4 KiB.
pub const BIG: &[u8] = &{
    let mut bytes = [b'\n'; 4096];
    let mut index = 0;
    while index < 4096 {
        if index % 64 != 63 {
            bytes[index] = b'a' + (index % 23) as u8;
        }
        index += 1;
    }
    bytes
};

/// What passes for nine bytes in gzip, by what it says at its end.
pub const GZIP: &[u8] = b"GZIP, 14 bytes\x09\0\0\0";

/// What passes for nine bytes in Zstandard, by what it says at its start.
pub const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x09ZSTD";

/// What a directory says of itself, and what it must not be able to do.
const README: &[u8] =
    b"# What & why\n\nSee [this](a.txt), *or* [that](javascript:alert(1)).\n\n<script>alert(2)</script>\n";

/// What a site says in its own file.
const SITE_FILE: &[u8] = b"# Rules of this site.\ncache = [\"5\"]\n";

/// The tree. A directory is made for every path above an entry.
pub const TREE: &[(&str, FixtureNode)] = &[
    ("hello.txt", File(b"hello\n")),
    ("empty.txt", File(b"")),
    ("lines.txt", File(b"one\r\ntwo\nthree\r")),
    ("bytes.bin", File(ALL_BYTES)),
    ("noext", File(b"x\n")),
    ("\u{e9}.txt", File(b"acute\n")),
    ("100%.txt", File(b"percent\n")),
    ("a%20b.txt", File(b"decoded twice\n")),
    ("types/f.JPG", File(b"x")),
    ("types/f.PDF", File(b"x")),
    ("types/f.Z", File(b"x")),
    ("types/f.avif", File(b"x")),
    ("types/f.br", File(b"x")),
    ("types/f.bz2", File(b"x")),
    ("types/f.css", File(b"x")),
    ("types/f.csv", File(b"x")),
    ("types/f.go", File(b"x")),
    ("types/f.gz", File(b"x")),
    ("types/f.html", File(b"<p>f\n")),
    ("types/f.js", File(b"x")),
    ("types/f.json", File(b"{}")),
    ("types/f.md", File(b"x")),
    ("types/f.map", File(b"{}")),
    ("types/f.mjs", File(b"x")),
    ("types/f.py", File(b"x")),
    ("types/f.svg", File(b"<svg/>")),
    ("types/f.tar.gz", File(b"x")),
    ("types/f.tgz", File(b"x")),
    ("types/f.unknown", File(b"x")),
    ("types/f.usdz", File(b"x")),
    ("types/f.vue", File(b"<script>x</script>\n")),
    ("types/f.wasm", File(b"x")),
    ("types/f.woff2", File(b"x")),
    ("types/f.xml", File(b"<x/>")),
    ("types/f.xz", File(b"x")),
    ("types/f.zst", File(b"x")),
    ("types/Makefile", File(b"x")),
    ("sub/inner.txt", File(b"inner\n")),
    ("sub/deep/file.txt", File(b"deep\n")),
    ("sub/.git/config", File(b"hidden\n")),
    ("void", Directory),
    ("a dir&<x>/in.txt", File(b"in\n")),
    // Links.
    ("link.txt", Link("hello.txt")),
    ("linkdir", Link("sub")),
    ("linkdir-slash", Link("sub/")),
    ("sub/up.txt", Link("../hello.txt")),
    ("links/broken", Link("nowhere")),
    ("links/escape-absolute", Link("/etc/passwd")),
    ("links/escape-file", Link("../../secret.txt")),
    ("links/escape-dir", Link("../../www-secret")),
    ("links/escape-slash", Link("../../www-secret/")),
    ("links/escape-root", Link("/")),
    ("links/loop", Link("loop")),
    ("links/inside-absolute", AbsoluteLink("hello.txt")),
    ("links/inside", Link("../hello.txt")),
    ("links/inside-dir", Link("../sub/")),
    // Dotfiles.
    (".hidden", File(b"hidden\n")),
    (".well-known/security.txt", File(b"well known\n")),
    ("dots/.hidden", File(b"hidden\n")),
    ("dots/.well-known/x", File(b"x")),
    ("dots/...", File(b"three dots\n")),
    ("dots/shown", File(b"x")),
    // Index files.
    ("withidx/index.html", Dated(b"<p>idx\n", 784_111_777)),
    ("withidx/index.htm", File(b"<p>not this\n")),
    ("withidx/start.html", File(b"<p>start\n")),
    ("withhtm/index.htm", File(b"<p>htm\n")),
    ("withphp/index.php", File(b"<?php\n")),
    ("idxdir/index.html", Directory),
    ("idxlink/index.html", Link("../withidx/index.html")),
    ("idxout/index.html", Link("../../secret.txt")),
    // Listings.
    ("mixed/Zed", File(b"x")),
    ("mixed/alpha", File(b"x")),
    ("mixed/beta", Directory),
    ("mixed/Beta", File(b"x")),
    ("mixed/broken", Link("nowhere")),
    ("mixed/link", Link("../hello.txt")),
    ("mixed/linkdir", Link("../sub")),
    ("mixed/out", Link("../../www-secret")),
    ("names/a b", File(b"1")),
    ("names/a&b;", File(b"2")),
    ("names/a:b", File(b"3")),
    ("names/javascript:alert(1)", File(b"4")),
    ("names/<img src=x onerror=alert(1)>", File(b"5")),
    ("names/\"quoted\" 'x'", File(b"6")),
    ("names/#?%", File(b"7")),
    ("names/tilde~x", File(b"8")),
    ("names/\u{e9}", File(b"9")),
    ("names/back\\slash", File(b"10")),
    ("names/&lt;", File(b"11")),
    ("sizes/file1.txt", File(b"1")),
    ("sizes/file10.txt", Dated(b"1234567890", 1_000_000_000)),
    ("sizes/file2.txt", Dated(b"12", 1_100_000_000)),
    ("lines/a\nb\u{2028}c", File(b"x")),
    ("lines/sub/x", File(b"x")),
    ("deceive/report-\u{202e}fdp.exe", File(b"x")),
    ("deceive/zero\u{200b}width\u{feff}/inside.txt", File(b"x")),
    ("deceive/blank\u{a0}", File(b"x")),
    ("deceive/\u{645}\u{6cc}\u{200c}\u{62e}", File(b"x")),
    ("deceive/heart \u{2764}\u{fe0f}", File(b"x")),
    ("deep/File.txt", File(b"x")),
    ("deep/a/file.txt", File(b"x")),
    ("deep/a/b/other", File(b"x")),
    ("deep/a/b/file-9", File(b"x")),
    ("deep/a/.file/file", File(b"x")),
    ("deep/files/x", File(b"x")),
    ("deep/link-to-file", Link("a/file.txt")),
    ("deep/link", Link("../sizes")),
    ("pics/one.png", File(b"x")),
    ("pics/two & three.JPG", File(b"x")),
    ("pics/four.txt", File(b"x")),
    ("gallery/1.png", File(b"x")),
    ("gallery/2.png", File(b"x")),
    ("gallery/3.png", File(b"x")),
    ("gallery/film.mp4", File(b"x")),
    ("gallery/song.mp3", File(b"x")),
    ("gallery/to-1.png", Link("1.png")),
    ("readme/README.md", File(README)),
    ("readme/Readme.txt", File(b"not this")),
    ("readme-long/readme.md", File(&[b'x'; 300_000])),
    // Two names that spell an end tag with the slash between them.
    ("<script>alert(1)</script>/x", File(b"x")),
    // Directories that a redirect could be led astray with.
    ("evil.com/x", File(b"x")),
    ("\\evil.com/x", File(b"x")),
    ("split\r\nX-Injected: 1/x", File(b"x")),
    ("bad/good.txt", File(b"good\n")),
    // A time that reproducible builds give to all files.
    ("made/large.bin", File(&[b'x'; 64 << 10])),
    ("epoch.txt", Dated(b"x\n", 0)),
    ("epoch/nix.js", Dated(b"v=1;\n", 1)),
    ("epoch/nix.js.gz", Dated(b"GZIP, 14 bytes\x05\0\0\0", 1)),
    ("epoch/zip.bin", Dated(b"0123456789", 315_532_800)),
    ("epoch/npm.txt", Dated(b"x\n", 499_162_500)),
    ("epoch/early.txt", Dated(b"x\n", 2)),
    // Files that lie encoded beside others. Their bytes say which they are.
    ("enc/app.js", File(b"let app;\n")),
    ("enc/app.js.br", File(b"BR")),
    ("enc/app.js.zst", File(ZSTD)),
    ("enc/app.js.gz", File(GZIP)),
    ("enc/old.css", File(b"p{} em{}\n")),
    ("enc/old.css.gz", Dated(GZIP, 784_111_777)),
    ("enc/only.html.gz", File(GZIP)),
    ("enc/pic.png", File(b"PNG")),
    ("enc/pic.png.gz", File(GZIP)),
    ("enc/dir/index.html", File(b"<p>index\n")),
    ("enc/dir/index.html.gz", File(GZIP)),
    // Siblings that cannot be what their names say.
    ("enc/other.csv", File(b"1,2\n3,4\n")),
    ("enc/other.csv.gz", File(GZIP)),
    ("enc/other.csv.zst", File(ZSTD)),
    ("enc/broken.csv", File(b"1,2,3,4\n\n")),
    ("enc/broken.csv.br", File(b"")),
    ("enc/broken.csv.gz", File(b"<html>502 Bad Gateway</html>\n")),
    ("enc/broken.csv.zst", File(b"<html>502 Bad Gateway</html>\n")),
    ("enc/mixed.csv", File(b"1,2,3,4,\n")),
    ("enc/mixed.csv.zst", File(b"not Zstandard")),
    ("enc/mixed.csv.gz", File(GZIP)),
    ("enc/big.txt", File(BIG)),
    // Pages.
    ("pages/app.html", File(b"<p>app\n")),
    ("pages/lost.html", File(b"<p>lost\n")),
    ("pages/about.html", File(b"<p>about\n")),
    ("clean/index.html", File(b"<p>first\n")),
    ("clean/docs.html", File(b"<p>page\n")),
    ("clean/docs/intro.html", File(b"<p>intro\n")),
    ("clean/bare/x", File(b"x")),
    ("clean/lic", File(b"file\n")),
    ("clean/lic.html", File(b"<p>lic\n")),
    ("clean/two.html.html", File(b"<p>two twice\n")),
    // Sites that are served by themselves.
    ("site/glasshouse.toml", File(SITE_FILE)),
    ("site/404.html", File(b"<p>nowhere\n")),
    ("site/style.css", File(b"p{}\n")),
    ("site-bad/glasshouse.toml", File(b"spa = [\n")),
    ("site-bad/x.txt", File(b"x\n")),
    ("site-round/glasshouse.toml", File(b"redirect = [\"/a /b\", \"/b /a\"]\n")),
    ("site-round/x.txt", File(b"x\n")),
    ("site-wide/glasshouse.toml", File(b"hidden = true\n")),
    ("site-wide/.env", File(b"TOKEN=1\n")),
    // Other names of the file of a site.
    ("site-names/glasshouse.toml", File(b"no-readme = false # RULES\n")),
    ("site-names/lnk.toml", Link("glasshouse.toml")),
    ("site-names/enc.js", File(b"let x;\n")),
    ("site-names/enc.js.gz", Link("glasshouse.toml")),
    ("site-names/sub/glasshouse.toml", File(b"an ordinary file\n")),
    ("site-names/sub/lnk", Link("../lnk.toml")),
    ("site-names/sub/index.html", Link("../glasshouse.toml")),
    ("site-names/read/README.md", Link("../glasshouse.toml")),
    ("site-names/404.html", Link("glasshouse.toml")),
];

/// A name that is not UTF-8; only a disk can hold it (PY-26). It lies in `bad/`.
const NOT_UTF8: &[u8] = b"bad\xff.txt";

/// The tree on disk, with secrets beside its root. It goes when this value goes.
pub struct OnDisk {
    place: TempDir,
}

impl OnDisk {
    pub fn new() -> OnDisk {
        let place = place();
        write_tree(place.path());
        OnDisk { place }
    }

    /// The directory to serve.
    pub fn root(&self) -> PathBuf {
        self.place.path().join(ROOT)
    }
}

/// The name of the directory to serve, in a directory with secrets beside it.
pub const ROOT: &str = "www";

/// Writes the tree into an empty directory, with secrets beside its root.
pub fn write_tree(beside: &Path) {
    let root = beside.join(ROOT);
    put(&beside.join("secret.txt"), SECRET.as_bytes(), MODIFIED);
    put(&beside.join("www-secret/secret.txt"), SECRET.as_bytes(), MODIFIED);
    for (path, node) in TREE {
        let path = root.join(path);
        match node {
            File(bytes) => put(&path, bytes, MODIFIED),
            Dated(bytes, seconds) => put(&path, bytes, (*seconds, 0)),
            Directory => std::fs::create_dir_all(&path).expect("a directory can be made"),
            Link(to) => link(Path::new(to), &path),
            AbsoluteLink(to) => link(&root.join(to), &path),
        }
    }
    if cfg!(target_os = "linux") {
        put(&root.join("bad").join(std::ffi::OsStr::from_bytes(NOT_UTF8)), b"bad\n", MODIFIED);
    }
}

/// The entries below a directory, with their paths relative to it.
fn below(root: &str) -> impl Iterator<Item = (&'static str, &'static FixtureNode)> {
    TREE.iter().filter_map(move |(path, node)| {
        let below =
            if root.is_empty() { Some(*path) } else { path.strip_prefix(root).and_then(|path| path.strip_prefix('/')) };
        Some((below?, node))
    })
}

/// The same tree in memory below one of its directories, without what only a disk can hold.
pub fn in_memory(root: &str) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (path, node) in below(root) {
        let file = |bytes: &[u8], (seconds, nanoseconds)| {
            MemoryNode::File(bytes.to_vec(), HttpTime::new(seconds, nanoseconds))
        };
        let node = match node {
            File(bytes) => file(bytes, MODIFIED),
            Dated(bytes, seconds) => file(bytes, (*seconds, 0)),
            Directory => MemoryNode::Directory(MemoryTree::default()),
            Link(to) => MemoryNode::Link((*to).to_owned()),
            AbsoluteLink(to) => MemoryNode::Link(format!("/{to}")),
        };
        tree.insert(path, node);
    }
    tree
}

/// The same tree in a site image.
pub fn packed(root: &str) -> PackedTree<'static> {
    let mut contents = BTreeMap::new();
    let mut entries = Vec::new();
    for (path, node) in below(root) {
        let (bytes, (seconds, nanoseconds)) = match node {
            File(bytes) => (*bytes, MODIFIED),
            Dated(bytes, seconds) => (*bytes, (*seconds, 0)),
            Directory | Link(_) | AbsoluteLink(_) => (&b""[..], MODIFIED),
        };
        let node = match node {
            File(_) | Dated(..) => {
                contents.insert(path.to_owned(), bytes);
                let digest = u128::from_be_bytes(*Sha256::digest(bytes).first_chunk().expect("a digest has 32 bytes"));
                ImageNode::File { length: bytes.len() as u32, digest }
            }
            Directory => ImageNode::Directory(Vec::new()),
            Link(to) => ImageNode::Link((*to).to_owned()),
            AbsoluteLink(_) => ImageNode::DeadLink,
        };
        insert(&mut entries, path, node, HttpTime::new(seconds, nanoseconds));
    }
    let ImageIndex { mut bytes, files, .. } = ImageIndex::encode(&[], entries, None).expect("the tree is small");
    files.iter().for_each(|path| bytes.extend_from_slice(contents[path]));
    PackedTree::new(SiteImage::parse(Box::leak(bytes.into_boxed_slice())).expect("an image"))
}

/// Adds an entry at a path, and the directories above it.
fn insert(entries: &mut Vec<ImageEntry>, path: &str, node: ImageNode, modified: Option<HttpTime>) {
    let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let new = |node| ImageEntry { name: name.to_owned(), modified, is_listed: true, node };
    let Some(rest) = rest else { return entries.push(new(node)) };
    let at = entries.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
        entries.push(new(ImageNode::Directory(Vec::new())));
        entries.len() - 1
    });
    match &mut entries[at].node {
        ImageNode::Directory(below) => insert(below, rest, node, modified),
        other => panic!("{path} is below {other:?}"),
    }
}

/// Says that something is not tested here, past the capture of output that would hide it.
pub fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// Whether a program is there to test something with; `.ci/run` sees to it that all of them are.
pub fn is_there(program: &str, what: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|at| at.join(program).is_file());
    if !found {
        skipped(&format!("{what} with {program}, which is not installed"));
    }
    found
}

/// A directory for one test, readable for a server of another user.
pub fn place() -> TempDir {
    let place = tempfile::Builder::new().prefix("glasshouse-").tempdir().expect("a temporary directory can be made");
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("it can be opened to all");
    place
}

/// Writes a file and the directories above it, changed at `modified` (seconds since 1970, nanoseconds).
#[track_caller]
pub fn put(path: &Path, bytes: &[u8], modified: (i64, u32)) {
    make_above(path);
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let time = filetime::FileTime::from_unix_time(modified.0, modified.1);
    filetime::set_file_mtime(path, time).unwrap_or_else(|error| panic!("{path:?}: {error}"));
}

/// Makes a directory with as many empty files, `file 0` and so on.
#[track_caller]
pub fn put_many(directory: &Path, count: usize) {
    std::fs::create_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
    for index in 0..count {
        let path = directory.join(format!("file {index}"));
        std::fs::File::create(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    }
}

/// Makes a symbolic link and the directories above it.
#[track_caller]
pub fn link(to: &Path, path: &Path) {
    make_above(path);
    symlink(to, path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
}

fn make_above(path: &Path) {
    let above = path.parent().expect("an entry lies in a directory");
    std::fs::create_dir_all(above).unwrap_or_else(|error| panic!("{above:?}: {error}"));
}
