//! glasshouse: serves one directory over HTTP from inside a sandbox. Chooses what was asked for, and tells by its exit
//! code how it went: 0 stopped when asked to, 1 cannot serve, or what it inspected could not, 2 cannot be understood.

mod admin;
mod args;
mod banner;
mod browser;
mod check;
mod component;
mod config;
mod diagnostics;
mod handler;
mod harden;
mod inspect;
mod listen;
mod manager;
mod manual;
mod metrics;
mod passwd;
mod qr;
mod ready;
mod redirect;
mod reload;
mod serve;
mod server;
mod shutdown;
mod stream;
mod tls;
mod worker;

use args::{Export, Output, Task};
use config::Fault;
use glasshouse_sandbox::{P2, P3};
use harden::Inherited;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;
use tracing::error;

fn main() -> ExitCode {
    // Before anything is opened here.
    let inherited = Inherited::find();
    let task = Task::from_command_line();
    diagnostics::start(task.level());
    let done = match task {
        Task::Serve(args) => serve::serve(args, inherited).map(|()| true),
        Task::Check(args, settings) => serve::check(args, settings).map(|()| true),
        Task::Export(export) => write_out(&export).map(|()| true),
        Task::Inspect(asked) => inspect::inspect(&asked),
        Task::Completions(shell) => manual::completions(shell).map(|()| true),
        Task::Man(output) => manual::pages(output.as_deref()).map(|()| true),
        Task::Passwd(words) => passwd::set(&words).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            error!("{fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

/// Writes the component to a file, for other hosts.
fn write_out(export: &Export) -> Result<(), Fault> {
    let component = if export.p2 { P2 } else { P3 };
    let (written, name) = match &export.output {
        Output::Stdout => (io::stdout().write_all(component), "standard output".into()),
        Output::File(path) => (fs::write(path, component), path.to_string_lossy()),
    };
    written.map_err(|error| {
        Fault::CannotServe(format!("cannot write the handler to '{name}': {error}; name another file with -o"))
    })
}
