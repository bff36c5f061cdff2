//! No restrictions: in a build without the feature `harden`, and on systems other than Linux.

use std::fmt;

/// The restrictions in force: none.
#[derive(Debug)]
pub(crate) struct Hardening;

impl Hardening {
    /// Whether all restrictions are in force.
    pub(crate) fn is_complete(&self) -> bool {
        false
    }
}

impl fmt::Display for Hardening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kept: hardening is not available ")?;
        f.write_str(if cfg!(target_os = "linux") { "in this build" } else { "on this system" })
    }
}

/// Restricts nothing.
#[cfg(target_os = "linux")]
pub(crate) fn apply(_kept: &super::KeptRights<'_>) -> Hardening {
    Hardening
}

/// What a start would restrict.
pub(crate) fn probe() -> Hardening {
    Hardening
}
