//! Connections of either kind, TCP or Unix, on the thread that takes them and on the one that serves them. It refuses to know
//! what is said on them.

use crate::listen::Listener;
use glasshouse_http::WriteTimeout;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A listener that a thread waits for.
pub enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection on its way from one thread to another.
pub enum Stream {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection that a thread has accepted.
pub enum Incoming {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection that a thread serves.
pub enum Connection {
    Tcp(WriteTimeout<TcpStream>),
    Unix(WriteTimeout<UnixStream>),
}

impl Acceptor {
    pub fn from_std(listener: Listener) -> io::Result<Acceptor> {
        match listener {
            Listener::Tcp(listener) => TcpListener::from_std(listener).map(Acceptor::Tcp),
            Listener::Unix(listener) => UnixListener::from_std(listener).map(Acceptor::Unix),
        }
    }

    /// The next connection, and who is there. Whoever comes by a Unix socket is on this machine.
    ///
    /// # Errors
    /// A connection that is gone already, or a system that is out of something.
    pub async fn accept(&self) -> io::Result<(Incoming, IpAddr)> {
        match self {
            Acceptor::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Incoming::Tcp(stream), peer.ip().to_canonical()))
            }
            Acceptor::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Incoming::Unix(stream), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}

impl Connection {
    /// The limit is for the time without progress of what is written.
    pub fn from_std(stream: Stream, send_timeout: Duration) -> io::Result<Connection> {
        match stream {
            Stream::Tcp(stream) => TcpStream::from_std(stream).map(|stream| Connection::tcp(stream, send_timeout)),
            Stream::Unix(stream) => {
                UnixStream::from_std(stream).map(|stream| Connection::Unix(WriteTimeout::new(stream, send_timeout)))
            }
        }
    }

    fn tcp(stream: TcpStream, send_timeout: Duration) -> Connection {
        // Answers are written whole; waiting for more of them only delays the last packet. A refusal costs no more than
        // that.
        let _ = stream.set_nodelay(true);
        Connection::Tcp(WriteTimeout::new(stream, send_timeout))
    }
}

impl Incoming {
    pub fn into_std(self) -> io::Result<Stream> {
        match self {
            Incoming::Tcp(stream) => stream.into_std().map(Stream::Tcp),
            Incoming::Unix(stream) => stream.into_std().map(Stream::Unix),
        }
    }

    /// Writes what there is room for.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Incoming::Tcp(stream) => stream.try_write(bytes),
            Incoming::Unix(stream) => stream.try_write(bytes),
        }
    }
}
