//! The signals that request a shutdown: SIGINT and SIGTERM.

use std::fmt;
use std::future::{self, Future, poll_fn};
use std::io::{self, Write as _};
use std::task::Poll;
use tokio::signal::unix::{self, SignalKind};

/// A signal that requests a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownSignal {
    /// SIGINT: a user pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: sent by a service manager.
    Terminate,
}

impl fmt::Display for ShutdownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ShutdownSignal::Interrupt => "SIGINT",
            ShutdownSignal::Terminate => "SIGTERM",
        })
    }
}

/// Waits for SIGINT or SIGTERM. Both are caught from this call on, not from the first poll, and stay caught. Call
/// again to wait for a second signal. A signal that cannot be caught ends the process.
///
/// # Panics
/// Outside a tokio runtime with its I/O driver.
pub(crate) fn requested() -> impl Future<Output = ShutdownSignal> {
    let mut interrupt = unix::signal(SignalKind::interrupt()).ok();
    let mut terminate = unix::signal(SignalKind::terminate()).ok();
    async move {
        tokio::select! {
            () = received(interrupt.as_mut()) => ShutdownSignal::Interrupt,
            () = received(terminate.as_mut()) => ShutdownSignal::Terminate,
        }
    }
}

async fn received(signal: Option<&mut unix::Signal>) {
    let Some(signal) = signal else { return future::pending().await };
    poll_fn(|context| match signal.poll_recv(context) {
        Poll::Ready(Some(())) => Poll::Ready(()),
        // The end of the stream is not a signal.
        Poll::Ready(None) | Poll::Pending => Poll::Pending,
    })
    .await;
}

/// Prints the line that Python's http.server prints after Ctrl-C (PY-13). After SIGTERM no user reads it.
pub(crate) fn print_interrupt_message(signal: ShutdownSignal) {
    if signal == ShutdownSignal::Interrupt {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(b"\nKeyboard interrupt received, exiting.\n").and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};
    use std::pin::pin;

    /// One test for both, because a signal reaches every test of the process.
    #[tokio::test]
    async fn each_signal_reaches_all_waiters() {
        for (signal, expected) in [(Signal::INT, ShutdownSignal::Interrupt), (Signal::TERM, ShutdownSignal::Terminate)]
        {
            let first = requested();
            let second = requested();
            kill_process(getpid(), signal).unwrap();
            assert_eq!(first.await, expected);
            assert_eq!(second.await, expected);

            let mut next = pin!(requested());
            assert!(
                tokio::time::timeout(std::time::Duration::ZERO, &mut next).await.is_err(),
                "an earlier signal does not count"
            );
            kill_process(getpid(), signal).unwrap();
            assert_eq!(next.await, expected);
        }
    }
}
