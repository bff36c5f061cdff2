//! A point in time that is moved often and seldom reached. It knows nothing of what is waited for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// Moving it is free: the timer stays where it was set, and when it rings too early it is set to what is left.
#[derive(Debug)]
pub struct Deadline {
    pub at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// One that is to be moved before it is waited for.
    pub fn new() -> Deadline {
        Deadline { at: Instant::now(), timer: None }
    }

    /// Ready once the time has come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
