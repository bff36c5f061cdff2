//! Components that serve a path beside directories: what they see, what they may read, and what their misdeeds cost.

use crate::support::client::{HttpResponse, ask, get};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, Version, glasshouse, glasshouse_in, handler, run};
use std::fs;
use tempfile::TempDir;

/// The hostile handler of each version.
const HOSTILE: [&str; 2] = [env!("HOSTILE_P3"), env!("HOSTILE_P2")];

/// A directory to serve, one for components, and the components as `p3.wasm` and `p2.wasm`.
fn place() -> TempDir {
    let place = fixture::place();
    let at = |name: &str| place.path().join(name);
    put(&at("root/good.txt"), b"of the root\n", MODIFIED);
    put(&at("data/good.txt"), b"of the data\n", MODIFIED);
    for (file, name) in HOSTILE.iter().zip(["p3.wasm", "p2.wasm"]) {
        fs::copy(file, at(name)).expect("a file can be copied");
    }
    place
}

#[track_caller]
fn serve(place: &TempDir, arguments: &[&str]) -> TestServer {
    TestServer::spawn(glasshouse_in(place.path(), arguments))
}

#[track_caller]
fn fails(place: &TempDir, arguments: &[&str], code: i32, words: &str) {
    run(glasshouse_in(place.path(), arguments)).fails(code, words);
}

#[track_caller]
fn is(server: &TestServer, target: &str, status: u16, text: &str) -> HttpResponse {
    let answer = get(server.address(), target);
    assert_eq!((answer.head.status, answer.text().as_str()), (status, text), "{target}: {}", server.stderr());
    answer
}

#[test]
fn a_component_reads_its_own_directory_or_none() {
    let place = place();
    for name in ["p3.wasm", "p2.wasm"] {
        let (with, without) = (format!("/with={name}:data"), format!("/without={name}"));
        let server = serve(&place, &["-d", "root", "--mount", &with, "--mount", &without]);
        is(&server, "/good.txt", 200, "of the root\n");
        is(&server, "/with/good", 200, "of the data\n");
        assert_eq!(get(server.address(), "/without/good").head.status, 500, "it has no file to read");
        let seen = get(server.address(), "/without/environment").text();
        assert!(!seen.contains("preopened"), "{seen}");
        assert!(get(server.address(), "/with/environment").text().contains("preopened: /\n"));
        // Nothing of the other trees.
        let found = get(server.address(), "/with/passwd").text();
        assert!(found.contains("of the data") && !found.contains("of the root"), "{found}");
    }
}

#[test]
fn a_component_sees_its_path_and_its_own_variables() {
    let place = place();
    let variables = ["--mount-env", "/a b:KEY=a=b:c", "--mount-env", "/other:KEY=x", "--mount-env", "/a b:EMPTY="];
    let mounts = ["--mount", "/a b=p3.wasm", "--mount", "/other=p2.wasm", "--clean-urls", "-d", "root"];
    let server = serve(&place, &[&variables[..], &mounts].concat());
    let seen = get(server.address(), "/a%20b/environment").text();
    let mut variables: Vec<_> = seen.lines().filter(|line| line.starts_with("variable: ")).collect();
    variables.sort_unstable();
    variables.dedup();
    let expected = [
        "variable: EMPTY=",
        "variable: GLASSHOUSE_ABOVE=0",
        "variable: GLASSHOUSE_BODY=direct",
        "variable: GLASSHOUSE_MADE_MAX=",
        "variable: GLASSHOUSE_PREFIX=a b",
        "variable: KEY=a=b:c",
    ];
    let is_expected = variables.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(variables.len() == expected.len() && is_expected, "{variables:#?}");
    assert!(get(server.address(), "/other/environment").text().contains("variable: KEY=x\n"));
}

/// The handler of glasshouse at a path: it removes `GLASSHOUSE_PREFIX` from the path that the client sent.
#[test]
fn the_path_is_the_one_that_the_client_sent() {
    let place = place();
    for version in [Version::P3, Version::P2] {
        fs::copy(handler(version), place.path().join("site.wasm")).expect("a file can be copied");
        let mount = ["--mount", "/deep/site=site.wasm:data", "--mount-env", "/deep/site:GLASSHOUSE_CLEAN_URLS=1"];
        put(&place.path().join("data/page.html"), b"page", MODIFIED);
        let server = serve(&place, &mount);
        is(&server, "/deep/site/good.txt", 200, "of the data\n");
        is(&server, "/deep/site/page", 200, "page");
        assert_eq!(get(server.address(), "/good.txt").head.status, 404, "only the mount is served");
        assert!(server.stdout().contains("/deep/site/) ..."), "{}", server.stdout());
    }
}

