//! glasshouse: serves one directory over HTTP from inside a sandbox. Chooses what was asked for, and tells by its exit
//! code how it went: 0 stopped when asked to, 1 cannot serve, or what it inspected could not, 2 cannot be understood.

mod admin;
mod args;
mod banner;
mod browser;
mod check;
mod component_file;
mod config;
mod generate;
mod harden;
mod inspect;
mod listen;
mod logging;
mod metrics;
mod passwd;
mod qr;
mod redirect_listener;
mod reload;
mod router;
mod sd_notify;
mod serve;
mod server;
mod setup;
mod shutdown;
mod site_report;
mod socket;
mod stdout;
mod tls;
mod worker;

use args::{Export, Level, Output, Task};
use config::StartupError;
use glasshouse_http::bounded_file;
use glasshouse_sandbox::{P2, P3};
use harden::Inherited;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use tracing::error;

fn main() -> ExitCode {
    // Before anything is opened here.
    let inherited = Inherited::find();
    let task = Task::from_command_line();
    logging::start(task.as_ref().map_or(Level::Error, Task::level));
    match task.and_then(|task| carry_out(task, inherited)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            error!("{fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

/// Does what was asked for. `false` is an answer that is no error: an inspected component could not serve.
fn carry_out(task: Task, inherited: Inherited) -> Result<bool, StartupError> {
    match task {
        Task::Serve(args) => serve::serve(args, inherited).map(|()| true),
        Task::Check(args, settings) => serve::check(args, settings).map(|()| true),
        Task::Export(export) => write_out(&export).map(|()| true),
        Task::Inspect(asked) => inspect::inspect(&asked),
        Task::Completions(shell) => generate::completions(shell).map(|()| true),
        Task::Man(output) => generate::pages(output.as_deref()).map(|()| true),
        Task::Passwd(words) => passwd::set(&words).map(|()| true),
    }
}

/// Writes the component to a file, for other hosts.
fn write_out(export: &Export) -> Result<(), StartupError> {
    let component = if export.p2 { P2 } else { P3 };
    let Output::File(path) = &export.output else { return stdout::print(component) };
    bounded_file::create(path).and_then(|mut file| file.write_all(component)).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such directory".to_owned(),
            _ => bounded_file::reason(&error),
        };
        let name = path.display();
        StartupError::CannotServe(format!("cannot write the handler to '{name}': {reason}; name another file with -o"))
    })
}
