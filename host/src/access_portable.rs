//! Tries whether this process may use a file or a directory, on a system that does not answer the question.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

/// Required to open a directory.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// Checks that a directory can be listed.
pub(crate) fn check_directory(path: &Path) -> io::Result<()> {
    fs::read_dir(path).map(drop)
}

/// Checks that a file can be read.
pub(crate) fn check_file(path: &Path) -> io::Result<()> {
    File::open(path).map(drop)
}

/// The answer would need a new file, so the first write gives it.
pub(crate) fn check_writable(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a directory for reading.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    OpenOptions::new().read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}
