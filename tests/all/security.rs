//! Each row of the tables in SECURITY.md and docs/advisories.md cites tests that exist.

use crate::tidy::{root, sources};
use std::fs;
use std::path::PathBuf;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The cells of the table whose head begins like this, row by row.
fn table(head: &str) -> Vec<Vec<String>> {
    let text = text("SECURITY.md");
    let table = text.lines().skip_while(|line| !line.starts_with(head)).take_while(|line| line.starts_with('|'));
    table.skip(2).map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[track_caller]
fn is_there(sources: &[(PathBuf, String)], name: &str, row: &str) {
    let (file, test) = name.rsplit_once("::").unwrap_or_else(|| panic!("'{name}' is no file::test in {row}"));
    let file = format!("/{}.rs", file.replace("::", "/"));
    let test = format!("fn {test}(");
    let is_there = sources.iter().any(|(path, text)| path.to_string_lossy().ends_with(&file) && text.contains(&test));
    assert!(is_there, "there is no {name}, which is to prove {row}");
}

#[test]
fn every_row_names_tests_that_exist() {
    let sources = sources();
    for (head, columns, fewest) in [("| Who |", 5, 15), ("| Waits for |", 4, 10)] {
        let rows = table(head);
        assert!(rows.len() >= fewest, "the table is found: {rows:?}");
        for row in rows {
            assert!(row.len() == columns && row.iter().all(|cell| !cell.is_empty()), "{columns} cells: {row:?}");
            let mut names = quoted(&row[columns - 1]).peekable();
            assert!(names.peek().is_some(), "no test in {row:?}");
            names.for_each(|name| is_there(&sources, name, &row.concat()));
        }
    }
}

#[test]
fn advisories_name_tests_that_exist() {
    let (sources, text) = (sources(), text("docs/advisories.md"));
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("row: ")).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let (_, named) = row.split_once("row: ").unwrap_or_default();
        quoted(named).filter(|name| name.contains("::")).for_each(|name| is_there(&sources, name, row));
    }
}
