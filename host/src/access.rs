//! Asks the system whether this process may use a file or a directory, and opens directories.

use rustix::fs::{Access, CWD, Mode, OFlags, access, openat};
use std::fs::File;
use std::io;
use std::path::Path;

/// Checks that files in a directory can be listed and opened. A sandbox opens the directory later.
pub(crate) fn check_directory(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::READ_OK | Access::EXEC_OK)?)
}

/// Checks that a file can be read.
pub(crate) fn check_file(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::READ_OK)?)
}

/// Checks that files can be created in a directory.
pub(crate) fn check_writable(directory: &Path) -> io::Result<()> {
    Ok(access(directory, Access::WRITE_OK)?)
}

/// Opens a directory for reading.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    Ok(openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into())
}
