//! Checks that SECURITY.md and docs/advisories.md cite tests that exist.

use crate::tidy::{root, sources};
use std::fs;
use std::path::PathBuf;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The lists below headings of the third level, each with its heading.
fn entries(text: &str) -> Vec<&str> {
    text.split("\n### ").skip(1).filter_map(|entry| entry.split("\n\n").next()).collect()
}

/// The items of the list below a heading of the second level.
fn items<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let section = text.split(&format!("\n## {heading}\n")).nth(1).and_then(|rest| rest.split("\n## ").next());
    section.unwrap_or_default().split("\n- ").skip(1).filter_map(|item| item.split("\n\n").next()).collect()
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[track_caller]
fn assert_exists(sources: &[(PathBuf, String)], name: &str, entry: &str) {
    let (file, test) = name.rsplit_once("::").unwrap_or_else(|| panic!("invalid citation '{name}' in {entry}"));
    let file = format!("/{}.rs", file.replace("::", "/"));
    let test = format!("fn {test}(");
    let exists = sources.iter().any(|(path, text)| path.to_string_lossy().ends_with(&file) && text.contains(&test));
    assert!(exists, "there is no test {name}, cited in {entry}");
}

#[test]
fn every_entry_cites_tests_that_exist() {
    let (sources, text) = (sources(), text("SECURITY.md"));
    let (entries, waits) = (entries(&text), items(&text, "Every wait has a timeout"));
    assert!(entries.len() >= 40, "entries: {entries:?}");
    assert!(waits.len() >= 10, "waits: {waits:?}");
    for entry in &entries {
        for label in ["\n- May: ", "\n- Must not: ", "\n- Mechanism: ", "\n- Tests:"] {
            assert!(entry.contains(label), "no '{}' in {entry}", label.trim());
        }
    }
    for entry in entries.into_iter().chain(waits) {
        let (_, tests) = entry.split_once("Tests:").unwrap_or_else(|| panic!("no tests in {entry}"));
        let mut names = quoted(tests).peekable();
        assert!(names.peek().is_some(), "no test in {entry}");
        names.for_each(|name| assert_exists(&sources, name, entry));
    }
}

#[test]
fn advisories_cite_tests_that_exist() {
    let (sources, text) = (sources(), text("docs/advisories.md"));
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("row: ")).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let (_, named) = row.split_once("row: ").unwrap_or_default();
        quoted(named).filter(|name| name.contains("::")).for_each(|name| assert_exists(&sources, name, row));
    }
}
