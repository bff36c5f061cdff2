//! Folders that change, and what becomes of their entries.

use crate::site::*;
use glasshouse_core::tree::ListLimits;
use glasshouse_core::tree::OpenedNode;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

fn read(path: &Path, variables: &[(&str, &str)], encode: Encode) -> Result<EncodedSite, PackError> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    EncodedSite::read(Folder::open(path).expect("a folder"), &variables, Times::OfFiles, encode, 1 << 20, &|_| {})
}

/// The image of a site.
fn image(site: &EncodedSite) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    site.write(&PackedLayout { before: Vec::new(), after: Vec::new() }, &mut bytes)?;
    assert_eq!(bytes.len(), site.length() as usize);
    Ok(bytes)
}

#[test]
fn a_file_that_changes_is_an_error() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("a.txt");
    for (change, is_error) in [("equal", false), ("other", true), ("longer than before", true), ("", true)] {
        fs::write(&file, "equal").expect("it can be written");
        let site = read(place.path(), &[], Encode::No).expect("a site");
        fs::write(&file, change).expect("it can be written");
        let written = image(&site);
        assert_eq!(matches!(&written, Err(PackError::Changed { path }) if path == "a.txt"), is_error, "{change}");
    }
    let site = read(place.path(), &[], Encode::No).expect("a site");
    fs::remove_file(&file).expect("it is there");
    assert!(matches!(image(&site), Err(PackError::Read { path, .. }) if path == "a.txt"));
    // A link in its place is another file, also if it leads to equal bytes outside of the folder.
    fs::write(&file, "equal").expect("it can be written");
    let site = read(place.path(), &[], Encode::No).expect("a site");
    let beside = tempfile::NamedTempFile::new().expect("a file");
    fs::write(beside.path(), "equal").expect("it can be written");
    fs::remove_file(&file).expect("it is there");
    symlink(beside.path(), &file).expect("a link can be made");
    assert!(image(&site).is_err());
}

#[test]
fn options_of_the_folder_decide_what_is_packed() {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path();
    fs::create_dir_all(folder.join(".git/objects")).expect("a directory can be made");
    for name in [".git/HEAD", ".git/objects/1", ".env", "a"] {
        fs::write(folder.join(name), name).expect("it can be written");
    }
    let files = |variables: &[(&str, &str)]| read(folder, variables, Encode::No).expect("a site").index.files;
    assert_eq!(files(&[]), ["a"]);
    assert_eq!(files(&[("GLASSHOUSE_HIDDEN", "true")]), [".env", "a", ".git/HEAD", ".git/objects/1"]);
    assert_eq!(files(&[("GLASSHOUSE_HIDDEN", ".git/objects/**")]), ["a", ".git/objects/1"]);
    // The site file is packed for the handler, and cannot show more.
    fs::write(folder.join("glasshouse.toml"), "cache = [\"5\"]\n").expect("it can be written");
    assert_eq!(files(&[]), ["a", "glasshouse.toml"]);
    assert_eq!(files(&[("GLASSHOUSE_NO_SITE_FILE", "1")]), ["a", "glasshouse.toml"]);
    fs::write(folder.join("glasshouse.toml"), "cache = 5 5\n").expect("it can be written");
    assert!(
        matches!(read(folder, &[], Encode::No).err(), Some(PackError::SiteFile(reason)) if reason.contains("line 1"))
    );
}

fn put(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a directory can be made");
        fs::write(path, content).expect("it can be written");
    }
}

