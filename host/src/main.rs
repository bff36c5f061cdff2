//! glasshouse: serves one directory over HTTP from inside a sandbox. Parses, makes ready, runs, and tells by its exit
//! code how it went: 0 stopped when asked to, 1 cannot serve, 2 cannot be understood.

mod args;
mod banner;
mod config;
mod server;
mod shutdown;

use args::{Args, Export, Output, Task};
use config::{Config, Fault, Handler};
use glasshouse_front::Log;
use glasshouse_sandbox::{COMPILED, Code, P2, P3, Sandbox};
use server::Server;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::{fs, iter};
use tokio::runtime::Builder;

/// Tells the handler that file bodies are taken over by the host; see the handler's own configuration.
const DIRECT: (&str, &str) = ("GLASSHOUSE_BODY", "direct");

fn main() -> ExitCode {
    let done = match Task::from_command_line() {
        Task::Serve(args) => serve(args),
        Task::Export(export) => write_out(&export),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            Log::new(false).error(&fault);
            ExitCode::from(fault.exit_code())
        }
    }
}

fn serve(args: Args) -> Result<(), Fault> {
    let config = Config::from_args(args)?;
    let Config { directory, protocol, threads, .. } = &config;
    let (handler, name) = match &config.handler {
        Handler::Embedded => (Code::Compiled(COMPILED), "that is built in".into()),
        Handler::File { path, bytes } => (Code::Component(bytes), format!("'{}'", path.display())),
    };
    let direct = iter::once((DIRECT.0.to_owned(), DIRECT.1.to_owned()));
    let environment = config.guest.iter().cloned().chain(direct).collect();
    let unable = |error: &dyn std::fmt::Display| Fault::CannotServe(format!("cannot serve: {error}"));
    let sandbox = Sandbox::new(handler, directory, environment, config.is_pure).map_err(|error| {
        // What lies beneath quotes the file, in lines of its own.
        let cause = error.to_string().lines().next().unwrap_or_default().to_owned();
        Fault::CannotServe(format!("cannot run the handler {name}: {cause}; name another one with --handler"))
    })?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| unable(&error))?;
    let (version, threads, limits, log) = (protocol.version(), *threads, config.limits, Log::new(config.quiet));
    runtime.block_on(async {
        let stop = shutdown::requested();
        let listeners = config.listen()?;
        if !config.quiet {
            banner::announce(&listeners);
        }
        let stop = async {
            shutdown::farewell(stop.await);
        };
        let server = Server { sandbox, listeners, version, threads, limits, log };
        server.run(stop).await.map_err(|error| unable(&error))
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
