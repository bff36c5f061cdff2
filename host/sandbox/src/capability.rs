//! The imports that a handler may have: one table, from which the linker is built and by which a component is judged
//! before it is compiled.
//!
//! [`crate::wasi`] has another table, of the functions that a replay can repeat. They are separate on purpose: an
//! import can be granted without being replayable.

use crate::state::InstanceState;
use crate::wasi_version::WasiVersion;
use semver::Version;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Engine, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi_http::p2::bindings::http::types as http_p2;
use wasmtime_wasi_http::p3::bindings::http::types as http_p3;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView as _};

/// Whether this host provides an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    /// Every handler gets it.
    Granted,
    /// No handler gets it, for this reason.
    Refused(&'static str),
    /// This host does not know it, or not in this version.
    Unknown,
}

impl ImportStatus {
    /// The status of an import by its name, such as `wasi:cli/environment@0.2.6`.
    pub(crate) fn of(import: &str) -> ImportStatus {
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        let version = Version::parse(version).ok().and_then(|version| WasiVersion::of(&version));
        if version.is_some_and(|version| GRANTED.iter().any(|(granted, at, _)| (*granted, *at) == (interface, version)))
        {
            return ImportStatus::Granted;
        }
        let refused = REFUSED.iter().find(|(refused, _)| match refused.strip_suffix('*') {
            Some(package) => interface.starts_with(package),
            None => interface == *refused,
        });
        refused.map_or(ImportStatus::Unknown, |(_, reason)| ImportStatus::Refused(reason))
    }
}

