//! Accepts connections with one call each: the socket is then non-blocking.

use super::DetachedSocket;
use crate::listen::Listener;
use rustix::net::{SocketFlags, acceptfrom_with};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A listener in the poller of the accepting thread.
pub(crate) struct Acceptor(AsyncFd<Listener>);

impl Acceptor {
    /// # Errors
    /// The system cannot poll the listener.
    pub(crate) fn from_std(listener: Listener) -> io::Result<Acceptor> {
        // SAFETY: a `Listener` owns its descriptor and returns the same one in every call.
        #[expect(unsafe_code, reason = "tokio cannot check this")]
        let registered = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
        Ok(Acceptor(registered?))
    }

    /// The next connection and the address of its peer. A peer on a Unix socket has the loopback address.
    ///
    /// # Errors
    /// The client has closed the connection, or the system lacks descriptors or memory.
    pub(crate) async fn accept(&self) -> io::Result<(DetachedSocket, IpAddr)> {
        self.0.async_io(Interest::READABLE, accept).await
    }
}

fn accept(listener: &Listener) -> io::Result<(DetachedSocket, IpAddr)> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    Ok(match listener {
        Listener::Tcp(_) => {
            let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
            let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?.ip().to_canonical();
            (DetachedSocket::Tcp(socket.into()), peer)
        }
        Listener::Unix(_) => (DetachedSocket::Unix(socket.into()), Ipv4Addr::LOCALHOST.into()),
    })
}