#[test]
fn misdeeds_cost_one_request() {
    let place = place();
    let limits = ["--max-cpu", "200ms", "--answer-timeout", "3s", "--max-memory", "48M", "-d", "root"];
    for name in ["p3.wasm", "p2.wasm"] {
        let server = serve(&place, &[&limits[..], &["--mount", &format!("/evil={name}:data")]].concat());
        for (target, status) in [
            ("/evil/loop", 503),
            ("/evil/allocate", 503),
            ("/evil/sleep", 503),
            ("/evil/trap", 500),
            ("/evil/panic", 500),
            ("/evil/exit", 500),
            ("/evil/error", 500),
        ] {
            assert_eq!(get(server.address(), target).head.status, status, "{name} {target}");
            is(&server, "/evil/good", 200, "of the data\n");
            is(&server, "/good.txt", 200, "of the root\n");
        }
        let written = get(server.address(), "/evil/write").text();
        assert!(written.lines().all(|line| line.starts_with("refused: ")), "{written}");
    }
}

/// A mounted component is not replayed: each response is new. The directory beside it is.
#[test]
fn responses_of_components_are_not_replayed() {
    let place = place();
    let server = serve(&place, &["-d", "root", "--mount", "/a=p3.wasm:data"]);
    is(&server, "/a/good", 200, "of the data\n");
    put(&place.path().join("data/good.txt"), b"other\n", MODIFIED);
    is(&server, "/a/good", 200, "other\n");
    assert_eq!(ask(server.address(), "POST", "/a/good", &[]).expect("an answer").head.status, 200);
}

#[test]
fn a_directory_may_have_the_name_of_a_component() {
    let place = place();
    put(&place.path().join("dir.wasm/good.txt"), b"of a directory\n", MODIFIED);
    is(&serve(&place, &["--mount", "/a=dir.wasm"]), "/a/good.txt", 200, "of a directory\n");
}

#[test]
fn invalid_mounts_are_refused() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    fs::write(at("broken.wasm"), "no component").expect("a file can be written");
    fs::write(at("plain.txt"), "text").expect("a file can be written");
    for (arguments, code, words) in [
        (&["--mount", "/a=none.wasm"][..], 1, "cannot read the component 'none.wasm': no such file"),
        (&["--mount", "/a=none.wasm:data"], 1, "cannot read the component 'none.wasm': no such file"),
        (&["--mount", "/a=p3.wasm:none"], 1, "cannot serve 'none': no such directory"),
        (&["--mount", "/a=p3.wasm:plain.txt"], 1, "cannot serve 'plain.txt': not a directory"),
        (&["--mount", "/a=plain.txt"], 1, "cannot serve 'plain.txt': not a directory"),
        (
            &["--mount", "/a=broken.wasm"],
            1,
            "cannot run the component 'broken.wasm': it is not a WebAssembly component",
        ),
        (&["--mount", "/a=p3.wasm", "--mount-env", "/b:X=y"], 2, "no component is mounted at '/b', so X has no effect"),
        (&["--mount", "/a=data", "--mount-env", "/a:X=y"], 2, "no component is mounted at '/a'"),
        (&["--mount", "/a=p3.wasm", "--handler", "p3.wasm"], 2, "--handler: only components are mounted"),
        (&["--mount", "/a=p3.wasm", "--with", "p3.wasm"], 2, "--with: only components are mounted"),
        (&["--mount", "/a=p3.wasm", "--mount", "/a=data"], 2, "two directories for '/a'"),
    ] {
        fails(&place, arguments, code, words);
        fails(&place, &[arguments, &["--check"]].concat(), code, words);
    }
}

/// The output of `--check` is a valid file for `--config`.
#[test]
fn a_check_prints_the_mounts() {
    let place = place();
    let arguments = ["--mount", "/a=p3.wasm:data", "--mount", "/b=p2.wasm", "--mount-env", "/a:KEY=v", "--check"];
    let done = run(glasshouse_in(place.path(), &arguments));
    assert!(done.status.success(), "{}", done.stderr);
    let data = place.path().join("data").display().to_string();
    for line in [&format!("mount = [\"/a=p3.wasm:{data}\", \"/b=p2.wasm\"]"), "mount-env = [\"/a:KEY=v\"]"] {
        assert!(done.stdout.contains(line), "no {line} in {}", done.stdout);
    }
    let file = place.path().join("glass.conf");
    fs::write(&file, &done.stdout).expect("a file can be written");
    let mut again = glasshouse();
    again.current_dir(place.path()).args(["--check", "--config"]).arg(&file);
    let again = run(again);
    assert!(again.status.success() && again.stdout.contains("/b=p2.wasm"), "{again:?}");
}
