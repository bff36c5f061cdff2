//! Components that cannot serve: `glasshouse inspect` reports and `glasshouse --handler` rejects them for the same
//! reasons. Each component is written here and holds only what its test needs.

use crate::attacks::costs;
use crate::support::fixture;
use crate::support::server::{Done, Version, glasshouse, handler, run};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A component that would serve, if it could import all that it wants.
fn component(imports: &str) -> Vec<u8> {
    let text = format!(
        r#"(component {imports}
             (core module $m (func (export "f")))
             (core instance $i (instantiate $m))
             (func $f (canon lift (core func $i "f")))
             (instance $e (export "handle" (func $f)))
             (export "wasi:http/incoming-handler@0.2.0" (instance $e)))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn done(arguments: &[&str], file: &Path) -> Done {
    let mut command = glasshouse();
    command.args(arguments).arg(file);
    run(command)
}

#[track_caller]
fn reported(file: &Path, code: i32) -> Value {
    let done = done(&["inspect", "--json"], file);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(code), ""), "{file:?}: {done:?}");
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{file:?}: {error} in {}", done.stdout))
}

#[track_caller]
fn names(imports: &Value) -> Vec<&str> {
    let imports = imports.as_array().expect("a group of imports is an array");
    imports.iter().map(|import| import["name"].as_str().expect("an import has a name")).collect()
}

/// Whether a file cannot serve: `inspect` exits 1 with this reason in both forms, and `--handler` with the same one.
#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let place = fixture::place();
    let file = place.path().join("handler.wasm");
    fs::write(&file, bytes).expect("a file can be written");

    let json = reported(&file, 1);
    let reasons: Vec<_> = json["reasons"].as_array().expect("reasons").iter().filter_map(Value::as_str).collect();
    assert!(reasons.iter().any(|found| found.contains(reason)), "no {reason:?} in {reasons:?}");
    assert_eq!(json["serves"], false);

    let person = done(&["inspect"], &file);
    assert_eq!((person.status.code(), person.stderr.as_str()), (Some(1), ""), "{person:?}");
    assert!(person.stdout.contains("It cannot serve:\n") && person.stdout.contains(reason), "{}", person.stdout);

    let server = done(&["0", "-b", "127.0.0.1", "--handler"], &file);
    assert_eq!((server.status.code(), server.stdout.as_str()), (Some(1), ""), "{server:?}");
    for word in ["cannot run the handler '", reasons[0], "name another one with --handler"] {
        assert!(server.stderr.contains(word), "no {word:?} in {}", server.stderr);
    }
    assert_eq!(server.stderr.lines().count(), 1, "{}", server.stderr);
}

#[test]
fn the_built_in_handlers_can_serve() {
    for (version, http) in [(Version::P2, "0.2"), (Version::P3, "0.3")] {
        let file = handler(version);
        let bytes = fs::read(file).expect("the handler was written");
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let json = reported(file, 0);
        assert_eq!((json["kind"].as_str(), &json["http"]), (Some("handler"), &Value::from(vec![http])));
        assert_eq!((json["size"].as_u64(), json["sha256"].as_str()), (Some(bytes.len() as u64), Some(hash.as_str())));
        assert_eq!((json["serves"].as_bool(), &json["reasons"]), (Some(true), &Value::from(Vec::<Value>::new())));
        let imports = &json["imports"];
        assert!(names(&imports["refused"]).is_empty() && names(&imports["unknown"]).is_empty(), "{imports}");
        // The report lists the imports; see `capability`.
        let mut granted = names(&imports["granted"]);
        granted.sort_unstable();
        assert_eq!(granted, crate::sandbox::capability::interfaces(version));

        let person = done(&["inspect"], file);
        assert_eq!((person.status.code(), person.stderr.as_str()), (Some(0), ""));
        for word in [&hash, &format!("{} bytes", bytes.len()), "wasi:http/types@0.", " fields.get ", "It can serve.\n"]
        {
            assert!(person.stdout.contains(word), "no {word:?} in {}", person.stdout);
        }
    }
}

