//! Waits for SIGINT and SIGTERM.

use super::ShutdownSignal;
use std::future::{self, Future, poll_fn};
use std::task::Poll;
use tokio::signal::unix::{self, SignalKind};

/// The names of the signals.
pub(super) const INTERRUPT: &str = "SIGINT";
pub(super) const TERMINATE: &str = "SIGTERM";

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
