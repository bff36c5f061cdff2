//! Writes the output of subcommands to standard output. A reader that leaves early is not an error.

use crate::bounded_file;
use crate::error::StartupError;
use std::io::{self, ErrorKind, Write as _};

/// Writes bytes to standard output.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print(bytes: &[u8]) -> Result<(), StartupError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(StartupError::CannotServe(format!(
            "cannot write to standard output: {}; redirect it elsewhere",
            bounded_file::reason(&error)
        ))),
        _ => Ok(()),
    }
}
