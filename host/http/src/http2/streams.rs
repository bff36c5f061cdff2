//! The streams of a connection of HTTP/2: how many are open, how long there have been none, and which are given up because
//! their client takes nothing. It refuses to know what is asked on them.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Runs the streams of one connection, each as a task beside it.
#[derive(Clone, Debug)]
pub struct H2Streams {
    state: Arc<Mutex<State>>,
    /// For how long a stream may get nowhere.
    patience: Duration,
}

#[derive(Clone, Copy, Debug)]
struct State {
    open: usize,
    /// When the last one ended; at first, when the connection began.
    since: Instant,
}

impl H2Streams {
    pub fn new(patience: Duration) -> H2Streams {
        H2Streams { state: Arc::new(Mutex::new(State { open: 0, since: Instant::now() })), patience }
    }

    /// Waits until no stream has been open for so long. What else is received keeps no connection alive.
    pub async fn idle(&self, time: Duration) {
        loop {
            let State { open, since } = *self.state();
            let now = Instant::now();
            let end = if open == 0 { since + time } else { now + time };
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Begins a stream.
    pub fn begin(&self, stream: impl Future<Output = ()> + Send + 'static) {
        self.state().open += 1;
        let place = StreamGuard(self.clone());
        tokio::spawn(async move {
            StallTimeout { stream: pin!(stream), patience: place.0.patience, stalled: pin!(None) }.await;
            drop(place);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that counts until this is dropped.
struct StreamGuard(H2Streams);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open = state.open.saturating_sub(1);
        state.since = Instant::now();
    }
}

/// A stream that is given up when nothing has happened to it for too long: no room to send more, no part of an answer. Dropping
/// it resets it, and no other.
struct StallTimeout<'a, F> {
    stream: Pin<&'a mut F>,
    patience: Duration,
    stalled: Pin<&'a mut Option<Sleep>>,
}

impl<F: Future> Future for StallTimeout<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        // Asked first: what wakes the stream afterwards counts from then.
        let rang = self.stalled.as_mut().as_pin_mut().is_some_and(|stalled| stalled.poll(cx).is_ready());
        if self.stream.as_mut().poll(cx).is_ready() || rang {
            return Poll::Ready(());
        }
        self.stalled.set(Some(sleep(patience)));
        match self.stalled.as_mut().as_pin_mut() {
            Some(stalled) => stalled.poll(cx),
            None => Poll::Pending,
        }
    }
}
