//! Middleware in front of a handler: the examples, hostile middleware, compositions for other hosts, and components
//! that cannot be part of a chain.

mod passing;
mod token;

use crate::support::client::{HttpResponse, ask, get};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{TestServer, Version, glasshouse, glasshouse_in, handler, run};
use passing::{Passing, passing};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PAGE: &[u8] = b"<!doctype html><title>page</title><body><h1>Page</h1></body>";
const BANNER: &str = "<p>This page passed a middleware.</p>";

/// A site with a page, a text and a long file, and the middleware beside it.
fn place() -> TempDir {
    let place = fixture::place();
    let at = |name: &str| place.path().join(name);
    put(&at("site/index.html"), PAGE, MODIFIED);
    put(&at("site/good.txt"), b"good\n", MODIFIED);
    put(&at("site/long.bin"), &vec![7; 3 << 20], MODIFIED);
    fs::create_dir(at("site/folder")).expect("a directory can be made");
    for (file, name) in [(env!("EXAMPLE_BANNER"), "banner.wasm"), (env!("HOSTILE_MIDDLEWARE"), "hostile.wasm")] {
        fs::copy(file, at(name)).expect("a file can be copied");
    }
    fs::write(at("pass-p2.wasm"), passing(Passing::On)).expect("a file can be written");
    place
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = glasshouse();
    command.current_dir(place).args(arguments);
    command
}

#[track_caller]
fn serve(place: &TempDir, arguments: &[&str]) -> TestServer {
    TestServer::spawn(glasshouse_in(place.path(), &[&["-d", "site"], arguments].concat()))
}

/// As [`serve`], for a component that takes longer to compile.
#[track_caller]
fn serve_within(timeout: Duration, place: &TempDir, arguments: &[&str]) -> TestServer {
    let arguments = [&["-d", "site"], arguments].concat();
    TestServer::try_spawn_within(timeout, glasshouse_in(place.path(), &arguments)).expect("it serves")
}

