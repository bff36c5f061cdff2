//! Detects the protocol of a connection from its first bytes. `hyper_util::server::conn::auto` does this too, but does
//! not recognize TLS.

use crate::send_file::SendFile;
use crate::write_timeout::HasWriteTimeout;
use bytes::Bytes;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first bytes of HTTP/2 (RFC 9113 3.4). No request of HTTP/1 starts with them.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of TLS, the record type of a handshake (RFC 8446 5.1). No method of HTTP contains it.
const HANDSHAKE: u8 = 22;
/// Maximum length of one read in bytes: most requests need only one.
const READ: usize = 2048;

/// The protocol of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// TLS.
    Tls,
    /// HTTP/2 without TLS.
    Http2,
    /// HTTP/1, or an unknown protocol.
    Other,
}

impl Sniffed {
    /// Returns `None` if it takes more bytes to decide.
    fn detect(first: &[u8]) -> Option<Sniffed> {
        match first {
            [] => None,
            [HANDSHAKE, ..] => Some(Sniffed::Tls),
            _ if first.starts_with(PREFACE) => Some(Sniffed::Http2),
            _ if PREFACE.starts_with(first) => None,
            _ => Some(Sniffed::Other),
        }
    }
}

/// A stream that yields the sniffed bytes again.
#[derive(Debug)]
pub struct Rewind<S> {
    first: Bytes,
    /// The stream behind the sniffed bytes.
    pub stream: S,
}

impl<S> Rewind<S> {
    /// A stream that yields these bytes first.
    pub(crate) fn new(first: Bytes, stream: S) -> Rewind<S> {
        Rewind { first, stream }
    }

    /// The sniffed bytes that were not read again, and the stream behind them.
    pub(crate) fn into_parts(self) -> (Bytes, S) {
        (self.first, self.stream)
    }

    /// Whether no bytes were sniffed, or all of them were read again.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

impl<S> From<S> for Rewind<S> {
    /// A stream without sniffed bytes.
    fn from(stream: S) -> Rewind<S> {
        Rewind::new(Bytes::new(), stream)
    }
}

/// Reads until the protocol is clear. The next read repeats an end or an error of the stream.
pub async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> (Sniffed, Rewind<S>) {
    let mut first = Vec::new();
    let sniffed = loop {
        if let Some(sniffed) = Sniffed::detect(&first) {
            break sniffed;
        }
        match poll_fn(|cx| poll_more(&mut stream, cx, &mut first)).await {
            Ok(more) if more > 0 => {}
            _ => break Sniffed::Other,
        }
    };
    (sniffed, Rewind { first: first.into(), stream })
}

/// Appends the available bytes. The buffer lives on the stack, so a silent connection holds none.
fn poll_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    first: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut buffer = [MaybeUninit::uninit(); READ];
    let mut buffer = ReadBuf::uninit(&mut buffer);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    first.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(buffer.filled().len()))
}

impl<S: HasWriteTimeout> HasWriteTimeout for Rewind<S> {}

/// Used below TLS, which sends no files.
impl<S: AsyncWrite + Unpin> SendFile for Rewind<S> {}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let some = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first.split_to(some));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewind<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use crate::sniff::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    /// Sends each piece after the server has read the previous one.
    async fn sniffed(pieces: &[&[u8]]) -> (Sniffed, Vec<u8>) {
        let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
        let (mut client, server) = duplex(longest.max(1));
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let sending = tokio::spawn(async move {
            for piece in pieces {
                client.write_all(&piece).await.unwrap();
            }
        });
        let (sniffed, mut stream) = sniff(server).await;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        sending.await.unwrap();
        (sniffed, all)
    }

    #[tokio::test]
    async fn the_first_bytes_decide_and_are_read_again() {
        let long = [b"GET /".as_slice(), &[b'a'; 3 * READ]].concat();
        let rows: &[(&[&[u8]], Sniffed)] = &[
            (&[b"GET / HTTP/1.1\r\n\r\n"], Sniffed::Other),
            (&[&long], Sniffed::Other),
            (&[b"P", b"OST / HTTP/1.1\r\n"], Sniffed::Other),
            (&[PREFACE, b"\0\0\0"], Sniffed::Http2),
            (&[&PREFACE[..1], &PREFACE[1..23], &PREFACE[23..], b"more"], Sniffed::Http2),
            (&[&PREFACE[..23]], Sniffed::Other),
            (&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"], Sniffed::Other),
            (&[b"\x16\x03\x01"], Sniffed::Tls),
            (&[], Sniffed::Other),
            (&[b"\0"], Sniffed::Other),
        ];
        for (pieces, expected) in rows {
            assert_eq!(sniffed(pieces).await, (*expected, pieces.concat()), "{pieces:?}");
        }
    }
}
