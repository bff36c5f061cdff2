//! Waits for SIGHUP.

use tokio::signal::unix::{self, SignalKind};

/// The signals, if they can be caught.
pub(super) struct Hangups(Option<unix::Signal>);

impl Hangups {
    /// Catches SIGHUP from this call on.
    pub(super) fn catch() -> Hangups {
        Hangups(unix::signal(SignalKind::hangup()).ok())
    }

    /// Waits for the next signal. `None`: there will be none.
    pub(super) async fn next(&mut self) -> Option<()> {
        self.0.as_mut()?.recv().await
    }
}

/// Ignores SIGHUP until [`super::Reload::new`]: a component may be compiled for a minute, and a signal before would end
/// the process.
pub(crate) fn ignore_hangups() {
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    // SAFETY: no handler runs.
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
    }
}
