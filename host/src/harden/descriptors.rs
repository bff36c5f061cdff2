//! Closes descriptors that the parent process left open.
//!
//! Code that escapes from the sandbox could use them. They are closed after the paths of all options are open,
//! because a shell passes `--config <(...)` as the path of such a descriptor.

use rustix::io::{FdFlags, fcntl_setfd};
use std::ops::Range;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::{env, fs, process};

/// The first descriptor after the standard streams.
const FIRST: RawFd = 3;

/// Inherited descriptors, without the standard streams and without the sockets of `LISTEN_FDS`. The drop closes them.
#[derive(Debug, Default)]
pub(crate) struct Inherited(#[expect(dead_code, reason = "the drop closes them")] Vec<OwnedFd>);

impl Inherited {
    /// Finds the open descriptors. Call it before the process opens any.
    pub(crate) fn find() -> Inherited {
        let sockets = listen_fds(|name| env::var(name).ok());
        let is_kept = |number: &RawFd| *number < FIRST || sockets.contains(number);
        let Some(numbers) = open() else {
            close_all(FIRST..sockets.start.max(FIRST));
            close_all(sockets.end.max(FIRST)..RawFd::MAX);
            return Inherited::default();
        };
        Inherited(numbers.into_iter().filter(|number| !is_kept(number)).filter_map(take).collect())
    }
}

/// The inherited listening sockets. `listenfd` reads the same variables.
fn listen_fds(variable: impl Fn(&str) -> Option<String>) -> Range<RawFd> {
    let number = |name| variable(name)?.parse::<RawFd>().ok();
    let is_for_us = variable("LISTEN_PID").is_none_or(|id| id.is_empty() || id.parse() == Ok(process::id()));
    let first = number("LISTEN_FDS_FIRST_FD").unwrap_or(FIRST);
    let count = number("LISTEN_FDS").filter(|_| is_for_us).unwrap_or(0);
    first..first.saturating_add(count)
}

/// The open descriptors, including one that was open during the listing. `None`: `/proc` is not mounted.
fn open() -> Option<Vec<RawFd>> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Takes ownership of a descriptor if it is open, and sets close-on-exec.
#[expect(unsafe_code, reason = "an inherited descriptor is only a number")]
fn take(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: this process has not opened any descriptor that is still open, so no other value owns this number. If the
    // number is not open, the value is forgotten below and never closed.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match fcntl_setfd(&descriptor, FdFlags::CLOEXEC) {
        Ok(()) => Some(descriptor),
        Err(_) => {
            std::mem::forget(descriptor);
            None
        }
    }
}

/// Closes a range. Without `/proc` descriptors have no paths, so no option names one.
#[expect(unsafe_code, reason = "an inherited descriptor is only a number")]
fn close_all(numbers: Range<RawFd>) {
    if let Some(last) = numbers.end.checked_sub(1).filter(|last| *last >= numbers.start) {
        // SAFETY: as in `take`.
        unsafe { libc::syscall(libc::SYS_close_range, numbers.start, last, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd as _;

    #[test]
    fn open_descriptors_are_found() {
        let file = File::open("Cargo.toml").unwrap();
        assert!(open().is_some_and(|numbers| numbers.contains(&file.as_raw_fd()) && numbers.contains(&2)));
    }

    #[test]
    fn listen_fds_are_parsed() {
        let id = process::id().to_string();
        /// Variables and the expected descriptors.
        type ListenCase<'a> = (&'a [(&'a str, &'a str)], Range<RawFd>);
        let rows: &[ListenCase<'_>] = &[
            (&[], 3..3),
            (&[("LISTEN_FDS", "2"), ("LISTEN_PID", &id)], 3..5),
            (&[("LISTEN_FDS", "2")], 3..5),
            (&[("LISTEN_FDS", "2"), ("LISTEN_PID", "1")], 3..3),
            (&[("LISTEN_FDS", "2"), ("LISTEN_FDS_FIRST_FD", "10")], 10..12),
            (&[("LISTEN_FDS", "many"), ("LISTEN_PID", &id)], 3..3),
        ];
        for (variables, expected) in rows {
            let variable =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(listen_fds(variable), *expected, "{variables:?}");
        }
    }

    #[test]
    fn a_closed_number_is_not_taken() {
        assert!(take(RawFd::MAX).is_none());
    }
}
