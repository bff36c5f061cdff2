//! Other programs that read listings. Those that follow each link fetch a tree once, and those with rules of their own
//! find each entry. For a program that is too large to install, the test implements its rule.

use crate::conformance::cases::RowOptions;
use crate::support::client::get;
use crate::support::fixture::{self, MODIFIED, link, put};
use crate::support::html::percent_decode;
use crate::support::server::{Setup, Stack, TestServer};
use crate::support::tools::{ends, runs, runs_within};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

const FILES: &[&str] = &[
    "a/b/c/d/deep.bin",
    "a/b/c/d/other.bin",
    "a/b/notes.txt",
    "a/picture.png",
    "a & b/100%/#1.txt",
    "pictures/1.png",
    "pictures/2 & 3.png",
    "pictures/4.png",
    "README.md",
    "top one.bin",
];
/// The options with which each program reads the tree: none, and all that change what is in pages and listings. With
/// `--grid`, `pictures` opens as a grid in browsers.
const OPTIONS: [RowOptions; 2] =
    [&[], &[("GLASSHOUSE_LIVE", "1"), ("GLASSHOUSE_MARKDOWN", "1"), ("GLASSHOUSE_GRID", "1")]];
/// Links of its own, some of which lead up, and one to nowhere.
const README: &[u8] =
    b"# Read me\n\n[deep](a/b/c/), [notes](a/b/notes.txt), [self](./), [up](../), [top](/), [part](#read-me).\n";

/// The tree, with distinct content in each file.
fn plant(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let content = |path: &str| if path == "README.md" { README.to_vec() } else { path.repeat(1000).into_bytes() };
    let files: BTreeMap<_, _> = FILES.iter().map(|path| ((*path).to_owned(), content(path))).collect();
    for (path, bytes) in &files {
        put(&root.join(path), bytes, MODIFIED);
    }
    files
}

fn serve(directory: &Path, options: RowOptions) -> TestServer {
    TestServer::launch(Setup { stack: Stack::Host, directory, options, arguments: &[], unprivileged: false })
}

/// All files below a directory.
fn fetched(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
            let path = entry.expect("a directory can be read").path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file can be read"));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files
}

/// What was asked for and sent with 200, in the order of the log. A client may have a response before the log has it,
/// so this waits for the least number of lines.
fn sent(server: &TestServer, least: usize) -> Vec<String> {
    let request = |line: &str| {
        let (_, rest) = line.split_once("\"GET ")?;
        let (target, rest) = rest.split_once(" HTTP/1.1\" ")?;
        rest.starts_with("200").then(|| target.to_owned())
    };
    server.wait_for_stderr("a line for each response", |log| {
        let sent: Vec<String> = log.lines().filter_map(request).collect();
        (sent.len() >= least).then_some(sent)
    })
}

#[test]
fn wget_brings_a_tree_home_once() {
    if !fixture::is_there("wget", "listings") {
        return;
    }
    let place = fixture::place();
    let root = place.path().join("www");
    let tree = plant(&root);
    let ways = [&["-r", "-np"][..], &["--mirror"]];
    for (number, (how, options)) in ways.iter().flat_map(|how| OPTIONS.map(|options| (*how, options))).enumerate() {
        let server = serve(&root, options);
        let to = format!("got{number}");
        let url = format!("http://{}/", server.address());
        let arguments: Vec<&str> = ["-q", "-nH", "-P", &to].iter().chain(how).copied().chain([&*url]).collect();
        runs(place.path(), "wget", &arguments);
        let mut got = fetched(&place.path().join(&to));
        let responses = got.len();
        got.retain(|path, _| path != "index.html" && !path.ends_with("/index.html"));
        got.remove("robots.txt");
        assert_eq!(got.keys().collect::<Vec<_>>(), tree.keys().collect::<Vec<_>>(), "{how:?}");
        assert!(got == tree, "{how:?}: the content is another");
        let asked = sent(&server, responses);
        let once: BTreeSet<&String> = asked.iter().collect();
        assert_eq!(asked.len(), once.len(), "{how:?}: {asked:?}");
        assert!(asked.iter().all(|target| !target.contains('?')), "{how:?}: {asked:?}");
        if how == ["--mirror"] {
            runs(place.path(), "wget", &arguments);
            let again: Vec<String> = sent(&server, asked.len()).split_off(asked.len());
            assert!(again.iter().all(|target| target.ends_with('/')), "a second time: {again:?}");
        }
    }
}

