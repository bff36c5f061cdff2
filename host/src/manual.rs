//! What is told of the command line elsewhere: completions for shells, and pages of the manual. It refuses to know an option:
//! both are made from the one definition.

use crate::args;
use crate::config::Fault;
use clap_complete::Shell;
use clap_mangen::Man;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes the completions for a shell to standard output.
pub fn completions(shell: Shell) -> Result<(), Fault> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::definition(), "glasshouse", &mut text);
    io::stdout().write_all(&text).map_err(|error| cannot_write(&"standard output", &error))
}

/// Writes all pages of the manual into a directory, or the first of them to standard output.
pub fn pages(directory: Option<&Path>) -> Result<(), Fault> {
    match directory {
        Some(directory) => clap_mangen::generate_to(args::definition(), directory)
            .map_err(|error| cannot_write(&format_args!("'{}'", directory.display()), &error)),
        None => Man::new(args::definition())
            .render(&mut io::stdout())
            .map_err(|error| cannot_write(&"standard output", &error)),
    }
}

fn cannot_write(place: &dyn fmt::Display, error: &io::Error) -> Fault {
    Fault::CannotServe(format!("cannot write to {place}: {error}"))
}
