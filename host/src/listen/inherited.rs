//! Listeners that somebody opened before this process began, such as a service manager (`sd_listen_fds(3)`). It refuses to know who
//! connects to them.

use super::Listener;
use crate::error::StartupError;
use listenfd::ListenFd;
use socket2::SockRef;
use std::io;

/// Those that were handed over, in their order; none where the variables `LISTEN_FDS` and `LISTEN_PID` say nothing to this process.
///
/// # Errors
/// One that no client of HTTP could connect to.
pub fn inherited() -> Result<Vec<Listener>, StartupError> {
    // A library, because a number becomes a descriptor by `unsafe` alone.
    let mut handed = ListenFd::from_env();
    (0..handed.len()).map(|at| take(&mut handed, at)).collect()
}

fn take(handed: &mut ListenFd, at: usize) -> Result<Listener, StartupError> {
    let number = at + 1;
    let fault = |reason: &str| {
        StartupError::CannotServe(format!("cannot listen on socket {number} of those that were handed over: {reason}"))
    };
    let listener = match (handed.take_tcp_listener(at), handed.take_unix_listener(at)) {
        (Ok(Some(listener)), _) => Listener::Tcp(listener),
        (_, Ok(Some(listener))) => Listener::Unix(listener),
        _ => return Err(fault("it is none of TCP, and no stream of Unix; give it as ListenStream=")),
    };
    match listener.make_ready() {
        Ok(true) => Ok(listener),
        Ok(false) => Err(fault("nobody listens on it; leave out Accept=yes")),
        Err(error) => Err(fault(&format!("{error}; give it as ListenStream="))),
    }
}

impl Listener {
    /// Whether it listens; from now on without blocking.
    fn make_ready(&self) -> io::Result<bool> {
        let socket = match self {
            Listener::Tcp(listener) => SockRef::from(listener),
            Listener::Unix(listener) => SockRef::from(listener),
        };
        socket.set_nonblocking(true)?;
        socket.is_listener()
    }
}
