//! A stream with timeouts for the client: for the first byte of a request, and for the rest of its head. The service
//! reports where a request starts and ends. `write_timeout` limits writes.

use crate::deadline::Deadline;
use crate::limits::ClientLimits;
use crate::send_file::{FileRange, SendFile};
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Counts the phases of a connection. In an even phase the server waits for a head, in an odd one the client waits for
/// a response.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU32);

impl Phase {
    /// Starts the next phase. One thread serves the connection, so no other memory access needs an order.
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the connection has not received its first head yet.
    pub(crate) fn is_first_head(&self) -> bool {
        self.current() == 0
    }

    fn current(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the server waits for, and in which phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// The first byte of a head.
    Idle(u32),
    /// The rest of a head.
    Head(u32),
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timeout::Idle(_) => "no request",
            Timeout::Head(_) => "incomplete head of a request",
        })
    }
}

/// A stream with timeouts for reads.
pub(crate) struct TimeoutStream<S> {
    pub(crate) stream: S,
    limits: ClientLimits,
    phase: Arc<Phase>,
    /// The last phase in which bytes of a head arrived. A head whose first bytes came together with the head before it
    /// is not seen here; it has the idle timeout before the timeout for a head.
    head_started_in: Option<u32>,
    waiting: Option<Timeout>,
    deadline: Deadline,
    /// The timeout that has expired.
    pub(crate) expired: Option<Timeout>,
}

impl<S> TimeoutStream<S> {
    pub(crate) fn new(stream: S, limits: ClientLimits, phase: Arc<Phase>) -> TimeoutStream<S> {
        let deadline = Deadline::new();
        TimeoutStream { stream, limits, phase, head_started_in: None, waiting: None, deadline, expired: None }
    }

    /// Waits until the deadline of this timeout.
    fn poll_timeout(&mut self, cx: &mut Context<'_>, timeout: Timeout) -> Poll<io::Result<()>> {
        if self.waiting != Some(timeout) {
            self.waiting = Some(timeout);
            let duration = match timeout {
                Timeout::Idle(_) => self.limits.idle_timeout,
                Timeout::Head(_) => self.limits.header_timeout,
            };
            self.deadline.at = Instant::now() + duration;
        }
        ready!(self.deadline.poll(cx));
        self.expired = Some(timeout);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Stops the timeout while bytes are on their way to the client; the next read starts it again.
    fn after_write<T>(&mut self, polled: Poll<io::Result<T>>, is_progress: bool) -> Poll<io::Result<T>> {
        if polled.is_pending() || is_progress {
            self.waiting = None;
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.current();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let is_head = phase.is_multiple_of(2);
        match read {
            Poll::Ready(_) if is_head => self.head_started_in = Some(phase),
            Poll::Pending if is_head => {
                let has_started = self.head_started_in == Some(phase);
                return self.poll_timeout(cx, if has_started { Timeout::Head(phase) } else { Timeout::Idle(phase) });
            }
            // A request body: the service has a timeout for it.
            _ => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(polled, true)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.after_write(polled, true)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes often; a flush with nothing to send is not progress.
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.after_write(polled, false)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.after_write(polled, false)
    }
}

impl<S: SendFile + Unpin> SendFile for TimeoutStream<S> {
    fn sends_files(&self) -> bool {
        self.stream.sends_files()
    }

    fn poll_write_before_file(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_before_file(cx, bytes);
        self.after_write(polled, true)
    }

    fn poll_send_file(mut self: Pin<&mut Self>, cx: &mut Context<'_>, range: &FileRange) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_send_file(cx, range);
        self.after_write(polled, true)
    }
}
