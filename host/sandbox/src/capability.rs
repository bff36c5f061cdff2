//! What a handler may import: one table, from which the linker is made and by which a component is judged before it is compiled.
//! It refuses to know how a component is read, and offers nothing that the table does not name.
//!
//! [`crate::wasi::p3`] has a table of its own, of functions: this one says what a handler may call, that one which of these calls
//! leave a trace by which an answer can be given again. To be granted is not to be seen, so the two are not one.

use crate::sandbox::State;
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

/// What a name that is imported is to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStatus {
    /// Every handler has it.
    Granted,
    /// No handler has it, for this reason.
    Refused(&'static str),
    /// This host has never heard of it, or not in this version.
    Unknown,
}

impl ImportStatus {
    /// What an import is, by its name as it stands in a component, such as `wasi:cli/environment@0.2.6`.
    pub fn of(import: &str) -> ImportStatus {
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        let line = Version::parse(version).ok().and_then(|version| WasiVersion::of(&version));
        if line.is_some_and(|line| GRANTED.iter().any(|(granted, at, _)| (*granted, *at) == (interface, line))) {
            return ImportStatus::Granted;
        }
        let refused = REFUSED.iter().find(|(refused, _)| match refused.strip_suffix('*') {
            Some(package) => interface.starts_with(package),
            None => interface == *refused,
        });
        refused.map_or(ImportStatus::Unknown, |(_, reason)| ImportStatus::Refused(reason))
    }
}

/// Versions that can stand in for each other, as semantic versioning has it for those that begin with a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasiVersion {
    /// 0.2.x
    P2,
    /// 0.3.x
    P3,
}

impl WasiVersion {
    /// The line of a version; `None` for any other, and for one before its release, which stands in for nothing but itself.
    pub fn of(version: &Version) -> Option<WasiVersion> {
        match (version.major, version.minor) {
            (0, 2) if version.pre.is_empty() => Some(WasiVersion::P2),
            (0, 3) if version.pre.is_empty() => Some(WasiVersion::P3),
            _ => None,
        }
    }
}

