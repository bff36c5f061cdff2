//! The first bytes of a connection, which say what a client speaks. It refuses to know what it goes on to say.

use crate::write_timeout::HasWriteTimeout;
use bytes::Bytes;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a client of HTTP/2 begins (RFC 9113 3.4). No request of HTTP/1 begins like this.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The type of the record that a handshake of TLS begins with (RFC 8446 5.1). No method of HTTP has such a byte.
const HANDSHAKE: u8 = 22;
/// Enough for most requests to be read with one call, as they would be without this.
const ROOM: usize = 2048;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    Tls,
    Http2,
    /// HTTP/1, or nothing that is known.
    Other,
}

impl Sniffed {
    /// `None` where more bytes may tell.
    fn of(first: &[u8]) -> Option<Sniffed> {
        match first {
            [] => None,
            [HANDSHAKE, ..] => Some(Sniffed::Tls),
            _ if first.starts_with(PREFACE) => Some(Sniffed::Http2),
            _ if PREFACE.starts_with(first) => None,
            _ => Some(Sniffed::Other),
        }
    }
}

/// A stream that gives back what was read of it.
#[derive(Debug)]
pub struct Rewind<S> {
    first: Bytes,
    pub stream: S,
}

impl<S> Rewind<S> {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

impl<S> From<S> for Rewind<S> {
    /// A stream that nothing was read of.
    fn from(stream: S) -> Rewind<S> {
        Rewind { first: Bytes::new(), stream }
    }
}

/// Reads until it is known what the client speaks. Where the stream ends or fails before, whoever reads on meets that too.
pub async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> (Sniffed, Rewind<S>) {
    let mut first = Vec::new();
    let speaks = loop {
        if let Some(speaks) = Sniffed::of(&first) {
            break speaks;
        }
        match poll_fn(|cx| poll_more(&mut stream, cx, &mut first)).await {
            Ok(more) if more > 0 => {}
            _ => break Sniffed::Other,
        }
    };
    (speaks, Rewind { first: first.into(), stream })
}

/// Appends what there is. The room is borrowed for the call alone, so a connection that is silent holds none.
fn poll_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    first: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut room = [MaybeUninit::uninit(); ROOM];
    let mut room = ReadBuf::uninit(&mut room);
    ready!(Pin::new(stream).poll_read(cx, &mut room))?;
    first.extend_from_slice(room.filled());
    Poll::Ready(Ok(room.filled().len()))
}

impl<S: HasWriteTimeout> HasWriteTimeout for Rewind<S> {}

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

    /// Sends pieces one after the other, each when the one before has been read.
    async fn opened(pieces: &[&[u8]]) -> (Sniffed, Vec<u8>) {
        let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
        let (mut client, server) = duplex(longest.max(1));
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let sending = tokio::spawn(async move {
            for piece in pieces {
                client.write_all(&piece).await.unwrap();
            }
        });
        let (speaks, mut opened) = sniff(server).await;
        let mut all = Vec::new();
        opened.read_to_end(&mut all).await.unwrap();
        sending.await.unwrap();
        (speaks, all)
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_are_given_back() {
        let long = [b"GET /".as_slice(), &[b'a'; 3 * ROOM]].concat();
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
            assert_eq!(opened(pieces).await, (*expected, pieces.concat()), "{pieces:?}");
        }
    }
}
