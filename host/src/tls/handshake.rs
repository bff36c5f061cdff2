//! The TLS handshake of a connection.

use super::Tls;
use glasshouse_http::{HasWriteTimeout, Protocol, Rewind, SendFile, Sniffed, raw_response, sniff};
use http::{StatusCode, Version};
use rustls::ProtocolVersion;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The text for a plain HTTP request on a TLS port. A user could not read a TLS alert.
const PLAIN_HTTP_TEXT: &str = "This port speaks TLS: the address begins with https://\n";

/// The result of a handshake.
pub(crate) enum Handshake<S> {
    Done {
        stream: EncryptedStream<S>,
        protocol: Protocol,
        /// The version of TLS for the log, such as `TLSv1.3`.
        version: Option<&'static str>,
    },
    /// The client sent no TLS, and has received a 400.
    PlainHttp,
    /// The handshake failed or timed out. This is common on public addresses, so it is logged at `debug`.
    Failed(io::Error),
}

/// An encrypted connection. Boxed, because it is large. The inner stream has the write timeout.
pub(crate) struct EncryptedStream<S>(Box<TlsStream<Rewind<S>>>);

impl<S: HasWriteTimeout> HasWriteTimeout for EncryptedStream<S> {}

impl<S: HasWriteTimeout> SendFile for EncryptedStream<S> {}

impl<S: HasWriteTimeout> AsyncRead for EncryptedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: HasWriteTimeout> AsyncWrite for EncryptedStream<S> {
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
    /// Performs the handshake, within `limit`.
    pub(crate) async fn accept<S>(&self, stream: S, limit: Duration) -> Handshake<S>
    where
        S: HasWriteTimeout,
    {
        timeout(limit, self.accept_without_limit(stream))
            .await
            .unwrap_or_else(|_| Handshake::Failed(ErrorKind::TimedOut.into()))
    }

    async fn accept_without_limit<S>(&self, stream: S) -> Handshake<S>
    where
        S: HasWriteTimeout,
    {
        let (sniffed, mut stream) = sniff(stream).await;
        if sniffed != Sniffed::Tls {
            if stream.is_empty() {
                return Handshake::Failed(ErrorKind::UnexpectedEof.into());
            }
            // The client may have left.
            let response = raw_response(Version::HTTP_11, StatusCode::BAD_REQUEST, PLAIN_HTTP_TEXT);
            let _ = stream.write_all(response.as_bytes()).await;
            let _ = stream.shutdown().await;
            return Handshake::PlainHttp;
        }
        match TlsAcceptor::from(self.config.clone()).accept(stream).await {
            Ok(stream) => {
                let session = stream.get_ref().1;
                let protocol = if session.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
                let version = match session.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                    Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                    _ => None,
                };
                Handshake::Done { stream: EncryptedStream(Box::new(stream)), protocol, version }
            }
            Err(error) => Handshake::Failed(error),
        }
    }
}