#[test]
fn lftp_mirrors_a_tree() {
    if !fixture::is_there("lftp", "listings") {
        return;
    }
    let place = fixture::place();
    let root = place.path().join("www");
    let tree = plant(&root);
    for (number, options) in OPTIONS.into_iter().enumerate() {
        let server = serve(&root, options);
        let script = format!("open http://{}/; mirror . got{number}", server.address());
        runs_within(Duration::from_secs(60), place.path(), "lftp", &["-c", &script]);
        let got = fetched(&place.path().join(format!("got{number}")));
        assert!(got == tree, "{options:?}: {:?}", got.keys());
    }
}

#[test]
fn rclone_lists_a_tree() {
    if !fixture::is_there("rclone", "listings") {
        return;
    }
    let place = fixture::place();
    let root = place.path().join("www");
    let tree = plant(&root);
    for options in OPTIONS {
        let server = serve(&root, options);
        let url = format!("http://{}/", server.address());
        let config = place.path().join("rclone.conf").display().to_string();
        let arguments = ["--config", &config, "--http-url", &url, "--files-only", "-R", "lsf", ":http:"];
        let listed = runs(place.path(), "rclone", &arguments);
        let listed: BTreeSet<_> = listed.lines().collect();
        assert_eq!(listed, tree.keys().map(String::as_str).collect(), "{options:?}");
    }
}

