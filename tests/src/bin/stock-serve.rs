//! The published `wasmtime serve` and nothing else, so that the tests run the handler in a host without code of
//! glasshouse.

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
