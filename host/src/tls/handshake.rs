//! How a connection becomes one of TLS. It refuses to know what is served on it.

use super::Tls;
use glasshouse_http::{HasWriteTimeout, Protocol, Rewind, Sniffed, sniff};
use rustls::ProtocolVersion;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What is said to a client that speaks HTTP where TLS is spoken, which is 400 as elsewhere on the web. An alert of TLS would
/// tell a person nothing.
const MISTAKEN: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 55\r\n\
                        connection: close\r\n\r\nThis port speaks TLS: the address begins with https://\n";

/// What came of a new connection.
pub enum Handshake<S> {
    Done {
        stream: Secured<S>,
        spoken: Protocol,
        /// Of TLS, as programs that know it write it.
        version: Option<&'static str>,
    },
    /// It was no TLS, and the client was told.
    Mistaken,
    /// It failed or took too long. Who failed, and why, is known to the client; scanners fail all day.
    Failed(io::Error),
}

/// A connection of TLS, boxed as it is large. What it writes to has a limit for the time without progress, so it has
/// one itself.
pub struct Secured<S>(Box<TlsStream<Rewind<S>>>);

impl<S: HasWriteTimeout> HasWriteTimeout for Secured<S> {}

impl<S: HasWriteTimeout> AsyncRead for Secured<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: HasWriteTimeout> AsyncWrite for Secured<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Tls {
    /// Shakes hands within so much time.
    pub async fn accept<S>(&self, stream: S, patience: Duration) -> Handshake<S>
    where
        S: HasWriteTimeout,
    {
        timeout(patience, self.accept_at_last(stream))
            .await
            .unwrap_or_else(|_| Handshake::Failed(ErrorKind::TimedOut.into()))
    }

    async fn accept_at_last<S>(&self, stream: S) -> Handshake<S>
    where
        S: HasWriteTimeout,
    {
        let (speaks, mut opened) = sniff(stream).await;
        if speaks != Sniffed::Tls {
            if opened.is_empty() {
                return Handshake::Failed(ErrorKind::UnexpectedEof.into());
            }
            // Who does not read it has been told.
            let _ = opened.write_all(MISTAKEN.as_bytes()).await;
            let _ = opened.shutdown().await;
            return Handshake::Mistaken;
        }
        match TlsAcceptor::from(self.config.clone()).accept(opened).await {
            Ok(stream) => {
                let agreed = stream.get_ref().1;
                let spoken = if agreed.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
                let version = match agreed.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                    Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                    _ => None,
                };
                Handshake::Done { stream: Secured(Box::new(stream)), spoken, version }
            }
            Err(error) => Handshake::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_text() {
        let (head, text) = MISTAKEN.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", text.len())), "{}", text.len());
    }
}
