//! A deadline that moves often and rarely expires.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is cheap to move: the timer keeps its time, and is set again if it fires too early.
#[derive(Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// A deadline that the caller moves before it polls.
    pub(crate) fn new() -> Deadline {
        Deadline { at: Instant::now(), timer: None }
    }

    /// Ready when the deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(self.at)));
        if timer.deadline() > self.at {
            timer.as_mut().reset(self.at);
        }
        ready!(timer.as_mut().poll(cx));
        if Instant::now() < self.at {
            timer.as_mut().reset(self.at);
            return timer.as_mut().poll(cx);
        }
        Poll::Ready(())
    }
}
