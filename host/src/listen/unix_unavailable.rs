//! No Unix sockets: on a system where the standard library and the runtime have none.

use super::ListenError;
use std::path::{Path, PathBuf};

/// A listener. There is none.
#[derive(Debug)]
pub(crate) enum UnixListener {}

/// The file of a socket. There is none.
#[derive(Debug)]
pub(crate) enum SocketFile {}

/// # Errors
/// Always. The option is refused before.
pub(crate) fn listen(path: &Path, _mode: u32) -> Result<(UnixListener, SocketFile), ListenError> {
    Err(ListenError::NoUnixSockets(path.display().to_string()))
}

pub(super) fn path(listener: &UnixListener) -> Option<PathBuf> {
    match *listener {}
}