#[test]
fn without_a_file_it_is_the_built_in_handler() {
    let inspect = |arguments: &[&str]| {
        let mut command = glasshouse();
        command.arg("inspect").args(arguments);
        command
    };
    let file = done(&["inspect"], handler(Version::P3)).stdout;
    let after_the_name = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned()).expect("lines");
    let built_in = run(inspect(&[]));
    assert_eq!(after_the_name(&built_in.stdout), after_the_name(&file));
    let mut piped = inspect(&["-"]);
    piped.stdin(fs::File::open(handler(Version::P3)).expect("the handler was written"));
    let piped = piped.output().expect("glasshouse runs");
    assert_eq!(after_the_name(&String::from_utf8_lossy(&piped.stdout)), after_the_name(&file));
    assert!(piped.status.success());
}

#[test]
fn what_would_connect_is_refused() {
    let rows = [
        ("wasi:sockets/tcp@0.2.0", r#"(export "tcp-socket" (type (sub resource)))"#, "a handler opens no connections"),
        ("wasi:sockets/udp@0.2.12", "", "a handler opens no connections"),
        ("wasi:sockets/ip-name-lookup@0.2.3", "", "a handler opens no connections"),
        (
            "wasi:sockets/types@0.3.0",
            r#"(export "udp-socket" (type (sub resource)))"#,
            "a handler opens no connections",
        ),
        ("wasi:tls/types@0.2.0-draft", "", "a handler opens no connections"),
        ("wasi:http/outgoing-handler@0.2.6", r#"(export "handle" (func))"#, "a handler sends no requests"),
        ("wasi:http/client@0.3.0", r#"(export "send" (func))"#, "a handler sends no requests"),
        ("wasi:keyvalue/store@0.2.0-draft2", "", "no other store"),
    ];
    for (name, item, reason) in rows {
        let import = format!(r#"(import "{name}" (instance {item}))"#);
        refused(&component(&import), &format!("it imports {name}, which is refused: "));
        refused(&component(&import), reason);
    }
}

#[test]
fn what_is_unknown_is_refused() {
    for import in [
        r#"(import "acme:db/query@1.0.0" (instance (export "run" (func))))"#,
        r#"(import "acme:db/types@1.0.0" (instance))"#,
        r#"(import "wasi:cli/environment@0.3.0-rc-2025-01-01" (instance))"#,
        r#"(import "wasi:cli/environment" (instance))"#,
        r#"(import "log" (func (param "text" string)))"#,
        r#"(import "thing" (type (sub resource)))"#,
        r#"(import "part" (core module))"#,
    ] {
        let name = import.split('"').nth(1).expect("an import has a name");
        refused(&component(import), &format!("it imports {name}, which this host does not know"));
    }
}

#[test]
fn all_reasons_are_reported() {
    let imports = r#"(import "wasi:sockets/tcp@0.2.0" (instance)) (import "acme:db/query@1.0.0" (instance (export "run" (func))))
        (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func (param "status" (result))))))"#;
    let place = fixture::place();
    let file = place.path().join("handler.wasm");
    fs::write(&file, component(imports)).expect("a file can be written");
    let json = reported(&file, 1);
    assert_eq!(names(&json["imports"]["refused"]), ["wasi:sockets/tcp@0.2.0"]);
    assert_eq!(json["imports"]["refused"][0]["reason"], "a handler opens no connections");
    assert_eq!(names(&json["imports"]["unknown"]), ["acme:db/query@1.0.0"]);
    assert_eq!(json["imports"]["unknown"][0]["functions"], Value::from(vec!["run"]));
    assert_eq!(names(&json["imports"]["granted"]), ["wasi:cli/exit@0.2.0"]);
    assert_eq!(json["exports"], Value::from(vec!["wasi:http/incoming-handler@0.2.0"]));
    assert_eq!(json["reasons"].as_array().map(Vec::len), Some(2));
    let server = done(&["0", "-b", "127.0.0.1", "--handler"], &file);
    assert!(
        server.stderr.contains("acme:db/query@1.0.0") && server.stderr.contains("(and 1 more)"),
        "{}",
        server.stderr
    );
}

#[test]
fn what_is_no_handler_is_refused() {
    let whole = fs::read(handler(Version::P3)).expect("the handler was written");
    let module = wat::parse_str("(module)").expect("a module");
    let command = wat::parse_str("(component)").expect("a component");
    refused(b"", "it is not a WebAssembly component");
    refused(b"#!/bin/sh\necho no\n", "it is not a WebAssembly component");
    refused(&[0xff; 4096], "it is not a WebAssembly component");
    refused(&module, "it is a core module");
    refused(&command, "it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2");
    let other = r#"(component (instance $i) (export "wasi:http/handler@0.3.0-rc-2026-01-06" (instance $i)))"#;
    refused(&wat::parse_str(other).expect("a component"), "it exports wasi:http/handler@0.3.0-rc-2026-01-06, and this");
    refused(&whole[..whole.len() / 2], "it is broken at byte ");
    let place = fixture::place();
    let file = place.path().join("half.wasm");
    fs::write(&file, &whole[..whole.len() / 2]).expect("a file can be written");
    assert_eq!(reported(&file, 1)["kind"], "unclear", "what half a handler would be is not known");
    refused(&[&whole[..], b"\x7f\x7f"].concat(), "it is broken at byte ");
}

#[test]
fn unreadable_files_are_reported() {
    for (path, reason) in [("nowhere.wasm", "no such file"), (".", "a directory"), ("/dev/zero", "1024 MiB")] {
        let place = fixture::place();
        for arguments in [&["inspect"][..], &["inspect", "--json"], &["0", "-b", "127.0.0.1", "--handler"]] {
            let mut command: Command = glasshouse();
            command.current_dir(place.path()).args(arguments).arg(path);
            let done = run(command);
            [reason, path].iter().for_each(|word| done.fails(1, word));
        }
    }
}

/// A name may be one that a terminal would obey.
#[test]
fn nothing_in_a_name_is_obeyed() {
    let place = fixture::place();
    let file = place.path().join("\u{1b}[31mred.wasm");
    fs::write(&file, component(r#"(import "acme:db/query@1.0.0" (instance))"#)).expect("a file can be written");
    let person = done(&["inspect"], &file);
    assert!(person.stdout.contains(r"\x1b[31mred.wasm") && !person.stdout.contains('\u{1b}'), "{}", person.stdout);
    assert!(!done(&["inspect", "--json"], &file).stdout.contains('\u{1b}'));
}

/// Parts that are made over and over cost the host memory and time that no request is charged for. They are counted
/// before anything is compiled, which would take long.
#[test]
fn what_costs_the_host_too_much_is_refused() {
    let nested =
        (1..40).fold("(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned(), |text, level| {
            let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
            format!("(component $c{level} {text} {inner})")
        });
    let large = format!("(component {})", format!("(core module {})", "(func)".repeat(30_000)).repeat(10));
    let rows = [
        (
            costs::handler(&"(global (mut i64) (i64.const 1))".repeat(100_000), 900),
            "has 900 core instances, and may have 100",
        ),
        (
            costs::handler(&"(global (mut i64) (i64.const 1))".repeat(2000), 51),
            "has 102000 globals, and may have 100000",
        ),
        (costs::handler(&"(memory 0)".repeat(3), 40), "has 120 memories, and may have 100"),
        (wat::parse_str(nested).expect("a component"), "core instances, and may have 100"),
        (wat::parse_str(large).expect("a component"), "the file has 300000 functions, and may have 250000"),
    ];
    let began = Instant::now();
    for (bytes, reason) in rows {
        refused(&bytes, reason);
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
