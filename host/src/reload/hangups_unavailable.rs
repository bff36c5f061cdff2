//! No SIGHUP: on a system without it the server is restarted instead of reloaded.

/// No signals.
pub(super) struct Hangups;

impl Hangups {
    pub(super) fn catch() -> Hangups {
        Hangups
    }

    /// There is never one.
    pub(super) async fn next(&mut self) -> Option<()> {
        None
    }
}

/// There is nothing to ignore.
pub(crate) fn ignore_hangups() {}
