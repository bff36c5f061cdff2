//! Shell completions and manual pages, generated from the definition of the command line.

use crate::bounded_file;
use crate::error::StartupError;
use crate::{args, stdout};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io::ErrorKind;
use std::path::Path;

/// Writes the completions for a shell to standard output.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn completions(shell: Shell) -> Result<(), StartupError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::definition(), "glasshouse", &mut text);
    stdout::print(&text)
}

/// Writes all pages of the manual into a directory, or the first one to standard output.
///
/// # Errors
/// A file or standard output cannot be written.
pub(crate) fn pages(directory: Option<&Path>) -> Result<(), StartupError> {
    match directory {
        Some(directory) => clap_mangen::generate_to(args::definition(), directory).map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::NotFound => "no such directory".to_owned(),
                _ => bounded_file::reason(&error),
            };
            let message = format!("cannot write to '{}': {reason}; name a directory with -o", directory.display());
            StartupError::io(message, error)
        }),
        None => {
            let mut text = Vec::new();
            let rendered = Man::new(args::definition()).render(&mut text);
            rendered.map_err(|error| StartupError::io(format!("cannot render the manual: {error}"), error))?;
            stdout::print(&text)
        }
    }
}
