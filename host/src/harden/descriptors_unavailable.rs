//! Descriptors that the parent process left open, on a system that does not list them: they stay open.

use std::convert::Infallible;

/// Nothing to close.
#[derive(Debug)]
pub(crate) struct Inherited(#[expect(dead_code, reason = "in Linux the drop closes descriptors")] Vec<Infallible>);

impl Inherited {
    /// Finds nothing.
    pub(crate) fn find() -> Inherited {
        Inherited(Vec::new())
    }
}
