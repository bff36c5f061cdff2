//! Errors of Windows that the standard library does not tell apart.

use std::io;

/// `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE`.
const TOO_MANY_FILES: [i32; 2] = [4, 10_024];
/// `ERROR_CANT_RESOLVE_FILENAME`.
const LINK_LOOP: i32 = 1921;

/// Whether too many files are open.
pub(crate) fn is_too_many_files(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| TOO_MANY_FILES.contains(&number))
}

/// Whether a symbolic link leads to itself.
pub(crate) fn is_link_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(LINK_LOOP)
}

/// Whether the file is a socket, or a pipe that no process reads. Such a pipe cannot be named.
pub(crate) fn is_without_reader(_error: &io::Error) -> bool {
    false
}
