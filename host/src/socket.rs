//! TCP and Unix sockets behind one type each, on the accepting thread and on the worker.

use crate::listen::Listener;
use glasshouse_http::WriteTimeout;
use rustix::net::{SocketFlags, acceptfrom_with};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpStream, UnixStream};

/// A listener in the poller of the accepting thread.
pub(crate) struct Acceptor(AsyncFd<Listener>);

/// A connection in no poller: the accepting thread does not wait for it. The worker thread adds it to its poller.
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

impl DetachedSocket {
    /// Writes as many bytes as the send buffer takes.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            DetachedSocket::Tcp(stream) => stream.write(bytes),
            DetachedSocket::Unix(stream) => stream.write(bytes),
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
