//! A stream whose peer is given up when it takes no byte of what is written for too long. It sits on the socket itself,
//! beneath TLS, so that it sees whether bytes go out, whoever waits for that: a write, a flush, a shutdown or a
//! handshake.

use crate::deadline::Deadline;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A stream of which no write, flush or shutdown waits for ever. What serves takes nothing else, so nobody can forget
/// the limit. Only [`WriteTimeout`] has it of itself; a stream around one inherits it.
pub trait HasWriteTimeout: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

/// A stream with a limit for the time without progress of what is written. Reads have limits that depend on whose turn
/// it is; see `patience`.
#[derive(Debug)]
pub struct WriteTimeout<S> {
    stream: S,
    limit: Duration,
    /// Whether the stream has taken nothing since the deadline was set.
    is_stalled: bool,
    deadline: Deadline,
}

impl<S> WriteTimeout<S> {
    pub fn new(stream: S, limit: Duration) -> WriteTimeout<S> {
        WriteTimeout { stream, limit, is_stalled: false, deadline: Deadline::new() }
    }

    /// Waits for the stream, or for the deadline.
    fn wait<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            return polled;
        }
        if !self.is_stalled {
            self.is_stalled = true;
            self.deadline.at = Instant::now() + self.limit;
        }
        ready!(self.deadline.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn written(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        // A flush that has nothing to do is ready too, and is no progress.
        if let Poll::Ready(Ok(1..)) = polled {
            self.is_stalled = false;
        }
        self.wait(cx, polled)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> HasWriteTimeout for WriteTimeout<S> {}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.wait(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.wait(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    /// Long beside what a busy machine may add to a pause.
    const LIMIT: Duration = Duration::from_secs(2);

    /// A stream that holds back what is written until it is flushed, as one of TLS does.
    struct Holding {
        held: Vec<u8>,
        to: DuplexStream,
    }

    impl AsyncRead for Holding {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.to).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Holding {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.held.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            while !self.held.is_empty() {
                let Holding { held, to } = &mut *self;
                let written = ready!(Pin::new(to).poll_write(cx, held))?;
                held.drain(..written);
            }
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    /// Everything that may wait for a client which reads nothing, over a stream that holds back and one that does not.
    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up_by_every_call() {
        let (_client, server) = duplex(4);
        let mut plain = WriteTimeout::new(server, LIMIT);
        assert_eq!(plain.write_all(b"12345").await.unwrap_err().kind(), ErrorKind::TimedOut);
        let holding = || {
            let (client, to) = duplex(4);
            (client, WriteTimeout::new(Holding { held: Vec::new(), to }, LIMIT))
        };
        let (_client, mut flushed) = holding();
        flushed.write_all(b"12345").await.unwrap();
        assert_eq!(flushed.flush().await.unwrap_err().kind(), ErrorKind::TimedOut);
        let (_client, mut shut) = holding();
        shut.write_all(b"12345").await.unwrap();
        assert_eq!(shut.shutdown().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    /// Time counts from the last byte that was taken, however many are still to come.
    #[tokio::test]
    async fn a_client_that_takes_a_little_in_time_is_waited_for() {
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

    /// A flush without anything to do starts no new time.
    #[tokio::test]
    async fn a_flush_is_no_progress() {
        let (_client, server) = duplex(4);
        let mut server = WriteTimeout::new(server, LIMIT);
        server.write_all(b"1234").await.unwrap();
        let began = Instant::now();
        let error = loop {
            tokio::select! {
                biased;
                written = server.write(b"5") => break written.unwrap_err(),
                () = tokio::time::sleep(LIMIT / 4) => server.flush().await.unwrap(),
            }
        };
        assert!(error.kind() == ErrorKind::TimedOut && began.elapsed() <= LIMIT * 2, "{error} {:?}", began.elapsed());
    }
}
