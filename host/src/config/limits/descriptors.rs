//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit to ask for where the hard limit is unlimited: macOS then rejects more than `OPEN_MAX`.
const IF_UNLIMITED: Option<u64> = if cfg!(target_os = "macos") { Some(10_240) } else { None };

/// Raises the limit of open files as far as the system allows, and returns it; `None` without a limit.
pub(super) fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.or(IF_UNLIMITED);
    match setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}
