//! The rows over hosts of other projects. `tests/hosts/run` starts these hosts, and knows which rows each one misses.

use crate::conformance::cases;
use crate::conformance::matrix::{Mode, RowClient, complaints};
use crate::support::client;
use crate::support::fixture;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;

fn path(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run tests/hosts/run")).into()
}

#[test]
#[ignore = "tests/hosts/run sets the directory"]
fn tree_is_written() {
    fixture::write_tree(&path("ROWS_DIRECTORY"));
}

/// Sends the rows that need no option. Writes the number of rows and the complaints of the others to a file.
#[test]
#[ignore = "tests/hosts/run starts a host and sets its address"]
fn rows_elsewhere() {
    let address = std::env::var("ROWS_ADDRESS").expect("ROWS_ADDRESS is set: run tests/hosts/run");
    let address = address.parse().expect("ROWS_ADDRESS is an address with a port");
    let (mut total, mut missed) = (0, Map::new());
    for row in cases::all().filter(|row| row.root.is_empty() && row.options.is_empty()) {
        total += 1;
        let client: RowClient<'_> =
            Box::new(|ask| client::ask(address, ask.method, ask.target, ask.fields).map_err(|error| error.to_string()));
        if let Err(complaint) = complaints(row, Mode::Elsewhere, &client) {
            missed.insert(row.id.to_owned(), Value::String(complaint));
        }
    }
    assert!(total > 100 && missed.len() < total, "{} of {total} rows are missed: {missed:#?}", missed.len());
    fs::write(path("ROWS_RESULT"), json!({ "total": total, "missed": missed }).to_string())
        .expect("the result can be written");
}
