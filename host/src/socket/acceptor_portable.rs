//! Accepts connections with the runtime, on systems where the kernel has no call that accepts and sets the flags.

use super::DetachedSocket;
use crate::listen::Listener;
use std::io;
use std::net::IpAddr;
#[cfg(unix)]
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

/// A listener in the poller of the accepting thread.
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Acceptor {
    /// # Errors
    /// The system cannot poll the listener.
    pub(crate) fn from_std(listener: Listener) -> io::Result<Acceptor> {
        match listener {
            Listener::Tcp(listener) => Ok(Acceptor::Tcp(TcpListener::from_std(listener)?)),
            #[cfg(unix)]
            Listener::Unix(listener) => Ok(Acceptor::Unix(UnixListener::from_std(listener)?)),
            #[cfg(not(unix))]
            Listener::Unix(listener) => match listener {},
        }
    }

    /// The next connection and the address of its peer. A peer on a Unix socket has the loopback address. The
    /// connection leaves the poller of this thread again.
    ///
    /// # Errors
    /// The client has closed the connection, or the system lacks descriptors or memory.
    pub(crate) async fn accept(&self) -> io::Result<(DetachedSocket, IpAddr)> {
        match self {
            Acceptor::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((DetachedSocket::Tcp(stream.into_std()?), peer.ip().to_canonical()))
            }
            #[cfg(unix)]
            Acceptor::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((DetachedSocket::Unix(stream.into_std()?), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}
