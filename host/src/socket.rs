//! TCP and Unix sockets behind one type each, on the accepting thread and on the worker.

#[cfg_attr(not(target_os = "linux"), path = "socket/acceptor_portable.rs")]
mod acceptor;

pub(crate) use acceptor::Acceptor;
use glasshouse_http::WriteTimeout;
use std::io::{self, Write as _};
use std::time::Duration;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connection in no poller: the accepting thread does not wait for it. The worker thread adds it to its poller.
pub(crate) enum DetachedSocket {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// A connection in the poller of a worker thread.
pub(crate) enum TimedSocket {
    Tcp(WriteTimeout<TcpStream>),
    #[cfg(unix)]
    Unix(WriteTimeout<UnixStream>),
}

impl DetachedSocket {
    /// Writes as many bytes as the send buffer takes.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            DetachedSocket::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
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
            #[cfg(unix)]
            DetachedSocket::Unix(stream) => {
                let stream = UnixStream::from_std(stream)?;
                Ok(TimedSocket::Unix(WriteTimeout::new(stream, send_timeout)))
            }
        }
    }
}
