//! The published `wasmtime serve` and `wasmtime compile`: a host without code of glasshouse, in which the tests run the
//! handler.

use clap::Parser;
use std::process::ExitCode;
use wasmtime_cli::commands::{CompileCommand, ServeCommand};

#[derive(Parser)]
enum StockCommand {
    Serve(Box<ServeCommand>),
    Compile(Box<CompileCommand>),
}

fn main() -> ExitCode {
    let done = match StockCommand::parse() {
        StockCommand::Serve(serve) => serve.execute(),
        StockCommand::Compile(compile) => compile.execute(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
