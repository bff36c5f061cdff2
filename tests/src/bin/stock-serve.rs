//! The published `wasmtime serve`: a host without code of glasshouse, in which the tests run the handler.

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
