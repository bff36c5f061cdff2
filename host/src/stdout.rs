//! Writes to standard output what was asked for. Nobody has to read all of it: a reader that leaves early is no error.

use crate::config::StartupError;
use glasshouse_http::bounded_file;
use std::io::{self, ErrorKind, Write as _};

/// Writes bytes to standard output.
///
/// # Errors
/// They cannot be written.
pub fn print(bytes: &[u8]) -> Result<(), StartupError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(StartupError::CannotServe(format!(
            "cannot write to standard output: {}; send it elsewhere",
            bounded_file::reason(&error)
        ))),
        _ => Ok(()),
    }
}
