//! Handlers with as many parts as are allowed, which cost the host more than memory and time of a request.
//! `sandbox::inspect` tests that a handler with more parts is rejected.

use crate::attacks::effort;
use crate::support::client::get;
use crate::support::fixture;
use crate::support::proc::memory;
use crate::support::server::{TestServer, glasshouse};
use std::fs;
use std::time::{Duration, Instant};

/// A handler for 0.2 that makes a module so many times, and answers nothing.
pub fn handler(module: &str, instances: usize) -> Vec<u8> {
    let instances: String = (0..instances).map(|at| format!("(core instance $i{at} (instantiate $m))")).collect();
    let text = format!(
        r#"(component
             (import "wasi:http/types@0.2.0" (instance $t
               (export "incoming-request" (type (sub resource))) (export "response-outparam" (type (sub resource)))))
             (alias export $t "incoming-request" (type $req)) (alias export $t "response-outparam" (type $out))
             (core module $m {module} (func (export "handle") (param i32 i32)))
             {instances}
             (func $h (param "request" (own $req)) (param "response-out" (own $out))
               (canon lift (core func $i0 "handle")))
             (instance $e (export "handle" (func $h)))
             (export "wasi:http/incoming-handler@0.2.0" (instance $e)))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// As many parts as may be, of each kind: a request takes little memory and soon fails, as it has no answer.
#[test]
fn what_is_just_allowed_costs_little() {
    let rows = [
        ("globals", "(global (mut i64) (i64.const 1))".repeat(1000), 100),
        ("functions", "(func)".repeat(2400), 100),
        ("tables", "(table 10 funcref)".to_owned(), 100),
        ("memories", "(memory 0)".to_owned(), 100),
        ("elements", format!("(table 10000 funcref) (func $f) (elem (i32.const 0) {})", "$f ".repeat(10_000)), 90),
        ("data", format!(r#"(memory 16) (data (i32.const 0) "{}")"#, "x".repeat(1 << 20)), 90),
    ];
    for (what, module, instances) in rows {
        let place = fixture::place();
        fs::write(place.path().join("handler.wasm"), handler(&module, instances)).expect("a file can be written");
        let limits = ["--max-cpu", "100ms", "--answer-timeout", "2s", "--max-memory", "256M", "--threads", "1"];
        let mut command = glasshouse();
        command.current_dir(place.path()).args(["0", "-b", "127.0.0.1", "--handler", "handler.wasm"]).args(limits);
        let server = TestServer::spawn(command);
        get(server.address(), "/");
        let before = memory(&server, "VmRSS:");
        for _ in 0..effort(5, 100) {
            let began = Instant::now();
            let status = get(server.address(), "/").head.status;
            assert!(matches!(status, 500 | 503), "{what}: {status}");
            assert!(began.elapsed() < Duration::from_secs(1), "{what}: {:?}", began.elapsed());
        }
        let most = memory(&server, "VmHWM:");
        assert!(
            most < before.map(|before| before + (160 << 10)),
            "{what}: {before:?} KiB before, {most:?} KiB at most"
        );
    }
}