#[test]
fn copies_of_hidden_files_are_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path();
    put(folder, &[(".env", "pw"), (".git/config", "token"), ("sub/a", "a"), ("old.wasm", "an earlier component")]);
    for (to, path) in [
        (".env", "config.txt"),
        ("./config.txt", "again.txt"),
        ("../.git//config", "sub/token"),
        ("sub", ".hidden"),
        (".hidden/a", "shown"),
        ("sub/a", "plain"),
        ("old.wasm", "latest.wasm"),
    ] {
        symlink(to, folder.join(path)).expect("a link can be made");
    }
    let copies = |variables: &[(&str, &str)]| {
        let site = read(folder, variables, Encode::No).expect("a site");
        site.copies().iter().map(|copy| (copy.path.clone(), copy.of.clone())).collect::<Vec<_>>()
    };
    let expected = [("again.txt", ".env"), ("config.txt", ".env"), ("sub/token", ".git/config")];
    assert_eq!(copies(&[]), expected.map(|(path, of)| (path.to_owned(), of.to_owned())));
    assert_eq!(copies(&[("GLASSHOUSE_HIDDEN", "true")]), []);
    // A single file may be a link to one that is not hidden.
    let only = |name: &str| read(&folder.join(name), &[], Encode::No).expect("a site").copies().len();
    assert_eq!((only("plain"), only("config.txt")), (0, 1));
    // No link makes the output a part of itself.
    let output = Folder::open(folder).expect("a folder").without(&folder.join("old.wasm"));
    let site = EncodedSite::read(output, &[], Times::OfFiles, Encode::No, 1 << 20, &|_| {}).expect("a site");
    let left_out: Vec<String> = site.left_out().iter().map(ToString::to_string).collect();
    assert!(left_out.contains(&"latest.wasm: the output file".to_owned()), "{left_out:?}");
    assert!(!site.index.files.iter().any(|path| path.ends_with(".wasm")), "{:?}", site.index.files);
}

#[test]
fn a_single_file_is_not_left_out() {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path();
    put(folder, &[("a.wasm", "a")]);
    symlink("a.wasm", folder.join("link")).expect("a link can be made");
    symlink(std::env::current_exe().expect("this program"), folder.join("out")).expect("a link can be made");
    for name in ["a.wasm", "link"] {
        let output = Folder::open(&folder.join(name)).expect("a file").without(&folder.join("a.wasm"));
        let site = EncodedSite::read(output, &[], Times::OfFiles, Encode::No, 1 << 20, &|_| {});
        assert!(matches!(site.err(), Some(PackError::OutputOnly)), "{name}");
    }
    let error = Folder::open(&folder.join("out")).expect_err("it leads out of the folder");
    assert_eq!(rustix::io::Errno::from_io_error(&error), Some(rustix::io::Errno::XDEV));
}

#[test]
fn unreadable_entries_are_left_out() {
    if rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED: entries that may not be read, because root may read all");
    }
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path();
    put(folder, &[("a", "a"), ("secret", "s"), ("closed/x", "x"), ("listed/x", "x"), ("searched/x", "x")]);
    symlink("closed/x", folder.join("link")).expect("a link can be made");
    let set = |mode: [u32; 4]| {
        for (name, mode) in ["secret", "closed", "listed", "searched"].into_iter().zip(mode) {
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("a mode can be set");
        }
    };
    set([0, 0, 0o444, 0o111]);
    let site = read(folder, &[], Encode::No).expect("a site");
    let left_out: Vec<_> = site.left_out().iter().map(|left_out| (left_out.path.as_str(), left_out.reason)).collect();
    let directory = UnpackedReason::UnreadableDirectory;
    let expected = [
        ("closed", directory),
        ("link", UnpackedReason::LinkTarget),
        ("listed", directory),
        ("searched", directory),
        ("secret", UnpackedReason::Unreadable),
    ];
    assert_eq!(left_out, expected);
    assert_eq!(site.index.files, ["a"]);
    let error = Folder::open(&folder.join("secret")).expect_err("nothing else would be packed");
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    // A site file that cannot be read may hide something.
    put(folder, &[("glasshouse.toml", "")]);
    fs::set_permissions(folder.join("glasshouse.toml"), fs::Permissions::from_mode(0o000)).expect("a mode can be set");
    let error = read(folder, &[], Encode::No).err();
    assert!(matches!(error, Some(PackError::Read { path, .. }) if path == "glasshouse.toml"));
    assert!(read(folder, &[("GLASSHOUSE_NO_SITE_FILE", "1")], Encode::No).is_ok());
    set([0o600, 0o700, 0o700, 0o700]);
}

