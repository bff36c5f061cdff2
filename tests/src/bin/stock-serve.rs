//! `wasmtime serve` and nothing else: the command as Wasmtime publishes it, so that the handler is proved in a host that
//! knows nothing of glasshouse. It refuses to add an option of its own.

use clap::Parser;
use wasmtime_cli::commands::ServeCommand;

fn main() -> std::process::ExitCode {
    match ServeCommand::parse().execute() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            std::process::ExitCode::FAILURE
        }
    }
}