/// An interface, its versions, and what links it.
type Grant = (&'static str, WasiVersion, fn(&mut Linker<State>) -> Result<()>);

/// All that a handler is offered. More than ours needs: any handler for `wasi:http` with a file system links. What a function then
/// does is bounded elsewhere: there is one directory and it is read-only, and the environment is what the program was told to say.
const GRANTED: &[Grant] = &[
    ("wasi:cli/environment", WasiVersion::P2, |l| p2::cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/environment", WasiVersion::P3, |l| p3::cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/exit", WasiVersion::P2, |l| p2::cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/exit", WasiVersion::P3, |l| p3::cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stderr", WasiVersion::P2, |l| p2::cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stderr", WasiVersion::P3, |l| p3::cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdin", WasiVersion::P2, |l| p2::cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdin", WasiVersion::P3, |l| p3::cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdout", WasiVersion::P2, |l| p2::cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdout", WasiVersion::P3, |l| p3::cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-input", WasiVersion::P2, |l| {
        p2::cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-input", WasiVersion::P3, |l| {
        p3::cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-output", WasiVersion::P2, |l| {
        p2::cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-output", WasiVersion::P3, |l| {
        p3::cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stderr", WasiVersion::P2, |l| {
        p2::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stderr", WasiVersion::P3, |l| {
        p3::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stdin", WasiVersion::P2, |l| {
        p2::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stdin", WasiVersion::P3, |l| {
        p3::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stdout", WasiVersion::P2, |l| {
        p2::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    ("wasi:cli/terminal-stdout", WasiVersion::P3, |l| {
        p3::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)
    }),
    // Types, and nothing to link.
    ("wasi:cli/types", WasiVersion::P3, |_| Ok(())),
    ("wasi:clocks/monotonic-clock", WasiVersion::P2, |l| {
        p2::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/monotonic-clock", WasiVersion::P3, |l| {
        p3::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/system-clock", WasiVersion::P3, |l| {
        p3::clocks::system_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/types", WasiVersion::P3, |l| p3::clocks::types::add_to_linker::<_, WasiClocks>(l, State::clocks)),
    ("wasi:clocks/wall-clock", WasiVersion::P2, |l| {
        p2::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:filesystem/preopens", WasiVersion::P2, |l| {
        p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/preopens", WasiVersion::P3, |l| {
        p3::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/types", WasiVersion::P2, |l| {
        p2::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/types", WasiVersion::P3, |l| {
        p3::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    // With the words for a request to somebody else, but nothing that would send it.
    ("wasi:http/types", WasiVersion::P2, |l| {
        http_p2::add_to_linker::<_, WasiHttp>(l, &http_p2::LinkOptions::default(), State::http)
    }),
    ("wasi:http/types", WasiVersion::P3, |l| http_p3::add_to_linker::<_, WasiHttp>(l, State::http)),
    ("wasi:io/error", WasiVersion::P2, |l| p2::io::error::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/poll", WasiVersion::P2, |l| p2::io::poll::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/streams", WasiVersion::P2, |l| p2::io::streams::add_to_linker::<_, Table>(l, table)),
    ("wasi:random/insecure", WasiVersion::P2, |l| {
        p2::random::insecure::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/insecure", WasiVersion::P3, |l| {
        p3::random::insecure::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/insecure-seed", WasiVersion::P2, |l| {
        p2::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/insecure-seed", WasiVersion::P3, |l| {
        p3::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/random", WasiVersion::P2, |l| p2::random::random::add_to_linker::<_, WasiRandom>(l, State::random)),
    ("wasi:random/random", WasiVersion::P3, |l| p3::random::random::add_to_linker::<_, WasiRandom>(l, State::random)),
];

/// What is known and given to nobody, in any version, and why; `*` stands for the rest of a package.
const REFUSED: &[(&str, &str)] = &[
    ("wasi:blobstore/*", "a handler has one directory to read, and no other store"),
    ("wasi:config/*", "a handler is told its options by the environment"),
    ("wasi:http/client", "a handler asks no other server"),
    ("wasi:http/outgoing-handler", "a handler asks no other server"),
    ("wasi:keyvalue/*", "a handler has one directory to read, and no other store"),
    ("wasi:messaging/*", "a handler opens no connection"),
    ("wasi:sockets/*", "a handler opens no connection"),
    ("wasi:sql/*", "a handler has one directory to read, and no other store"),
    ("wasi:tls/*", "a handler opens no connection"),
];

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(state: &mut State) -> &mut ResourceTable {
    &mut state.table
}

/// A linker with what is granted, each in the way of the library.
pub fn linker(engine: &Engine) -> Result<Linker<State>> {
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

    /// Something of each interface, by which it can be seen whether it is linked: a type that a host defines, or a function. An
    /// interface has neither if it has types alone.
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

    /// What no handler has, as the library has it, and as it would be linked if it were granted.
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

    /// Whether a component that imports something can be linked, or why not.
    fn link(engine: &Engine, linker: &Linker<State>, import: &str, item: &str) -> std::result::Result<(), String> {
        let component = Component::new(engine, component(import, item)).unwrap();
        linker.instantiate_pre(&component).map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_granted_is_linked() {
        let engine = Engine::new(&crate::engine::config()).unwrap();
        let linker = linker(&engine).unwrap();
        let of_each: BTreeSet<_> = OF_EACH.iter().map(|(name, line, _)| (*name, *line == WasiVersion::P3)).collect();
        let granted: BTreeSet<_> = GRANTED.iter().map(|(name, line, _)| (*name, *line == WasiVersion::P3)).collect();
        assert_eq!(of_each, granted);
        assert_eq!(GRANTED.len(), granted.len(), "an interface is there twice");
        for (name, line, item) in OF_EACH {
            // A later version than that of the library, which it stands in for.
            let import = format!("{name}@0.{}.99", if *line == WasiVersion::P2 { 2 } else { 3 });
            assert_eq!(ImportStatus::of(&import), ImportStatus::Granted, "{import}");
            match link(&engine, &linker, &import, item) {
                Ok(()) => {}
                // A function with the types of the interface in its own cannot be written here; that it is there is told.
                Err(error) => assert!(item.contains("(func))") && !error.contains("missing"), "{import}: {error}"),
            }
            if !item.is_empty() {
                let nothing = Linker::new(&engine);
                let error = link(&engine, &nothing, &import, item).unwrap_err();
                assert!(error.contains("missing"), "{import} would seem to be linked by nothing: {error}");
            }
        }
    }

    #[test]
    fn what_is_refused_is_not_linked() {
        let engine = Engine::new(&crate::engine::config()).unwrap();
        let linker = linker(&engine).unwrap();
        for (import, item) in OF_REFUSED {
            assert!(matches!(ImportStatus::of(import), ImportStatus::Refused(_)), "{import}");
            let error = link(&engine, &linker, import, item).unwrap_err();
            assert!(error.contains("missing"), "{import}: {error}");
        }
    }

    /// The rows above would be worth nothing if these names were none of the library's.
    #[test]
    fn the_library_would_link_what_is_refused() {
        let engine = Engine::new(&crate::engine::config()).unwrap();
        let mut all: Linker<State> = Linker::new(&engine);
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
    fn what_is_seen_is_granted() {
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
            let standing = ImportStatus::of(import);
            let expected = (is_granted, is_refused);
            assert_eq!(
                (standing == ImportStatus::Granted, matches!(standing, ImportStatus::Refused(_))),
                expected,
                "{import}"
            );
        }
    }

    /// A component is judged by the same names that its import has: nothing stands between.
    #[test]
    fn an_import_is_judged_as_it_stands() {
        let inspection = Inspection::of(&component("wasi:sockets/tcp@0.2.0", ""));
        assert_eq!(inspection.imports.len(), 1);
        assert!(matches!(inspection.imports[0].standing, ImportStatus::Refused(_)));
    }
}
