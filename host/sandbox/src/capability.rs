//! What a handler may import: one table, from which the linker is made and by which a component is judged before it is compiled.
//! It refuses to know how a component is read, and offers nothing that the table does not name.
//!
//! [`crate::witness`] has a table of its own, of functions: this one says what a handler may call, that one which of these calls
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
pub enum Standing {
    /// Every handler has it.
    Granted,
    /// No handler has it, for this reason.
    Refused(&'static str),
    /// This host has never heard of it, or not in this version.
    Unknown,
}

impl Standing {
    /// What an import is, by its name as it stands in a component, such as `wasi:cli/environment@0.2.6`.
    pub fn of(import: &str) -> Standing {
        let (interface, version) = import.split_once('@').unwrap_or((import, ""));
        let line = Version::parse(version).ok().and_then(|version| Line::of(&version));
        if line.is_some_and(|line| GRANTED.iter().any(|(granted, at, _)| (*granted, *at) == (interface, line))) {
            return Standing::Granted;
        }
        let refused = REFUSED.iter().find(|(refused, _)| match refused.strip_suffix('*') {
            Some(package) => interface.starts_with(package),
            None => interface == *refused,
        });
        refused.map_or(Standing::Unknown, |(_, reason)| Standing::Refused(reason))
    }
}

/// Versions that can stand in for each other, as semantic versioning has it for those that begin with a zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// 0.2.x
    P2,
    /// 0.3.x
    P3,
}

impl Line {
    /// The line of a version; `None` for any other, and for one before its release, which stands in for nothing but itself.
    pub fn of(version: &Version) -> Option<Line> {
        match (version.major, version.minor) {
            (0, 2) if version.pre.is_empty() => Some(Line::P2),
            (0, 3) if version.pre.is_empty() => Some(Line::P3),
            _ => None,
        }
    }
}

/// An interface, its versions, and what links it.
type Grant = (&'static str, Line, fn(&mut Linker<State>) -> Result<()>);

/// All that a handler is offered. More than ours needs: any handler for `wasi:http` with a file system links. What a function then
/// does is bounded elsewhere: there is one directory and it is read-only, and the environment is what the program was told to say.
const GRANTED: &[Grant] = &[
    ("wasi:cli/environment", Line::P2, |l| p2::cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/environment", Line::P3, |l| p3::cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/exit", Line::P2, |l| p2::cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/exit", Line::P3, |l| p3::cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stderr", Line::P2, |l| p2::cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stderr", Line::P3, |l| p3::cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdin", Line::P2, |l| p2::cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdin", Line::P3, |l| p3::cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdout", Line::P2, |l| p2::cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/stdout", Line::P3, |l| p3::cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-input", Line::P2, |l| p2::cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-input", Line::P3, |l| p3::cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-output", Line::P2, |l| p2::cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-output", Line::P3, |l| p3::cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stderr", Line::P2, |l| p2::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stderr", Line::P3, |l| p3::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stdin", Line::P2, |l| p2::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stdin", Line::P3, |l| p3::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stdout", Line::P2, |l| p2::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    ("wasi:cli/terminal-stdout", Line::P3, |l| p3::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)),
    // Types, and nothing to link.
    ("wasi:cli/types", Line::P3, |_| Ok(())),
    ("wasi:clocks/monotonic-clock", Line::P2, |l| {
        p2::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/monotonic-clock", Line::P3, |l| {
        p3::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/system-clock", Line::P3, |l| {
        p3::clocks::system_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)
    }),
    ("wasi:clocks/types", Line::P3, |l| p3::clocks::types::add_to_linker::<_, WasiClocks>(l, State::clocks)),
    ("wasi:clocks/wall-clock", Line::P2, |l| p2::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)),
    ("wasi:filesystem/preopens", Line::P2, |l| {
        p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/preopens", Line::P3, |l| {
        p3::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/types", Line::P2, |l| {
        p2::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    ("wasi:filesystem/types", Line::P3, |l| {
        p3::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)
    }),
    // With the words for a request to somebody else, but nothing that would send it.
    ("wasi:http/types", Line::P2, |l| {
        http_p2::add_to_linker::<_, WasiHttp>(l, &http_p2::LinkOptions::default(), State::http)
    }),
    ("wasi:http/types", Line::P3, |l| http_p3::add_to_linker::<_, WasiHttp>(l, State::http)),
    ("wasi:io/error", Line::P2, |l| p2::io::error::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/poll", Line::P2, |l| p2::io::poll::add_to_linker::<_, Table>(l, table)),
    ("wasi:io/streams", Line::P2, |l| p2::io::streams::add_to_linker::<_, Table>(l, table)),
    ("wasi:random/insecure", Line::P2, |l| p2::random::insecure::add_to_linker::<_, WasiRandom>(l, State::random)),
    ("wasi:random/insecure", Line::P3, |l| p3::random::insecure::add_to_linker::<_, WasiRandom>(l, State::random)),
    ("wasi:random/insecure-seed", Line::P2, |l| {
        p2::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/insecure-seed", Line::P3, |l| {
        p3::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, State::random)
    }),
    ("wasi:random/random", Line::P2, |l| p2::random::random::add_to_linker::<_, WasiRandom>(l, State::random)),
    ("wasi:random/random", Line::P3, |l| p3::random::random::add_to_linker::<_, WasiRandom>(l, State::random)),
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
