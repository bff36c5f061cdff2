//! TCP and Unix sockets behind one type each, on the accepting thread and on the worker.

use crate::listen::Listener;
use glasshouse_http::WriteTimeout;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A listener in the poller of the accepting thread.
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection in the poller of the accepting thread.
pub(crate) enum AcceptedSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection in no poller, on its way to a worker thread.
pub(crate) enum DetachedSocket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection in the poller of a worker thread.
pub(crate) enum TimedSocket {
    Tcp(WriteTimeout<TcpStream>),
    Unix(WriteTimeout<UnixStream>),
}

impl Acceptor {
    pub(crate) fn from_std(listener: Listener) -> io::Result<Acceptor> {
        match listener {
            Listener::Tcp(listener) => TcpListener::from_std(listener).map(Acceptor::Tcp),
            Listener::Unix(listener) => UnixListener::from_std(listener).map(Acceptor::Unix),
        }
    }

    /// The next connection and the address of its peer. A peer on a Unix socket has the loopback address.
    ///
    /// # Errors
    /// The client has closed the connection, or the system lacks descriptors or memory.
    pub(crate) async fn accept(&self) -> io::Result<(AcceptedSocket, IpAddr)> {
        match self {
            Acceptor::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((AcceptedSocket::Tcp(stream), peer.ip().to_canonical()))
            }
            Acceptor::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((AcceptedSocket::Unix(stream), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}

impl AcceptedSocket {
    pub(crate) fn into_std(self) -> io::Result<DetachedSocket> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.into_std().map(DetachedSocket::Tcp),
            AcceptedSocket::Unix(stream) => stream.into_std().map(DetachedSocket::Unix),
        }
    }

    /// Writes as many bytes as the send buffer takes.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.try_write(bytes),
            AcceptedSocket::Unix(stream) => stream.try_write(bytes),
        }
    }
}

impl TimedSocket {
    /// `send_timeout` limits the time in which a write makes no progress.
    pub(crate) fn from_std(socket: DetachedSocket, send_timeout: Duration) -> io::Result<TimedSocket> {
        match socket {
            DetachedSocket::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                // Responses are written in large pieces; Nagle's algorithm would only delay the last packet.
                let _ = stream.set_nodelay(true);
                Ok(TimedSocket::Tcp(WriteTimeout::new(stream, send_timeout)))
            }
            DetachedSocket::Unix(stream) => {
                let stream = UnixStream::from_std(stream)?;
                Ok(TimedSocket::Unix(WriteTimeout::new(stream, send_timeout)))
            }
        }
    }
}
