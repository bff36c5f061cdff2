//! Unix sockets as files: made with a mode, in the place of one that nobody listens on any more, and removed at the end. It
//! refuses to touch a file that is no socket, and one that has come in the place of its own.

use crate::error::StartupError;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Stat, lstat, unlinkat};
use rustix::process::umask;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The file of a socket. It goes when this goes.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// What it lies in, open.
    pub directory: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if lstat(&self.path)
            .is_ok_and(|stat| is_socket(&stat) && (stat.st_dev, stat.st_ino) == (self.device, self.inode))
        {
            // Whoever comes next finds a socket that nobody listens on, and replaces it.
            let _ = unlinkat(CWD, &self.path, AtFlags::empty());
        }
    }
}

fn is_socket(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Socket
}

/// Listens on a socket of this path, which those may connect to whom `mode` lets write.
///
/// # Errors
/// Another file, or a socket that somebody listens on; a directory in which none can be made.
pub fn listen(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), StartupError> {
    let fault = |reason: &str| StartupError::CannotServe(format!("cannot listen on '{}': {reason}", path.display()));
    make_room(path).map_err(fault)?;
    let made = || -> io::Result<_> {
        let listener = bind(path, Mode::from_raw_mode(mode))?;
        listener.set_nonblocking(true)?;
        let stat = lstat(path)?;
        let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
        Ok((listener, SocketFile { path: path.to_owned(), device: stat.st_dev, inode: stat.st_ino, directory }))
    };
    made().map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault("no such directory; make it, or name another path"),
        ErrorKind::PermissionDenied => fault("permission denied; name a path where you may write"),
        ErrorKind::InvalidInput => fault("the path is too long for a socket; name a shorter one"),
        _ => fault(&format!("{error}; name another path")),
    })
}

/// The file has its mode from the first moment on; nothing else is made meanwhile.
fn bind(path: &Path, mode: Mode) -> io::Result<UnixListener> {
    let before = umask(Mode::from_raw_mode(0o777) - mode);
    let listener = UnixListener::bind(path);
    umask(before);
    listener
}

/// Removes a socket that nobody listens on any more.
fn make_room(path: &Path) -> Result<(), &'static str> {
    match lstat(path) {
        Ok(stat) if !is_socket(&stat) => Err("there is a file that is no socket; remove it, or name another path"),
        Ok(_) => match connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                unlinkat(CWD, path, AtFlags::empty()).map_err(|_| "a socket is left there; remove it")
            }
            _ => Err("address already in use; name another path"),
        },
        // There is none, or making it will say why not.
        Err(_) => Ok(()),
    }
}

/// Connects without waiting: whoever listens there need not accept anybody.
fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}