/// An interface, its version, and the function that links it.
type Grant = (&'static str, WasiVersion, fn(&mut Linker<InstanceState>) -> Result<()>);

/// All granted interfaces. More than the built-in handler needs, so that other handlers for `wasi:http` with a file
/// system can be linked. Other modules limit what the functions do: the directory is read-only, and the environment
/// holds only the variables of the sandbox.
const GRANTED: &[Grant] = &[
    ("wasi:cli/environment", WasiVersion::P2, |l| {
        p2::cli::environment::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/environment", WasiVersion::P3, |l| {
        p3::cli::environment::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/exit", WasiVersion::P2, |l| p2::cli::exit::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/exit", WasiVersion::P3, |l| p3::cli::exit::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stderr", WasiVersion::P2, |l| p2::cli::stderr::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stderr", WasiVersion::P3, |l| p3::cli::stderr::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stdin", WasiVersion::P2, |l| p2::cli::stdin::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stdin", WasiVersion::P3, |l| p3::cli::stdin::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stdout", WasiVersion::P2, |l| p2::cli::stdout::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/stdout", WasiVersion::P3, |l| p3::cli::stdout::add_to_linker::<_, WasiCli>(l, InstanceState::cli)),
    ("wasi:cli/terminal-input", WasiVersion::P2, |l| {
        p2::cli::terminal_input::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-input", WasiVersion::P3, |l| {
        p3::cli::terminal_input::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-output", WasiVersion::P2, |l| {
        p2::cli::terminal_output::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-output", WasiVersion::P3, |l| {
        p3::cli::terminal_output::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stderr", WasiVersion::P2, |l| {
        p2::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stderr", WasiVersion::P3, |l| {
        p3::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stdin", WasiVersion::P2, |l| {
        p2::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stdin", WasiVersion::P3, |l| {
        p3::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stdout", WasiVersion::P2, |l| {
        p2::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    ("wasi:cli/terminal-stdout", WasiVersion::P3, |l| {
        p3::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, InstanceState::cli)
    }),
    // Types only.
    ("wasi:cli/types", WasiVersion::P3, |_| Ok(())),
    ("wasi:clocks/monotonic-clock", WasiVersion::P2, |l| {
        p2::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, InstanceState::clocks)
    }),
    ("wasi:clocks/monotonic-clock", WasiVersion::P3, |l| {
        p3::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, InstanceState::clocks)
    }),
    ("wasi:clocks/system-clock", WasiVersion::P3, |l| {
        p3::clocks::system_clock::add_to_linker::<_, WasiClocks>(l, InstanceState::clocks)
    }),
    ("wasi:clocks/types", WasiVersion::P3, |l| {
        p3::clocks::types::add_to_linker::<_, WasiClocks>(l, InstanceState::clocks)
    }),
    ("wasi:clocks/wall-clock", WasiVersion::P2, |l| {
        p2::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, InstanceState::clocks)
    }),
    ("wasi:filesystem/preopens", WasiVersion::P2, |l| {
        p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, InstanceState::filesystem)
    }),
    ("wasi:filesystem/preopens", WasiVersion::P3, |l| {
        p3::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, InstanceState::filesystem)
    }),
    ("wasi:filesystem/types", WasiVersion::P2, |l| {
        p2::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, InstanceState::filesystem)
    }),
    ("wasi:filesystem/types", WasiVersion::P3, |l| {
        p3::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, InstanceState::filesystem)
    }),
    // Has types for outgoing requests, but no function that sends one.
    ("wasi:http/types", WasiVersion::P2, |l| {
        http_p2::add_to_linker::<_, WasiHttp>(l, &http_p2::LinkOptions::default(), InstanceState::http)
    }),
    ("wasi:http/types", WasiVersion::P3, |l| http_p3::add_to_linker::<_, WasiHttp>(l, InstanceState::http)),
    ("wasi:io/error", WasiVersion::P2, |l| p2::io::error::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/poll", WasiVersion::P2, |l| p2::io::poll::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/streams", WasiVersion::P2, |l| p2::io::streams::add_to_linker::<_, Table>(l, table)),
    ("wasi:random/insecure", WasiVersion::P2, |l| {
        p2::random::insecure::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
    ("wasi:random/insecure", WasiVersion::P3, |l| {
        p3::random::insecure::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
    ("wasi:random/insecure-seed", WasiVersion::P2, |l| {
        p2::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
    ("wasi:random/insecure-seed", WasiVersion::P3, |l| {
        p3::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
    ("wasi:random/random", WasiVersion::P2, |l| {
        p2::random::random::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
    ("wasi:random/random", WasiVersion::P3, |l| {
        p3::random::random::add_to_linker::<_, WasiRandom>(l, InstanceState::random)
    }),
];

/// Interfaces that no handler gets in any version, with the reason. `*` stands for the rest of a package.
const REFUSED: &[(&str, &str)] = &[
    ("wasi:blobstore/*", "a handler has one directory to read, and no other store"),
    ("wasi:config/*", "a handler gets its options from the environment"),
    ("wasi:http/client", "a handler sends no requests"),
    ("wasi:http/outgoing-handler", "a handler sends no requests"),
    ("wasi:keyvalue/*", "a handler has one directory to read, and no other store"),
    ("wasi:messaging/*", "a handler opens no connections"),
    ("wasi:sockets/*", "a handler opens no connections"),
    ("wasi:sql/*", "a handler has one directory to read, and no other store"),
    ("wasi:tls/*", "a handler opens no connections"),
];

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(state: &mut InstanceState) -> &mut ResourceTable {
    &mut state.table
}

/// A linker with all granted interfaces, as wasmtime-wasi implements them.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    GRANTED.iter().try_for_each(|(_, _, link)| link(&mut linker))?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Inspection;
    use std::collections::BTreeSet;
    use wasmtime::component::Component;

    /// One item of each interface, to test whether it is linked: a resource or a function. Interfaces with other types
    /// only have none.
    const OF_EACH: &[(&str, WasiVersion, &str)] = &[
        ("wasi:cli/environment", WasiVersion::P2, GET_ARGUMENTS),
        ("wasi:cli/environment", WasiVersion::P3, GET_ARGUMENTS),
        ("wasi:cli/exit", WasiVersion::P2, r#"(export "exit" (func (param "status" (result))))"#),
        ("wasi:cli/exit", WasiVersion::P3, r#"(export "exit" (func (param "status" (result))))"#),
        ("wasi:cli/stderr", WasiVersion::P2, r#"(export "get-stderr" (func))"#),
        ("wasi:cli/stderr", WasiVersion::P3, r#"(export "write-via-stream" (func))"#),
        ("wasi:cli/stdin", WasiVersion::P2, r#"(export "get-stdin" (func))"#),
        ("wasi:cli/stdin", WasiVersion::P3, r#"(export "read-via-stream" (func))"#),
        ("wasi:cli/stdout", WasiVersion::P2, r#"(export "get-stdout" (func))"#),
        ("wasi:cli/stdout", WasiVersion::P3, r#"(export "write-via-stream" (func))"#),
        ("wasi:cli/terminal-input", WasiVersion::P2, r#"(export "terminal-input" (type (sub resource)))"#),
        ("wasi:cli/terminal-input", WasiVersion::P3, r#"(export "terminal-input" (type (sub resource)))"#),
        ("wasi:cli/terminal-output", WasiVersion::P2, r#"(export "terminal-output" (type (sub resource)))"#),
        ("wasi:cli/terminal-output", WasiVersion::P3, r#"(export "terminal-output" (type (sub resource)))"#),
        ("wasi:cli/terminal-stderr", WasiVersion::P2, r#"(export "get-terminal-stderr" (func))"#),
        ("wasi:cli/terminal-stderr", WasiVersion::P3, r#"(export "get-terminal-stderr" (func))"#),
        ("wasi:cli/terminal-stdin", WasiVersion::P2, r#"(export "get-terminal-stdin" (func))"#),
        ("wasi:cli/terminal-stdin", WasiVersion::P3, r#"(export "get-terminal-stdin" (func))"#),
        ("wasi:cli/terminal-stdout", WasiVersion::P2, r#"(export "get-terminal-stdout" (func))"#),
        ("wasi:cli/terminal-stdout", WasiVersion::P3, r#"(export "get-terminal-stdout" (func))"#),
        ("wasi:cli/types", WasiVersion::P3, ""),
        ("wasi:clocks/monotonic-clock", WasiVersion::P2, NOW),
        ("wasi:clocks/monotonic-clock", WasiVersion::P3, NOW),
        ("wasi:clocks/system-clock", WasiVersion::P3, r#"(export "now" (func))"#),
        ("wasi:clocks/types", WasiVersion::P3, ""),
        ("wasi:clocks/wall-clock", WasiVersion::P2, r#"(export "now" (func))"#),
        ("wasi:filesystem/preopens", WasiVersion::P2, r#"(export "get-directories" (func))"#),
        ("wasi:filesystem/preopens", WasiVersion::P3, r#"(export "get-directories" (func))"#),
        ("wasi:filesystem/types", WasiVersion::P2, r#"(export "descriptor" (type (sub resource)))"#),
        ("wasi:filesystem/types", WasiVersion::P3, r#"(export "descriptor" (type (sub resource)))"#),
        ("wasi:http/types", WasiVersion::P2, r#"(export "fields" (type (sub resource)))"#),
        ("wasi:http/types", WasiVersion::P3, r#"(export "fields" (type (sub resource)))"#),
        ("wasi:io/error", WasiVersion::P2, r#"(export "error" (type (sub resource)))"#),
        ("wasi:io/poll", WasiVersion::P2, r#"(export "pollable" (type (sub resource)))"#),
        ("wasi:io/streams", WasiVersion::P2, r#"(export "input-stream" (type (sub resource)))"#),
        ("wasi:random/insecure", WasiVersion::P2, r#"(export "get-insecure-random-u64" (func (result u64)))"#),
        ("wasi:random/insecure", WasiVersion::P3, r#"(export "get-insecure-random-u64" (func (result u64)))"#),
        ("wasi:random/insecure-seed", WasiVersion::P2, r#"(export "insecure-seed" (func (result (tuple u64 u64))))"#),
        (
            "wasi:random/insecure-seed",
            WasiVersion::P3,
            r#"(export "get-insecure-seed" (func (result (tuple u64 u64))))"#,
        ),
        ("wasi:random/random", WasiVersion::P2, r#"(export "get-random-u64" (func (result u64)))"#),
        ("wasi:random/random", WasiVersion::P3, r#"(export "get-random-u64" (func (result u64)))"#),
    ];
    const GET_ARGUMENTS: &str = r#"(export "get-arguments" (func (result (list string))))"#;
    const NOW: &str = r#"(export "now" (func (result u64)))"#;

    /// Refused interfaces of the library, each with an item that would be linked if it were granted.
    const OF_REFUSED: &[(&str, &str)] = &[
        ("wasi:http/client@0.3.0", r#"(export "send" (func))"#),
        ("wasi:http/outgoing-handler@0.2.12", r#"(export "handle" (func))"#),
        ("wasi:sockets/instance-network@0.2.12", r#"(export "instance-network" (func))"#),
        ("wasi:sockets/ip-name-lookup@0.2.12", r#"(export "resolve-address-stream" (type (sub resource)))"#),
        ("wasi:sockets/ip-name-lookup@0.3.0", r#"(export "resolve-addresses" (func))"#),
        ("wasi:sockets/network@0.2.12", r#"(export "network" (type (sub resource)))"#),
        ("wasi:sockets/tcp-create-socket@0.2.12", r#"(export "create-tcp-socket" (func))"#),
        ("wasi:sockets/tcp@0.2.12", r#"(export "tcp-socket" (type (sub resource)))"#),
        ("wasi:sockets/types@0.3.0", r#"(export "tcp-socket" (type (sub resource)))"#),
        ("wasi:sockets/udp-create-socket@0.2.12", r#"(export "create-udp-socket" (func))"#),
        ("wasi:sockets/udp@0.2.12", r#"(export "udp-socket" (type (sub resource)))"#),
    ];

    fn component(import: &str, item: &str) -> Vec<u8> {
        wat::parse_str(format!(r#"(component (import "{import}" (instance {item})))"#)).unwrap()
    }

    /// Links a component that imports an item.
    fn link(
        engine: &Engine,
        linker: &Linker<InstanceState>,
        import: &str,
        item: &str,
    ) -> std::result::Result<(), String> {
        let component = Component::new(engine, component(import, item)).unwrap();
        linker.instantiate_pre(&component).map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_granted_is_linked() {
        let engine = Engine::new(&glasshouse_engine::config()).unwrap();
        let linker = linker(&engine).unwrap();
        let of_each: BTreeSet<_> = OF_EACH.iter().map(|(name, line, _)| (*name, *line == WasiVersion::P3)).collect();
        let granted: BTreeSet<_> = GRANTED.iter().map(|(name, line, _)| (*name, *line == WasiVersion::P3)).collect();
        assert_eq!(of_each, granted);
        assert_eq!(GRANTED.len(), granted.len(), "an interface is there twice");
        for (name, line, item) in OF_EACH {
            // A later version, which is compatible with that of the library.
            let import = format!("{name}@0.{}.99", if *line == WasiVersion::P2 { 2 } else { 3 });
            assert_eq!(ImportStatus::of(&import), ImportStatus::Granted, "{import}");
            match link(&engine, &linker, &import, item) {
                Ok(()) => {}
                // The types of these functions are abbreviated here, so linking fails, but not because one is missing.
                Err(error) => assert!(item.contains("(func))") && !error.contains("missing"), "{import}: {error}"),
            }
            if !item.is_empty() {
                let nothing = Linker::new(&engine);
                let error = link(&engine, &nothing, &import, item).unwrap_err();
                assert!(error.contains("missing"), "{import} would be linked by an empty linker: {error}");
            }
        }
    }

    #[test]
    fn what_is_refused_is_not_linked() {
        let engine = Engine::new(&glasshouse_engine::config()).unwrap();
        let linker = linker(&engine).unwrap();
        for (import, item) in OF_REFUSED {
            assert!(matches!(ImportStatus::of(import), ImportStatus::Refused(_)), "{import}");
            let error = link(&engine, &linker, import, item).unwrap_err();
            assert!(error.contains("missing"), "{import}: {error}");
        }
    }

    /// Otherwise the test above would prove nothing.
    #[test]
    fn the_library_would_link_what_is_refused() {
        let engine = Engine::new(&glasshouse_engine::config()).unwrap();
        let mut all: Linker<InstanceState> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut all).unwrap();
        wasmtime_wasi::p3::add_to_linker(&mut all).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut all).unwrap();
        wasmtime_wasi_http::p3::add_to_linker(&mut all).unwrap();
        for (import, item) in OF_REFUSED {
            if let Err(error) = link(&engine, &all, import, item) {
                assert!(!error.contains("missing"), "{import}: {error}");
            }
        }
    }

    #[test]
    fn replayable_imports_are_granted() {
        for (interface, _) in crate::wasi::REPLAYABLE_IMPORTS {
            assert!(GRANTED.iter().any(|(granted, _, _)| granted == interface), "{interface}");
        }
    }

    #[test]
    fn names_are_judged_whole() {
        let rows = [
            ("wasi:cli/environment@0.2.0", true, false),
            ("wasi:cli/environment@0.3.0", true, false),
            ("wasi:cli/environment@0.4.0", false, false),
            ("wasi:cli/environment@1.2.0", false, false),
            ("wasi:cli/environment@0.3.0-rc-2026-01-01", false, false),
            ("wasi:cli/environment@0.2", false, false),
            ("wasi:cli/environment@0.2.0@0.2.0", false, false),
            ("wasi:cli/environment", false, false),
            ("wasi:cli/environments@0.2.0", false, false),
            ("wasi:cli@0.2.0", false, false),
            ("wasi:clocks/timezone@0.2.0", false, false),
            ("wasi:io/streams@0.3.0", false, false),
            ("wasi:sockets/tcp@0.2.0", false, true),
            ("wasi:sockets/tcp", false, true),
            ("wasi:sockets/anything@9.0.0", false, true),
            ("wasi:socketsx/tcp@0.2.0", false, false),
            ("acme:sockets/tcp@0.2.0", false, false),
            ("wasi:http/client@0.3.0", false, true),
            ("wasi:http/clients@0.3.0", false, false),
            ("wasi:keyvalue/store@0.2.0-draft2", false, true),
            ("", false, false),
            ("@", false, false),
        ];
        for (import, is_granted, is_refused) in rows {
            let status = ImportStatus::of(import);
            let expected = (is_granted, is_refused);
            assert_eq!(
                (status == ImportStatus::Granted, matches!(status, ImportStatus::Refused(_))),
                expected,
                "{import}"
            );
        }
    }

    /// The inspection uses the name of an import unchanged.
    #[test]
    fn an_import_is_judged_as_it_stands() {
        let inspection = Inspection::new(&component("wasi:sockets/tcp@0.2.0", ""));
        assert_eq!(inspection.imports.len(), 1);
        assert!(matches!(inspection.imports[0].status, ImportStatus::Refused(_)));
    }
}
