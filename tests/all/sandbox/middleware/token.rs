//! The example in JavaScript: built from source, and in front of the built-in handler.

use super::{answer, place, serve_within};
use crate::support::fixture;
use crate::support::tools::runs_within;
use crate::tidy::root;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The build and the start compile an interpreter, which takes a minute of processor time each.
const LONG: Duration = Duration::from_secs(300);

/// The directory with the packages that `.ci/run` installs.
fn packages() -> Option<PathBuf> {
    let packages = root().join("target/componentize-js/node_modules");
    let is_there = packages.is_dir() && fixture::is_there("node", "the example in JavaScript");
    if !is_there {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "componentize-js is missing: see .ci/run");
        fixture::skipped("the example in JavaScript, because componentize-js is not installed; .ci/run installs it");
    }
    is_there.then_some(packages)
}

/// The WIT packages of WASI 0.2, in the sources of the crate `wasmtime-wasi-http`.
fn wit() -> PathBuf {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(root()).args(["metadata", "--format-version", "1", "--locked"]);
    let metadata = metadata.output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let http = packages.find(|package| package["name"] == "wasmtime-wasi-http").expect("the host depends on it");
    Path::new(http["manifest_path"].as_str().expect("a path")).with_file_name("wit/deps")
}

#[test]
fn a_token_is_required() {
    let Some(packages) = packages() else { return };
    let place = place();
    let source = place.path().join("token");
    fs::create_dir_all(source.join("wit")).expect("a directory can be made");
    for name in ["build.js", "package.json", "token.js", "wit/world.wit"] {
        let example = root().join("examples/middleware/token").join(name);
        fs::copy(example, source.join(name)).expect("a file can be copied");
    }
    fixture::link(&packages, &source.join("node_modules"));
    let wit = wit().to_str().expect("the path is UTF-8").to_owned();
    runs_within(LONG, place.path(), "node", &["token/build.js", &wit, "token.wasm"]);

    let server = serve_within(LONG, &place, &["--with", "token.wasm"]);
    for (fields, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer wrong")], 401),
        (&[("Authorization", "Basic example")], 401),
        (&[("Authorization", "Bearer example")], 200),
        (&[("Cookie", "a=b; token=example")], 200),
        (&[("Cookie", "token=exampl")], 401),
    ] {
        let got = answer(&server, "GET", "/good.txt", fields);
        assert_eq!(got.head.status, status, "{fields:?}: {}", server.stderr());
        let expected = if status == 200 { "good\n" } else { "a token is required\n" };
        assert_eq!(got.text(), expected, "{fields:?}");
        assert_eq!(got.head.one("www-authenticate").is_some(), status == 401, "{fields:?}");
    }
}