#[test]
fn missing_pages_are_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let folder = place.path();
    put(folder, &[("app.html", "a"), ("empty.html", ""), ("sub/x", "x"), (".hidden.html", "h")]);
    symlink("app.html", folder.join("link.html")).expect("a link can be made");
    let missing = |variables: &[(&str, &str)]| {
        let site = read(folder, variables, Encode::No).expect("a site");
        site.missing_pages().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(missing(&[]), [""; 0]);
    for page in ["app.html", "empty.html", "link.html"] {
        assert_eq!(missing(&[("GLASSHOUSE_SPA", page)]), [""; 0], "{page}");
    }
    for page in ["none.html", "sub", "app.html/x", ".hidden.html"] {
        let text = format!("--spa: no file '{page}' is packed; the option has no effect without it");
        assert_eq!(missing(&[("GLASSHOUSE_SPA", page)]), [text]);
    }
    put(folder, &[("glasshouse.toml", "spa = 'a'\n\nnot-found = 'b'\n")]);
    let effect = "is packed; the option has no effect without it";
    let not_found = format!("glasshouse.toml, line 3, not-found: no file 'b' {effect}");
    let expected = [format!("--spa: no file 'c' {effect}"), not_found];
    assert_eq!(missing(&[("GLASSHOUSE_SPA", "c")]), expected);
    assert_eq!(missing(&[("GLASSHOUSE_NO_SITE_FILE", "1")]), [""; 0]);
    let only = read(&folder.join("app.html"), &[("GLASSHOUSE_SPA", "c")], Encode::No).expect("a site");
    assert_eq!(only.missing_pages(), []);
}

/// Its variants would have other names and other bytes, by which a handler cannot know them.
#[test]
fn the_site_file_has_no_variants() {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("glasshouse.toml"), "# A comment.\n".repeat(100)).expect("it can be written");
    fs::copy(place.path().join("glasshouse.toml"), place.path().join("copy.txt")).expect("it can be copied");
    let site = read(place.path(), &[], Encode::Compressible).expect("a site");
    assert_eq!(site.index.files, ["copy.txt", "glasshouse.toml"]);
}

#[test]
fn variants_decode_to_the_file() {
    let place = tempfile::tempdir().expect("a directory");
    let text = "<p>text that repeats itself</p>\n".repeat(200);
    for (name, content) in [("a.html", text.as_bytes()), ("b.html", b"short"), ("c.png", text.as_bytes())] {
        fs::write(place.path().join(name), content).expect("it can be written");
    }
    let site = read(place.path(), &[], Encode::Compressible).expect("a site");
    assert_eq!(site.index.files, ["a.html", "a.html.br", "a.html.gz", "a.html.zst", "b.html", "c.png"]);
    let (size, length) = (site.size(), text.len() as u64);
    assert_eq!((size.files.count, size.files.bytes, size.variants.count), (3, 2 * length + 5, 3));
    let image = image(&site).expect("an image");
    let tree = PackedTree::new(SiteImage::parse(&image).expect("an image"));
    let content = |path: &str| match at_once(tree.open(path)) {
        Some(Ok(OpenedNode::File(file, _))) => file.bytes,
        other => panic!("{path}: {other:?}"),
    };
    let mut decoded = String::new();
    flate2::read::GzDecoder::new(content("a.html.gz")).read_to_string(&mut decoded).expect("gzip");
    assert_eq!(decoded, text);
    assert_eq!(zstd::bulk::decompress(content("a.html.zst"), text.len()).expect("zstd"), text.as_bytes());
    let mut decoded = String::new();
    brotli::Decompressor::new(content("a.html.br"), 4096).read_to_string(&mut decoded).expect("brotli");
    assert_eq!(decoded, text);
    let listed = at_once(tree.list("", |_| true, ListLimits::keep(9))).expect("ready").expect("a listing");
    assert_eq!(listed.entries.len(), 3);
}
