//! Listening sockets inherited from the service manager (`sd_listen_fds(3)`).

use super::Listener;
use super::error::{InheritedFault, ListenError};
use listenfd::ListenFd;
use socket2::SockRef;
use std::io;

/// The inherited listeners, in their order. Without `LISTEN_FDS` for this process there are none.
///
/// # Errors
/// A socket is not a listening stream socket.
pub(crate) fn inherited() -> Result<Vec<Listener>, ListenError> {
    // The crate contains the `unsafe` conversion from a number to a descriptor.
    let mut sockets = ListenFd::from_env();
    let numbered = (0..sockets.len()).zip(1..);
    let listeners =
        numbered.map(|(at, number)| take(&mut sockets, at).map_err(|fault| ListenError::Inherited { number, fault }));
    listeners.collect()
}

fn take(sockets: &mut ListenFd, at: usize) -> Result<Listener, InheritedFault> {
    let listener = match (sockets.take_tcp_listener(at), sockets.take_unix_listener(at)) {
        (Ok(Some(listener)), _) => Listener::Tcp(listener),
        (_, Ok(Some(listener))) => Listener::Unix(listener),
        _ => return Err(InheritedFault::Kind),
    };
    if listener.set_nonblocking_if_listening()? { Ok(listener) } else { Err(InheritedFault::NotListening) }
}

impl Listener {
    fn set_nonblocking_if_listening(&self) -> io::Result<bool> {
        let socket = match self {
            Listener::Tcp(listener) => SockRef::from(listener),
            Listener::Unix(listener) => SockRef::from(listener),
        };
        socket.set_nonblocking(true)?;
        socket.is_listener()
    }
}