const WHEEL: &str = "\
import zipfile
with zipfile.ZipFile('www/demo-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('demo.py', '')
    wheel.writestr('demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')
    wheel.writestr('demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('demo-1.0.dist-info/RECORD', '')";

#[test]
fn pip_finds_what_is_listed() {
    let place = fixture::place();
    let has_pip = || ends(place.path(), "python3", &["-m", "pip", "--version"]).status.success();
    if !fixture::is_there("python3", "listings") || !has_pip() {
        return fixture::skipped("listings with pip, which is not installed");
    }
    fs::create_dir(place.path().join("www")).expect("a directory can be made");
    runs(place.path(), "python3", &["-c", WHEEL]);
    for (number, options) in OPTIONS.into_iter().enumerate() {
        let server = serve(&place.path().join("www"), options);
        let (url, to) = (format!("http://{}/", server.address()), format!("got{number}"));
        let arguments =
            ["-m", "pip", "-q", "download", "--no-index", "--no-deps", "--find-links", &url, "-d", &to, "demo"];
        runs_within(Duration::from_secs(60), place.path(), "python3", &arguments);
        let got: Vec<_> = fetched(&place.path().join(to)).into_keys().collect();
        assert_eq!(got, ["demo-1.0-py3-none-any.whl"], "{options:?}");
    }
}

const FIND: &str = "\
import fsspec, sys
for path in fsspec.filesystem('http').find(sys.argv[1]):
    print(path.removeprefix(sys.argv[1]))";

#[test]
fn fsspec_finds_each_file_once() {
    let place = fixture::place();
    let has_it = || ends(place.path(), "python3", &["-c", "import fsspec, aiohttp"]).status.success();
    if !fixture::is_there("python3", "listings") || !has_it() {
        return fixture::skipped("listings with fsspec, which is not installed");
    }
    let root = place.path().join("www");
    let tree = plant(&root);
    for options in OPTIONS {
        let server = serve(&root, options);
        let url = format!("http://{}/", server.address());
        let found = runs(place.path(), "python3", &["-c", FIND, &url]);
        let decoded = |line: &str| String::from_utf8(percent_decode(line)?).ok();
        let found: Vec<String> = found.lines().filter_map(decoded).collect();
        assert_eq!(found.iter().collect::<BTreeSet<_>>(), tree.keys().collect(), "{options:?}: {found:?}");
    }
}

/// What fsspec takes for an entry: each quoted `href` of an `a` but the one to the directory above.
fn as_fsspec(page: &str) -> BTreeSet<String> {
    let link = |tag: &str| {
        let tag = tag.split('>').next()?;
        let (_, value) = tag
            .strip_prefix(char::is_whitespace)?
            .split_once("href=")
            .filter(|(before, _)| before.is_empty() || before.ends_with(char::is_whitespace))?;
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        value[1..].split_once(quote).map(|(link, _)| link.to_owned())
    };
    page.split("<a").skip(1).filter_map(link).filter(|link| !matches!(link.as_str(), ".." | "../")).collect()
}

/// What Kodi takes for an entry: in each line, a link whose text is what it leads to.
fn as_kodi(page: &str) -> BTreeSet<String> {
    let entry = |line: &str| {
        let (_, line) = line.split_once("<a href=\"")?;
        let (line, _) = line.rsplit_once("</a>")?;
        let (link, text) = line.rsplit_once("\">")?;
        let text = text.replace("&#38;", "&").replace("&#39;", "'");
        let name = String::from_utf8(percent_decode(link)?).ok()?;
        let is_entry = text.trim().trim_end_matches('/') == name.trim_end_matches('/');
        is_entry.then(|| link.to_owned())
    };
    page.lines().filter_map(entry).collect()
}

/// What GDAL takes for an entry: the first link of each line behind one with the title that other servers have, as long
/// as there is a single table.
fn as_gdal(page: &str, directory: &str) -> Option<BTreeSet<String>> {
    let title = format!("<title>Index of {directory}</title>");
    if page.matches("<table").count() > 1 {
        return None;
    }
    let mut lines = page.lines();
    lines.find(|line| line.contains(&title))?;
    let entry = |line: &str| Some(line.split_once("<a href=\"")?.1.split_once('"')?.0.to_owned());
    Some(lines.filter_map(entry).collect())
}

#[test]
fn programs_with_rules_of_their_own_find_each_entry() {
    let place = fixture::place();
    plant(place.path());
    link(Path::new("b"), &place.path().join("a/to-b"));
    link(Path::new("picture.png"), &place.path().join("a/to-picture.png"));
    for options in OPTIONS {
        let server = serve(place.path(), options);
        for (directory, names) in [
            ("/", &["a/", "a%20%26%20b/", "pictures/", "README.md", "top%20one.bin"][..]),
            ("/a/", &["b/", "picture.png", "to-b/", "to-picture.png"]),
            ("/a/b/", &["c/", "notes.txt"]),
            ("/a/b/c/d/", &["deep.bin", "other.bin"]),
            ("/pictures/", &["1.png", "2%20%26%203.png", "4.png"]),
        ] {
            let page = get(server.address(), directory).text();
            // A README has links of its own.
            let listing = page.split("<section class=\"readme\"").next().unwrap_or_default();
            let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(as_fsspec(listing), names, "fsspec in {directory} with {options:?}");
            assert_eq!(as_kodi(&page), names, "Kodi in {directory} with {options:?}");
            assert_eq!(as_gdal(listing, directory).as_ref(), Some(&names), "GDAL in {directory} with {options:?}");
            // fsspec also takes each absolute URL in the text for an entry.
            assert!(
                !listing.contains("http:") && !listing.contains("https:"),
                "fsspec in {directory} with {options:?}"
            );
            let grid = get(server.address(), &format!("{directory}?view=grid")).text();
            let grid = grid.split("<section class=\"readme\"").next().unwrap_or_default();
            assert_eq!(as_fsspec(grid), names, "fsspec in the grid of {directory} with {options:?}");
        }
    }
}