#[track_caller]
fn answer(server: &TestServer, method: &str, target: &str, fields: &[(&str, &str)]) -> HttpResponse {
    ask(server.address(), method, target, fields).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// Every response has the header, and pages have the line.
#[track_caller]
fn has_banner(server: &TestServer) {
    let page = get(server.address(), "/");
    assert_eq!((page.head.status, page.head.one("x-middleware")), (200, Some("banner")), "{}", server.stderr());
    let expected = String::from_utf8_lossy(PAGE).replace("</body>", &format!("{BANNER}</body>"));
    assert_eq!(page.text(), expected);
    assert_eq!((page.head.one("etag"), page.head.one("accept-ranges")), (None, None), "those of another content");
    let text = get(server.address(), "/good.txt");
    assert_eq!((text.text().as_str(), text.head.one("x-middleware")), ("good\n", Some("banner")));
    assert!(text.head.one("etag").is_some() && text.head.one("content-length") == Some("5"), "{:?}", text.head);
    assert_eq!(get(server.address(), "/long.bin").body.len(), 3 << 20);
    assert!(get(server.address(), "/folder/").text().contains(BANNER), "a listing is a page");
    let missing = get(server.address(), "/none");
    assert_eq!((missing.head.status, missing.head.one("x-middleware")), (404, Some("banner")));
    for target in ["/", "/good.txt", "/long.bin", "/none"] {
        let head = answer(server, "HEAD", target, &[]);
        assert_eq!((head.head.status, head.body.len()), (get(server.address(), target).head.status, 0), "{target}");
        assert_eq!(head.head.one("x-middleware"), Some("banner"), "{target}");
    }
    let tag = text.head.one("etag").unwrap_or_default().to_owned();
    assert_eq!(answer(server, "GET", "/good.txt", &[("If-None-Match", &tag)]).head.status, 304);
    assert_eq!(answer(server, "GET", "/", &[("Range", "bytes=0-4")]).head.status, 200, "it asks for the whole page");
}

#[test]
fn a_middleware_changes_responses() {
    let place = place();
    has_banner(&serve(&place, &["--with", "banner.wasm"]));
    fs::copy(handler(Version::P3), place.path().join("handler.wasm")).expect("a file can be copied");
    has_banner(&serve(&place, &["--with", "banner.wasm", "--handler", "handler.wasm"]));
}

#[test]
fn the_first_middleware_is_the_outermost() {
    let place = place();
    let of_misdeed = |arguments: &[&str]| {
        let server = serve(&place, arguments);
        has_banner(&server);
        get(server.address(), "/misdeed/forge").head.one("x-middleware").map(str::to_owned)
    };
    let outer = of_misdeed(&["--with", "banner.wasm", "--with", "hostile.wasm"]);
    assert_eq!(outer.as_deref(), Some("banner"), "what is behind it passes through it");
    assert_eq!(of_misdeed(&["--with", "hostile.wasm", "--with", "banner.wasm"]), None, "it is not asked");
}

#[test]
fn middleware_for_0_2_is_composed_with_the_handler_for_0_2() {
    let place = place();
    let server = serve(&place, &["--with", "pass-p2.wasm", "--with", "pass-p2.wasm"]);
    assert_eq!(get(server.address(), "/good.txt").text(), "good\n");
    assert_eq!(get(server.address(), "/long.bin").body.len(), 3 << 20);
    assert_eq!(get(server.address(), "/none").head.status, 404);
}

/// The middleware sees no directory, and what the handler has to read stays with the handler.
#[test]
fn a_middleware_gets_no_directory() {
    let place = place();
    let server = serve(&place, &["--with", "hostile.wasm", "--clean-urls"]);
    let seen = get(server.address(), "/misdeed/environment").text();
    assert!(seen.contains("preopened: 0\n") && seen.contains("read: none\n"), "{seen}");
    assert!(seen.contains("variable: GLASSHOUSE_BODY=pumped\n"), "{seen}");
    assert!(seen.contains("variable: GLASSHOUSE_CLEAN_URLS=1\n"), "{seen}");
    assert_eq!(get(server.address(), "/good.txt").text(), "good\n");
}

#[test]
fn misdeeds_of_middleware_cost_one_request() {
    let place = place();
    let limits = ["--max-cpu", "200ms", "--answer-timeout", "3s", "--max-memory", "64M"];
    let server = serve(&place, &[&["--with", "banner.wasm", "--with", "hostile.wasm"], &limits[..]].concat());
    for (target, status) in [
        ("/misdeed/loop", 503),
        ("/misdeed/allocate", 503),
        ("/misdeed/recurse", 500),
        ("/misdeed/trap", 500),
        ("/misdeed/trap-after", 500),
        ("/misdeed/panic", 500),
        ("/misdeed/exit", 500),
        ("/misdeed/never", 500),
        ("/misdeed/ask-often", 503),
        ("/misdeed/nothing", 500),
    ] {
        let got = get(server.address(), target);
        assert_eq!(got.head.status, status, "{target}: {}", server.stderr());
        assert_eq!(get(server.address(), "/good.txt").text(), "good\n", "after {target}");
    }
    for (passing, status) in [(Passing::Trap, 500), (Passing::Loop, 503), (Passing::Grow, 503)] {
        fs::write(place.path().join("evil.wasm"), self::passing(passing)).expect("a file can be written");
        let mut server = serve(&place, &[&["--with", "pass-p2.wasm", "--with", "evil.wasm"], &limits[..]].concat());
        for _ in 0..3 {
            assert_eq!(get(server.address(), "/good.txt").head.status, status, "{passing:?}: {}", server.stderr());
        }
        assert!(server.is_alive());
    }
}

/// A component of a chain cannot use the protocol between the host and the built-in handler.
#[test]
fn a_middleware_passes_no_complete_response() {
    let place = place();
    let server = serve(&place, &["--with", "hostile.wasm"]);
    assert_eq!(get(server.address(), "/misdeed/forge").text(), "not taken\n");
}

/// Nothing is replayed: the host does not know on what a middleware depends.
#[test]
fn responses_of_a_chain_are_not_replayed() {
    let place = place();
    let server = serve(&place, &["--with", "banner.wasm"]);
    assert_eq!(get(server.address(), "/good.txt").text(), "good\n");
    put(&place.path().join("site/good.txt"), b"new!\n", MODIFIED);
    assert_eq!(get(server.address(), "/good.txt").text(), "new!\n");
    let arguments = ["--with", "banner.wasm", "--handler", "banner.wasm", "--pure-handler", "--check"];
    let done = run(command(place.path(), &arguments));
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("--pure-handler"), "{}", done.stderr);
}

