//! Folders that change, and what becomes of their entries.

use crate::site::*;
use glasshouse_core::tree::ListLimits;
use glasshouse_core::tree::OpenedNode;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn read(path: &Path, variables: &[(&str, &str)], encode: Encode) -> Result<Site, PackError> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Site::read(Folder::open(path).expect("a folder"), &variables, Times::OfFiles, encode, 1 << 20, &|_| {})
}

/// The image of a site.
fn image(site: &Site) -> Result<Vec<u8>, PackError> {
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
