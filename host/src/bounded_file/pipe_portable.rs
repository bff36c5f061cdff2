//! Opens a file on a system where a path does not lead to a pipe of another program by accident.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Instant;

/// Opens a file. The system reports a directory as a lack of permission, so it is recognized first.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    File::open(path)
}

/// Returns `false` after the deadline. A read may wait longer.
pub(super) fn wait_readable(_file: &File, deadline: Instant) -> io::Result<bool> {
    Ok(Instant::now() < deadline)
}
