//! What is told of the command line elsewhere: completions for shells, and pages of the manual. It refuses to know an option:
//! both are made from the one definition.

use crate::config::StartupError;
use crate::{args, stdout};
use clap_complete::Shell;
use clap_mangen::Man;
use glasshouse_http::bounded_file;
use std::io::ErrorKind;
use std::path::Path;

/// Writes the completions for a shell to standard output.
pub fn completions(shell: Shell) -> Result<(), StartupError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::definition(), "glasshouse", &mut text);
    stdout::print(&text)
}

/// Writes all pages of the manual into a directory, or the first of them to standard output.
pub fn pages(directory: Option<&Path>) -> Result<(), StartupError> {
    match directory {
        Some(directory) => clap_mangen::generate_to(args::definition(), directory).map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::NotFound => "no such directory".to_owned(),
                _ => bounded_file::reason(&error),
            };
            StartupError::CannotServe(format!(
                "cannot write to '{}': {reason}; name a directory with -o",
                directory.display()
            ))
        }),
        None => {
            let mut text = Vec::new();
            // Memory takes all of it.
            let _ = Man::new(args::definition()).render(&mut text);
            stdout::print(&text)
        }
    }
}
