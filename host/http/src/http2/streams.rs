//! The streams of an HTTP/2 connection: how many are open, since when none is, and which have stalled.

use glasshouse_quota::sync::lock;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Runs each stream of one connection as a task.
#[derive(Clone, Debug)]
pub(crate) struct H2Streams {
    open: Arc<Mutex<OpenStreams>>,
    /// How long a stream may make no progress.
    stall_timeout: Duration,
}

#[derive(Clone, Copy, Debug)]
struct OpenStreams {
    count: usize,
    /// When the last stream ended, or when the connection started.
    since: Instant,
}

impl H2Streams {
    pub(crate) fn new(stall_timeout: Duration) -> H2Streams {
        let open = OpenStreams { count: 0, since: Instant::now() };
        H2Streams { open: Arc::new(Mutex::new(open)), stall_timeout }
    }

    /// Waits until no stream has been open for `timeout`. Frames outside of streams do not count as activity.
    pub(crate) async fn idle(&self, timeout: Duration) {
        loop {
            let OpenStreams { count, since } = *self.open();
            let now = Instant::now();
            let end = if count == 0 { since + timeout } else { now + timeout };
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Runs a stream.
    pub(crate) fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        {
            let mut open = self.open();
            open.count = open.count.saturating_add(1);
        }
        let guard = StreamGuard(self.clone());
        tokio::spawn(async move {
            StallTimeout { stream: pin!(stream), timeout: guard.0.stall_timeout, timer: pin!(None) }.await;
            drop(guard);
        });
    }

    fn open(&self) -> MutexGuard<'_, OpenStreams> {
        lock(&self.open)
    }
}

/// Counts an open stream until it is dropped.
struct StreamGuard(H2Streams);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.count = open.count.saturating_sub(1);
        open.since = Instant::now();
    }
}

/// Ends a stream that nothing wakes for too long: no room to send, no data from the handler. Dropping the stream resets
/// it, and no other.
struct StallTimeout<'a, F> {
    stream: Pin<&'a mut F>,
    timeout: Duration,
    timer: Pin<&'a mut Option<Sleep>>,
}

impl<F: Future> Future for StallTimeout<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        // Polled before the stream, because the timer restarts below.
        let is_expired = self.timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready());
        if self.stream.as_mut().poll(cx).is_ready() || is_expired {
            return Poll::Ready(());
        }
        self.timer.set(Some(sleep(timeout)));
        match self.timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx),
            None => Poll::Pending,
        }
    }
}
