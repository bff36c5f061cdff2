//! Rules of this repository that a compiler does not check.

mod imports;
mod names;
mod wording;

use crate::sandbox::capability::cargo_tree;
use std::fs;
use std::path::{Path, PathBuf};

/// No file is longer than a reader keeps in mind.
const LINES: usize = 450;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// Every file of the repository, without what is built, fetched or hidden.
fn files() -> Vec<PathBuf> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
        for entry in entries {
            let entry = entry.expect("a directory can be read");
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("an entry has a type");
            if name == "target" || name == ".git" || name == "node_modules" {
                continue;
            }
            if kind.is_dir() {
                walk(&path, files);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root(), &mut files);
    files
}

/// The sources, each with its text.
pub fn sources() -> Vec<(PathBuf, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        (path, text)
    };
    rust.map(read).collect()
}

#[track_caller]
fn none(what: &str, wrong: Vec<PathBuf>) {
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

#[test]
fn the_sources_are_found() {
    let sources = sources();
    for directory in ["guest", "host", "tests"] {
        let directory = root().join(directory);
        assert!(sources.iter().any(|(path, _)| path.starts_with(&directory)), "no source in {directory:?}");
    }
}

#[test]
fn every_source_opens_with_what_it_does() {
    let wrong = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    none("without //! in the first line", wrong.map(|(path, _)| path).collect());
}

#[test]
fn no_source_is_long() {
    let wrong = sources().into_iter().filter(|(_, text)| text.lines().count() > LINES);
    none("longer than 450 lines", wrong.map(|(path, _)| path).collect());
}

/// A newcomer reads these two first.
#[test]
fn the_first_documents_are_short() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document can be read");
        assert!(text.lines().count() <= 130, "{document}: {} lines", text.lines().count());
    }
}

/// A test waits for a condition. Where a delay is part of a test, the helper names what it waits for.
#[test]
fn no_test_sleeps() {
    let (root, call) = (root(), concat!("sle", "ep("));
    let is_test = |path: &Path| {
        let path = path.strip_prefix(&root).unwrap_or(path);
        let is_of_crate = !path.starts_with("tests") && path.iter().any(|part| part == "tests");
        // In these checks tokio's clock is paused, so a sleep takes no time.
        let is_paused = path.starts_with("host/http/tests/checks");
        (is_of_crate || path.starts_with("tests/all")) && path != Path::new("tests/all/support/clock.rs") && !is_paused
    };
    let wrong = sources().into_iter().filter(|(path, text)| is_test(path) && text.contains(call));
    none("sleeps outside of tests/all/support/clock.rs", wrong.map(|(path, _)| path).collect());
}

/// A path of one machine does not exist on others.
#[test]
fn no_file_names_a_place_on_one_machine() {
    let mut words = vec![["/ho", "me/"].concat(), ["/Us", "ers/"].concat(), format!("{}/", root().display())];
    words.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1).map(|home| format!("{home}/")));
    let names = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        words.iter().any(|word| text.contains(word))
    };
    none("a path of this machine", files().into_iter().filter(names).collect());
}

#[test]
fn the_core_is_pure() {
    let tree = cargo_tree(&["-p", "glasshouse-core", "-e", "normal"]);
    assert!(tree.contains("glasshouse-core v"), "{tree}");
    for line in tree.lines() {
        let package = line.split(' ').next().unwrap_or_default();
        let impure = ["wasmtime", "tokio", "wasi", "wit-bindgen", "hyper", "rustix", "libc", "getrandom"];
        assert!(!impure.iter().any(|name| package.starts_with(name)), "the core depends on {package}:\n{tree}");
    }
}
