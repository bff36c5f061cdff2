//! A stream with a timeout for writes. It wraps the socket below TLS, so it sees every wait for the client: in a write,
//! a flush, a shutdown or a handshake.

use crate::deadline::Deadline;
use crate::send_file::{FileRange, SendFile};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A stream whose writes, flushes and shutdowns have a timeout. Functions that serve a connection require it, so that
/// no caller forgets the timeout. Implemented by [`WriteTimeout`] and by streams that wrap one.
pub trait HasWriteTimeout: AsyncRead + SendFile + Unpin + Send + 'static {}

/// A stream with a timeout for writes without progress. Reads have other timeouts; see `timeout`.
#[derive(Debug)]
pub struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Whether the stream has accepted no byte since the deadline was set.
    is_stalled: bool,
    deadline: Deadline,
}

impl<S> WriteTimeout<S> {
    /// A stream whose writes fail after `timeout` without progress, with [`io::ErrorKind::TimedOut`].
    pub fn new(stream: S, timeout: Duration) -> WriteTimeout<S> {
        WriteTimeout { stream, timeout, is_stalled: false, deadline: Deadline::new() }
    }

    /// Returns what the stream returned. If that is pending, waits for the deadline.
    fn or_timeout<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        if !self.is_stalled {
            self.is_stalled = true;
            self.deadline.at = Instant::now() + self.timeout;
        }
        ready!(self.deadline.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn after_write(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        // A flush with nothing to send is ready too, but is not progress.
        if let Poll::Ready(Ok(1..)) = polled {
            self.is_stalled = false;
        }
        self.or_timeout(cx, polled)
    }
}

impl<S: AsyncRead + SendFile + Unpin + Send + 'static> HasWriteTimeout for WriteTimeout<S> {}

impl<S: SendFile + Unpin> SendFile for WriteTimeout<S> {
    fn sends_files(&self) -> bool {
        self.stream.sends_files()
    }

    fn poll_write_before_file(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_before_file(cx, bytes);
        self.after_write(cx, polled)
    }

    fn poll_send_file(mut self: Pin<&mut Self>, cx: &mut Context<'_>, range: &FileRange) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_send_file(cx, range);
        self.after_write(cx, polled)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.after_write(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_timeout(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.or_timeout(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    /// Much longer than the delays of a busy machine.
    const LIMIT: Duration = Duration::from_secs(2);

    /// A stream that buffers until it is flushed, as TLS does.
    struct BufferedStream {
        buffer: Vec<u8>,
        inner: DuplexStream,
    }

    impl AsyncRead for BufferedStream {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.inner).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for BufferedStream {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.buffer.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            while !self.buffer.is_empty() {
                let BufferedStream { buffer, inner } = &mut *self;
                let written = ready!(Pin::new(inner).poll_write(cx, buffer))?;
                buffer.drain(..written);
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    /// Covers a stream that buffers and one that does not.
    #[tokio::test]
    async fn every_call_times_out_if_the_client_reads_nothing() {
        let (_client, server) = duplex(4);
        let mut plain = WriteTimeout::new(server, LIMIT);
        assert_eq!(plain.write_all(b"12345").await.unwrap_err().kind(), ErrorKind::TimedOut);
        let buffered = || {
            let (client, inner) = duplex(4);
            (client, WriteTimeout::new(BufferedStream { buffer: Vec::new(), inner }, LIMIT))
        };
        let (_client, mut flushed) = buffered();
        flushed.write_all(b"12345").await.unwrap();
        assert_eq!(flushed.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        let (_client, mut shut) = buffered();
        shut.write_all(b"12345").await.unwrap();
        assert_eq!(shut.shutdown().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_timeout_starts_again_with_each_byte_that_the_client_reads() {
        let (mut client, server) = duplex(1);
        let mut server = WriteTimeout::new(server, LIMIT);
        let reading = tokio::spawn(async move {
            let mut taken = 0;
            while client.read_u8().await.is_ok() {
                taken += 1;
                tokio::time::sleep(LIMIT / 4).await;
            }
            taken
        });
        server.write_all(b"1234567").await.unwrap();
        drop(server);
        assert_eq!(reading.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_flush_with_nothing_to_send_does_not_restart_the_timeout() {
        let (_client, server) = duplex(4);
        let mut server = WriteTimeout::new(server, LIMIT);
        server.write_all(b"1234").await.unwrap();
        let started = Instant::now();
        let error = loop {
            tokio::select! {
                biased;
                written = server.write(b"5") => break written.unwrap_err(),
                () = tokio::time::sleep(LIMIT / 4) => server.flush().await.unwrap(),
            }
        };
        assert!(
            error.kind() == ErrorKind::TimedOut && started.elapsed() <= LIMIT * 2,
            "{error} {:?}",
            started.elapsed()
        );
    }
}
