//! Waits for Ctrl-C and Ctrl-Break, on a system without signals.

use super::ShutdownSignal;
use std::future::{self, Future};
use tokio::signal::windows::{ctrl_break, ctrl_c};

/// The names of the signals.
pub(super) const INTERRUPT: &str = "Ctrl-C";
pub(super) const TERMINATE: &str = "Ctrl-Break";

/// Waits for Ctrl-C or Ctrl-Break. Both are caught from this call on, not from the first poll, and stay caught. Call
/// again to wait for a second one. One that cannot be caught ends the process.
pub(crate) fn requested() -> impl Future<Output = ShutdownSignal> {
    let (mut interrupt, mut terminate) = (ctrl_c().ok(), ctrl_break().ok());
    async move {
        let interrupted = async { interrupt.as_mut()?.recv().await };
        let terminated = async { terminate.as_mut()?.recv().await };
        tokio::select! {
            Some(()) = interrupted => ShutdownSignal::Interrupt,
            Some(()) = terminated => ShutdownSignal::Terminate,
            else => future::pending().await,
        }
    }
}
