//! A stream that gives up on a client which keeps it waiting: for the first byte of a request, or for the rest of its
//! head. It refuses to know HTTP; whose turn it is it is told. What is written has its limit beneath, in
//! `write_timeout`.

use crate::deadline::Deadline;
use crate::limits::ClientLimits;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Whose turn it is on a connection, for both sides of it: the number is even while the client owes a head, and odd while the
/// server owes an answer.
#[derive(Debug, Default)]
pub struct Phase(AtomicU32);

impl Phase {
    /// The other side's turn begins. There is one thread for each connection, so nothing else needs to be in order.
    pub fn pass(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether no head has come yet.
    pub fn is_first(&self) -> bool {
        self.now() == 0
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// The first byte of a head, in a turn.
    Idle(u32),
    /// The rest of a head, in a turn.
    Head(u32),
}

/// The stream of a client.
pub struct TimeoutStream<S> {
    pub stream: S,
    limits: ClientLimits,
    turns: Arc<Phase>,
    /// The last of the client's turns in which it sent anything. Part of a head that came together with the one before it is not
    /// seen here; then the head has the time of an idle connection before its own.
    begun: Option<u32>,
    waiting: Option<Timeout>,
    deadline: Deadline,
    /// What was waited for too long.
    pub missed: Option<Timeout>,
}

impl<S> TimeoutStream<S> {
    pub fn new(stream: S, limits: ClientLimits, turns: Arc<Phase>) -> TimeoutStream<S> {
        TimeoutStream { stream, limits, turns, begun: None, waiting: None, deadline: Deadline::new(), missed: None }
    }

    /// Goes on waiting, or begins to.
    fn wait(&mut self, cx: &mut Context<'_>, wait: Timeout) -> Poll<io::Result<()>> {
        if self.waiting != Some(wait) {
            self.waiting = Some(wait);
            self.deadline.at = Instant::now()
                + match wait {
                    Timeout::Idle(_) => self.limits.idle_timeout,
                    Timeout::Head(_) => self.limits.header_timeout,
                };
        }
        ready!(self.deadline.poll(cx));
        self.missed = Some(wait);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let turn = self.turns.now();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let is_clients = turn.is_multiple_of(2);
        match read {
            Poll::Ready(_) if is_clients => self.begun = Some(turn),
            Poll::Pending if is_clients => {
                let has_begun = self.begun == Some(turn);
                return self.wait(cx, if has_begun { Timeout::Head(turn) } else { Timeout::Idle(turn) });
            }
            // Content: whoever wants it knows how long.
            _ => {}
        }
        read
    }
}

impl<S> TimeoutStream<S> {
    /// As long as something is on its way to the client, its time does not run; it begins anew when all has been sent.
    fn sends<T>(&mut self, polled: Poll<io::Result<T>>, is_progress: bool) -> Poll<io::Result<T>> {
        if polled.is_pending() || is_progress {
            self.waiting = None;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sends(polled, true)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.sends(polled, true)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is called all the time, and with nothing to do it is no progress.
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.sends(polled, false)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.sends(polled, false)
    }
}
