//! The two signals that ask a server to end, and the words at the end. It refuses to know what there is to finish;
//! whoever waits drains, and waits once more to learn that it took too long.

use std::fmt;
use std::future::{self, Future, poll_fn};
use std::io::{self, Write as _};
use std::task::Poll;
use tokio::signal::unix::{self, SignalKind};

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: a person, with Ctrl-C.
    Interrupt,
    /// SIGTERM: a supervisor.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// Waits for SIGINT or SIGTERM. Both are caught from this call on, not from the first poll, so a caller that announces
/// itself afterwards ends in order however soon it is told to; and they stay caught, so a caller that wants to hear of
/// a second signal calls again. A signal that the system does not let us catch ends the process as it always did.
///
/// # Panics
/// Outside a tokio runtime with its I/O driver.
pub fn requested() -> impl Future<Output = Signal> {
    let mut interrupt = unix::signal(SignalKind::interrupt()).ok();
    let mut terminate = unix::signal(SignalKind::terminate()).ok();
    async move {
        tokio::select! {
            () = received(interrupt.as_mut()) => Signal::Interrupt,
            () = received(terminate.as_mut()) => Signal::Terminate,
        }
    }
}

async fn received(signal: Option<&mut unix::Signal>) {
    let Some(signal) = signal else { return future::pending().await };
    poll_fn(|context| match signal.poll_recv(context) {
        Poll::Ready(Some(())) => Poll::Ready(()),
        // A source that has dried up is no request to end.
        Poll::Ready(None) | Poll::Pending => Poll::Pending,
    })
    .await;
}

/// What the seed prints after Ctrl-C (S13); nothing where no person waits for it.
pub fn farewell(signal: Signal) {
    if signal == Signal::Interrupt {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(b"\nKeyboard interrupt received, exiting.\n").and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Raw, getpid, kill_process};
    use std::pin::pin;

    /// One test for both: signals go to the whole process, so two tests would hear each other's.
    #[tokio::test]
    async fn both_signals_are_heard_and_told_apart_s13() {
        for (raw, expected) in [(Raw::INT, Signal::Interrupt), (Raw::TERM, Signal::Terminate)] {
            let first = requested();
            let unheard = requested();
            kill_process(getpid(), raw).unwrap();
            assert_eq!(first.await, expected);
            assert_eq!(unheard.await, expected, "each waiter hears it");

            let mut second = pin!(requested());
            assert!(tokio::time::timeout(std::time::Duration::ZERO, &mut second).await.is_err(), "heard before");
            kill_process(getpid(), raw).unwrap();
            assert_eq!(second.await, expected);
        }
    }
}
