//! Errors of the system that the standard library does not tell apart.

use rustix::io::Errno;
use std::io;

/// Whether too many files are open.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Whether a symbolic link leads to itself.
pub(crate) fn is_link_loop(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// Whether the file is a socket, or a pipe that no process reads.
pub(crate) fn is_without_reader(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}
