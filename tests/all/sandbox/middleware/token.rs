//! The example in Python: built from source, and in front of the built-in handler.

use super::{answer, place, serve};
use crate::support::fixture;
use crate::support::tools::runs_within;
use crate::tidy::root;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The build takes half a minute on an idle machine.
const BUILD: Duration = Duration::from_secs(300);

/// `componentize-py`, where `.ci/run` installs it, or else in the path.
fn componentize() -> Option<PathBuf> {
    let own = root().join("target/componentize-py/bin/componentize-py");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut all = [own].into_iter().chain(std::env::split_paths(&paths).map(|at| at.join("componentize-py")));
    let found = all.find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "componentize-py is missing: see .ci/run");
        fixture::skipped("the example in Python, because componentize-py is not installed; .ci/run installs it");
    }
    found
}

/// The WIT packages of WASI 0.3, in the sources of the crate `wasip3`.
fn wit() -> PathBuf {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(root()).args(["metadata", "--format-version", "1", "--offline"]);
    let metadata = metadata.output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let wasip3 = packages.find(|package| package["name"] == "wasip3").expect("the workspace depends on wasip3");
    Path::new(wasip3["manifest_path"].as_str().expect("a path")).with_file_name("wit")
}

#[test]
fn a_token_is_required() {
    let Some(componentize) = componentize() else { return };
    let place = place();
    let source = place.path().join("token");
    fs::create_dir(&source).expect("a directory can be made");
    let example = root().join("examples/middleware/token");
    // Python leaves a cache beside its sources.
    for name in ["app.py", "token_hash.py"] {
        fs::copy(example.join(name), source.join(name)).expect("a file can be copied");
    }
    let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
    let (wit, own) = (text(&wit()), text(&example.join("wit")));
    let arguments = [
        &["-d", &wit, "-d", &own, "-w", "example:token/middleware"][..],
        &["componentize", "-p", "token", "app", "-o", "token.wasm"],
    ];
    runs_within(BUILD, place.path(), &text(&componentize), &arguments.concat());

    let arguments = ["--with", "token.wasm", "--max-memory", "256M", "--max-cpu", "10s", "--answer-timeout", "60s"];
    let server = serve(&place, &arguments);
    for (fields, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer wrong")], 401),
        (&[("Authorization", "Basic example")], 401),
        (&[("Authorization", "Bearer example")], 200),
        (&[("Cookie", "a=b; token=example")], 200),
        (&[("Cookie", "token=wrong")], 401),
    ] {
        let got = answer(&server, "GET", "/good.txt", fields);
        assert_eq!(got.head.status, status, "{fields:?}: {}", server.stderr());
        let expected = if status == 200 { "good\n" } else { "a token is required\n" };
        assert_eq!(got.text(), expected, "{fields:?}");
        assert_eq!(got.head.one("www-authenticate").is_some(), status == 401, "{fields:?}");
    }
}
