//! glasshouse: serves one directory over HTTP from inside a sandbox. Parses, makes ready, runs, and tells by its exit
//! code how it went: 0 stopped when asked to, 1 cannot serve, or what it inspected could not, 2 cannot be understood.

mod args;
mod banner;
mod check;
mod component;
mod config;
mod harden;
mod inspect;
mod manual;
mod passwd;
mod redirect;
mod server;
mod shutdown;
mod tls;
mod worker;

use args::{Args, Export, Output, Setting, Task};
use config::{Config, Fault, Handler, Rights};
use glasshouse_front::Log;
use glasshouse_sandbox::{COMPILED, Code, P2, P3, Sandbox, Terms};
use harden::Hardening;
use redirect::Redirect;
use server::Server;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::{fmt, fs, iter};
use tls::{Identity, Tls};
use tokio::runtime::Builder;

/// Tells the handler that file bodies are taken over by the host; see the handler's own configuration.
const DIRECT: (&str, &str) = ("GLASSHOUSE_BODY", "direct");

fn main() -> ExitCode {
    let done = match Task::from_command_line() {
        Task::Serve(args) => serve(args).map(|()| true),
        Task::Check(args, settings) => check(args, settings).map(|()| true),
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
            Log::new(false).error(&fault);
            ExitCode::from(fault.exit_code())
        }
    }
}

fn serve(args: Args) -> Result<(), Fault> {
    let config = Config::from_args(args)?;
    let log = Log::new(config.quiet);
    let sandbox = sandbox(&config, &log)?;
    if let Some(key) = config.identity.as_ref().and_then(|identity| identity.key_within(&config.directory)) {
        log.error(format_args!("everybody can read the key '{}': keep it where it is not served", key.display()));
    }
    let unable = |error: io::Error| Fault::CannotServe(format!("cannot serve: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(unable)?;
    runtime.block_on(async {
        let stop = shutdown::requested();
        let listeners = config.listen()?;
        let banner = banner::text(&listeners.serving, config.identity.as_ref());
        let redirect = Redirect::to(&listeners.serving);
        give_up_rights(&config, &sandbox, &log)?;
        let tls = config.identity.map(|identity| Tls::new(identity, config.protocol, log.clone())).transpose();
        let tls = tls.map_err(|reason| Fault::CannotServe(format!("cannot speak TLS: {reason}")))?;
        if !config.quiet {
            banner::announce(&banner);
        }
        let stop = async {
            shutdown::farewell(stop.await);
        };
        let (version, threads, limits, users) =
            (config.protocol.version(), config.threads, config.limits, config.users);
        let server = Server { sandbox, listeners, redirect, tls, version, threads, limits, users, log };
        server.run(stop).await.map_err(unable)
    })
}

/// From here on the process can do little but serve. Until here no thread but this one was started, and what is not in the
/// served directory is read.
fn give_up_rights(config: &Config, sandbox: &Sandbox, log: &Log) -> Result<(), Fault> {
    if config.rights == Rights::AreKept {
        return Ok(());
    }
    // Certificates are read again when they change.
    let certificates = config.identity.as_ref().map(Identity::directories).unwrap_or_default();
    let readable: Vec<BorrowedFd<'_>> = certificates.iter().map(AsFd::as_fd).chain([sandbox.root()]).collect();
    let state = harden::apply(&readable);
    enough(config.rights, &state)?;
    if !state.is_complete() {
        log.error(format_args!("this system does not take away all rights that serving does not need: {state}"));
    }
    Ok(())
}

/// Whether the process has given up as much as was asked for.
fn enough(rights: Rights, state: &Hardening) -> Result<(), Fault> {
    if rights == Rights::MustBeGivenUp && !state.is_complete() {
        return Err(Fault::CannotServe(format!(
            "cannot serve: --require-harden is more than this system can do: {state}; leave it out"
        )));
    }
    Ok(())
}

/// All that serving takes but to listen.
fn check(args: Args, settings: Vec<Setting>) -> Result<(), Fault> {
    let config = Config::from_args(args)?;
    sandbox(&config, &Log::new(false))?;
    let rights = match config.rights {
        Rights::AreKept => "kept".to_owned(),
        Rights::AreGivenUp | Rights::MustBeGivenUp => {
            let state = harden::probe();
            enough(config.rights, &state)?;
            state.to_string()
        }
    };
    let text = check::report(&config, settings, &rights);
    io::stdout().write_all(text.as_bytes()).map_err(|error| Fault::CannotServe(format!("cannot write: {error}")))
}

/// The handler, ready to run on the terms of the configuration.
fn sandbox(config: &Config, log: &Log) -> Result<Arc<Sandbox>, Fault> {
    let (handler, name) = match &config.handler {
        Handler::Embedded => (Code::Compiled(COMPILED), "that is built in".into()),
        Handler::File { path, bytes } => (Code::Component(bytes), format!("'{}'", path.display())),
    };
    let direct = iter::once((DIRECT.0.to_owned(), DIRECT.1.to_owned()));
    let log = log.clone();
    let terms = Terms {
        directory: config.directory.clone(),
        environment: config.guest.iter().cloned().chain(direct).collect(),
        is_pure: config.is_pure,
        ceilings: config.ceilings.clone(),
        complain: Arc::new(move |text: fmt::Arguments<'_>| log.error(text)),
    };
    Sandbox::new(handler, terms).map_err(|error| {
        // What lies beneath quotes the file, in lines of its own.
        let cause = error.to_string().lines().next().unwrap_or_default().to_owned();
        Fault::CannotServe(format!("cannot run the handler {name}: {cause}; name another one with --handler"))
    })
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
