//! The errors of opening the log file, on every system.

use crate::bounded_file;
use crate::error::StartupError;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why a file cannot be the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogFileError {
    #[error("it is in a served directory, where every client could read it; name a file elsewhere")]
    InServedTree,
    #[cfg(unix)]
    #[error(
        "its directory contains served files or components, where the process keeps no right to create files; give \
         the log a directory of its own"
    )]
    BesideServed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The log file could not be opened again.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log '{}' again, entries still go to the previous file: {source}", path.display())]
pub(crate) struct ReopenError {
    pub(super) path: PathBuf,
    pub(super) source: LogFileError,
}

/// The error of the start for a file that cannot be the log.
pub(super) fn unusable(path: &Path, error: LogFileError) -> StartupError {
    let path = path.display();
    let LogFileError::Io(error) = error else {
        return StartupError::CannotServe(format!("cannot log to '{path}': {error}"));
    };
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        _ => bounded_file::reason(&error),
    };
    StartupError::io(format!("cannot log to '{path}': {reason}; name another file with --log-file"), error)
}
