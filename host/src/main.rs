//! The program `glasshouse`: runs a subcommand and returns its exit code.
//!
//! 0: success. 1: this machine cannot do it, or an inspected component cannot serve. 2: invalid options.

#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::allow_attributes_without_reason,
        unreachable_pub
    )
)]

mod accept;
#[cfg_attr(not(unix), path = "access_portable.rs")]
mod access;
mod admin;
mod app;
mod args;
mod banner;
mod bounded_file;
mod browser;
mod chain;
mod check;
#[cfg_attr(not(target_os = "linux"), path = "compiler_unavailable.rs")]
mod compiler;
mod component_file;
mod compose;
mod config;
mod error;
#[cfg(unix)]
mod file_facts;
mod generate;
mod harden;
mod inspect;
mod listen;
mod live;
mod logging;
mod metrics;
mod oci;
#[cfg_attr(not(unix), path = "os_bytes_portable.rs")]
mod os_bytes;
mod output_file;
mod pack;
mod passwd;
#[cfg_attr(not(feature = "qr"), path = "qr_unavailable.rs")]
mod qr;
mod redirect_listener;
mod reload;
mod reload_trees;
mod rights;
#[cfg_attr(not(target_os = "linux"), path = "sd_notify_unavailable.rs")]
mod sd_notify;
mod serve;
mod server;
mod setup;
mod sha256;
mod shutdown;
mod site_report;
mod socket;
mod source_date;
mod stdout;
#[cfg_attr(not(unix), path = "system_errors_windows.rs")]
mod system_errors;
#[cfg_attr(not(feature = "tls"), path = "tls_unavailable.rs")]
mod tls;
mod users_file;
mod worker;

use args::{Export, Level, Task};
use error::StartupError;
use glasshouse_sandbox::{P2, P3};
use harden::Inherited;
use oci::Artifact;
use source_date::source_date;
use std::process::ExitCode;
use tracing::error;

fn main() -> ExitCode {
    // First, because every descriptor that is open now is inherited.
    let inherited = Inherited::find();
    if compiler::is_requested() {
        drop(inherited);
        return compiler::run();
    }
    let task = Task::from_command_line();
    logging::start(task.as_ref().map_or(Level::Warn, Task::level));
    match task.and_then(|task| run(task, inherited)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Returns `false` if an inspected component cannot serve.
fn run(task: Task, inherited: Inherited) -> Result<bool, StartupError> {
    match task {
        Task::Serve(args) => serve::serve(args, inherited).map(|()| true),
        Task::Check(args, settings) => serve::check(args, settings).map(|()| true),
        Task::Export(export) => export_handler(&export).map(|()| true),
        Task::Pack(options) => pack::pack(&options).map(|()| true),
        Task::Compose(options) => compose::compose(&options).map(|()| true),
        Task::Inspect(options) => inspect::inspect(&options),
        Task::Completions(shell) => generate::completions(shell).map(|()| true),
        Task::Man(output) => generate::pages(output.as_deref()).map(|()| true),
        Task::Passwd(options) => passwd::set(&options).map(|()| true),
    }
}

/// Writes the built-in handler to a file, for other hosts.
fn export_handler(export: &Export) -> Result<(), StartupError> {
    let component = if export.p2 { &P2 } else { &P3 };
    if !export.oci {
        return component_file::write(&export.output, component, "handler");
    }
    let (version, created) = (env!("CARGO_PKG_VERSION"), source_date()?.unwrap_or(0));
    let artifact = Artifact { component, title: "glasshouse handler", version, created };
    let mut archive = Vec::new();
    artifact.write(&mut archive).map_err(|error| StartupError::io("cannot write the artifact".into(), error))?;
    component_file::write(&export.output, &archive, "handler")
}
