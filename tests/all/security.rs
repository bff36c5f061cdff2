//! SECURITY.md is held to its word: every row of its table names tests, and they are there. It refuses to know what they prove.

use crate::tidy::{root, sources};
use std::fs;

/// The cells of the table whose head begins with `Who`, row by row.
fn threats() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("there is a SECURITY.md");
    let table = text.lines().skip_while(|line| !line.starts_with("| Who |")).take_while(|line| line.starts_with('|'));
    table.skip(2).map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_tests_that_exist() {
    let (threats, sources) = (threats(), sources());
    assert!(threats.len() >= 15, "the table is found: {threats:?}");
    for row in threats {
        assert!(row.len() == 5 && row.iter().all(|cell| !cell.is_empty()), "five cells: {row:?}");
        let mut names = quoted(&row[4]).peekable();
        assert!(names.peek().is_some(), "no test in {row:?}");
        for name in names {
            let (file, test) = name.rsplit_once("::").unwrap_or_else(|| panic!("'{name}' is no file::test in {row:?}"));
            let file = format!("/{}.rs", file.replace("::", "/"));
            let test = format!("fn {test}(");
            let is_there =
                sources.iter().any(|(path, text)| path.to_string_lossy().ends_with(&file) && text.contains(&test));
            assert!(is_there, "there is no {name}, which is to prove {row:?}");
        }
    }
}
