//! Unix sockets as files: creates them with a mode, replaces stale ones, and removes them at exit.
//!
//! Does not remove a file that is not a socket, or a socket of another process.

use super::Listener;
use super::error::{ListenError, UnixSocketFault};
use crate::file_facts::{FileIdentity, identity, mode};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Stat, lstat, unlinkat};
use rustix::process::umask;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
pub(crate) use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The file of a socket. The drop removes it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    file: FileIdentity,
    /// The open directory that contains the file.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the process keeps all rights"))]
    pub(crate) directory: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if lstat(&self.path).is_ok_and(|stat| is_socket(&stat) && identity(&stat) == self.file) {
            // If this fails, the next server replaces the stale socket.
            let _ = unlinkat(CWD, &self.path, AtFlags::empty());
        }
    }
}

fn is_socket(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Socket
}

/// The path of a listener.
pub(super) fn path(listener: &UnixListener) -> Option<PathBuf> {
    Some(listener.local_addr().ok()?.as_pathname()?.to_owned())
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Listens on a socket at `path` with the permissions `mode`.
///
/// # Errors
/// The path has another file or a socket in use, or the socket cannot be created.
pub(crate) fn listen(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), ListenError> {
    remove_stale(path)
        .and_then(|()| create(path, mode).map_err(UnixSocketFault::Io))
        .map_err(|fault| ListenError::Unix { path: path.to_owned(), fault })
}

fn create(path: &Path, permissions: u32) -> io::Result<(UnixListener, SocketFile)> {
    let listener = bind(path, mode(permissions))?;
    listener.set_nonblocking(true)?;
    let stat = lstat(path)?;
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    Ok((listener, SocketFile { path: path.to_owned(), file: identity(&stat), directory }))
}

/// Sets the mode through the umask, so that the file never has another one. No other thread creates files yet.
fn bind(path: &Path, mode: Mode) -> io::Result<UnixListener> {
    let before = umask(Mode::from_raw_mode(0o777).difference(mode));
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

/// Removes a socket that no process listens on.
fn remove_stale(path: &Path) -> Result<(), UnixSocketFault> {
    match lstat(path) {
        Ok(stat) if !is_socket(&stat) => Err(UnixSocketFault::NotASocket),
        Ok(_) => match connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                unlinkat(CWD, path, AtFlags::empty()).map_err(|_| UnixSocketFault::Stale)
            }
            _ => Err(UnixSocketFault::InUse),
        },
        // The path is free, or `bind` reports the error.
        Err(_) => Ok(()),
    }
}

/// Connects without blocking, because the listener may never accept.
fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}