#[test]
fn a_composition_is_a_handler_for_other_hosts() {
    let place = place();
    for (arguments, file) in [
        (&["--with", "banner.wasm", "-o", "out.wasm"][..], "out.wasm"),
        (&["--with", "hostile.wasm", "--handler", "out.wasm", "-o", "more.wasm"], "more.wasm"),
    ] {
        let done = run(command(place.path(), &[&["compose"], arguments].concat()));
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        has_banner(&serve(&place, &["--handler", file]));
        let mut stock = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
        stock.current_dir(place.path()).args(["serve", "-Scli", "--addr", "127.0.0.1:0", "--dir", "site::/"]).arg(file);
        has_banner(&TestServer::spawn(stock));
    }
    let compose = || fs::read(place.path().join("out.wasm")).expect("it was written");
    let before = compose();
    assert!(run(command(place.path(), &["compose", "--with", "banner.wasm", "-o", "out.wasm"])).status.success());
    assert_eq!(compose(), before, "the same input gives the same bytes");
}

#[test]
fn the_inspection_and_the_check_show_the_chain() {
    let place = place();
    let inspect = |arguments: &[&str]| run(command(place.path(), &[&["inspect"], arguments].concat()));
    let with = ["--with", "banner.wasm", "--with", "hostile.wasm"];
    let done = inspect(&[&with[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    assert_eq!(json["chain"], Value::from(vec!["banner.wasm", "hostile.wasm", "built-in handler"]));
    assert_eq!((json["serves"].as_bool(), json["directory"].as_bool()), (Some(true), Some(true)), "{json}");
    assert_eq!(json["http"], Value::from(vec!["0.3"]));
    let text = inspect(&with).stdout;
    assert!(text.contains("  banner.wasm\n  hostile.wasm\n  built-in handler\n"), "{text}");
    let p2 = inspect(&["--with", "pass-p2.wasm", "--json"]);
    assert!(p2.stdout.contains("\"0.2\""), "{p2:?}");
    let check = run(command(place.path(), &[&with[..], &["--check"]].concat()));
    assert!(check.stdout.contains("with = [\"banner.wasm\", \"hostile.wasm\"]"), "{check:?}");
    let chain = "# chain of the handler: 'banner.wasm', then 'hostile.wasm', then 'built-in handler'\n";
    assert!(check.stdout.contains(chain), "{check:?}");
}

#[test]
fn components_that_do_not_fit_are_named() {
    let place = place();
    let at = |name: &str| place.path().join(name);
    fs::copy(handler(Version::P3), at("handler.wasm")).expect("a file can be copied");
    fs::copy(handler(Version::P2), at("handler-p2.wasm")).expect("a file can be copied");
    fs::write(at("broken.wasm"), "no component").expect("a file can be written");
    let sockets = wat::parse_str(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#);
    fs::write(at("sockets.wasm"), sockets.expect("valid")).expect("a file can be written");
    for (with, handler, words) in [
        (
            &["banner.wasm", "pass-p2.wasm"][..],
            None,
            "'pass-p2.wasm' is for wasi:http 0.2, and 'banner.wasm' is for wasi:http 0.3",
        ),
        (&["handler.wasm"], None, "'handler.wasm' is not a middleware: it imports neither"),
        (&["broken.wasm"], None, "'broken.wasm' cannot be used: it is not a WebAssembly component"),
        (&["banner.wasm", "sockets.wasm"], None, "'sockets.wasm' cannot be used: it imports wasi:sockets/tcp@0.2.0"),
        (&["banner.wasm"], Some("handler-p2.wasm"), "the handler 'handler-p2.wasm' is for 0.2; use one version"),
        (&["banner.wasm"], Some("hostile.wasm"), "the handler 'hostile.wasm' imports wasi:http/handler@0.3"),
        (&["banner.wasm"], Some("broken.wasm"), "'broken.wasm' cannot be used: it is not a WebAssembly component"),
    ] {
        let with: Vec<&str> = with.iter().flat_map(|file| ["--with", file]).collect();
        let of_server: Vec<&str> = handler.iter().flat_map(|file| ["--handler", file]).collect();
        let of_inspect: Vec<&str> = handler.into_iter().collect();
        for (command, rest) in [
            (&["0", "-b", "127.0.0.1"][..], &of_server),
            (&["--check"], &of_server),
            (&["compose", "-o", "none.wasm"], &of_server),
            (&["inspect"], &of_inspect),
        ] {
            let arguments = [command, &with, rest].concat();
            run(self::command(place.path(), &arguments)).fails(1, words);
        }
        assert!(!at("none.wasm").exists(), "no file is left");
    }
    for option in [&["--with", "none.wasm"][..], &["compose", "--with", "none.wasm", "-o", "x"]] {
        let done = run(command(place.path(), option));
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(done.stderr.contains("'none.wasm': no such file"), "{done:?}");
    }
}
