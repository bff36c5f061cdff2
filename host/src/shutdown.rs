//! The signals that request a shutdown: SIGINT and SIGTERM, in Windows Ctrl-C and Ctrl-Break.

#[cfg_attr(windows, path = "shutdown/console.rs")]
mod signals;

pub(crate) use signals::requested;
use std::fmt;
use std::io::{self, Write as _};

/// A signal that requests a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownSignal {
    /// SIGINT: a user pressed Ctrl-C.
    Interrupt,
    /// SIGTERM or Ctrl-Break: sent by a service manager.
    Terminate,
}

impl fmt::Display for ShutdownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ShutdownSignal::Interrupt => signals::INTERRUPT,
            ShutdownSignal::Terminate => signals::TERMINATE,
        })
    }
}

/// Prints the line that Python's http.server prints after Ctrl-C (PY-13). After SIGTERM no user reads it.
pub(crate) fn print_interrupt_message(signal: ShutdownSignal) {
    if signal == ShutdownSignal::Interrupt {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(b"\nKeyboard interrupt received, exiting.\n").and_then(|()| stdout.flush());
    }
}
