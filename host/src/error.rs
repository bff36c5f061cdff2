//! The error that prevents a start, with the exit code of the program.

use std::io;

/// The reason why the program cannot do its task. The message names the thing, the reason and the fix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartupError {
    /// The command line, a variable or a file of options is invalid on every machine.
    #[error("{0}")]
    Usage(String),
    /// The value of an option of the handler is invalid.
    #[error("{location}: {reason}")]
    HandlerOption {
        /// The flag, the variable, or the line of the file.
        location: String,
        reason: String,
        source: glasshouse_core::config::ConfigError,
    },
    /// This machine cannot fulfil the options.
    #[error("{0}")]
    CannotServe(String),
    /// The system refuses an operation on a file, a socket or a thread.
    #[error("{message}")]
    Io { message: String, source: io::Error },
}

impl StartupError {
    /// A failed operation of the system.
    pub(crate) fn io(message: String, source: impl Into<io::Error>) -> StartupError {
        StartupError::Io { message, source: source.into() }
    }

    /// The exit code of the program (PY-3, PY-14).
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            StartupError::Usage(_) | StartupError::HandlerOption { .. } => 2,
            StartupError::CannotServe(_) | StartupError::Io { .. } => 1,
        }
    }
}

/// Tests compare what a user gets: the exit code and the message.
#[cfg(test)]
impl PartialEq for StartupError {
    fn eq(&self, other: &StartupError) -> bool {
        (self.exit_code(), self.to_string()) == (other.exit_code(), other.to_string())
    }
}
