//! Descriptors that whoever started the process left open in it. Code that came out of the sandbox could use them with
//! all the rights they were opened with, so they are closed before anything is served; but only when all paths are open
//! that were given as options, as a shell writes `--config <(...)` as the path of such a descriptor.

use rustix::io::{FdFlags, fcntl_setfd};
use std::ops::Range;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::{env, fs, process};

/// The first descriptor that is none of the standard streams.
const FIRST: RawFd = 3;

/// Descriptors from outside, but for the standard streams and those that were handed over to listen on. They are closed
/// when this is dropped.
#[derive(Debug, Default)]
pub struct Inherited(#[expect(dead_code, reason = "held to be closed")] Vec<OwnedFd>);

impl Inherited {
    /// Finds them. To be called before the process opens anything itself.
    pub fn find() -> Inherited {
        let handed_over = handed_over(|name| env::var(name).ok());
        let is_ours = |number: &RawFd| *number < FIRST || handed_over.contains(number);
        let Some(numbers) = open() else {
            close_all(FIRST..handed_over.start.max(FIRST));
            close_all(handed_over.end.max(FIRST)..RawFd::MAX);
            return Inherited::default();
        };
        Inherited(numbers.into_iter().filter(|number| !is_ours(number)).filter_map(take).collect())
    }
}

/// Those that are to be listened on, as `listenfd` reads the same variables.
fn handed_over(variable: impl Fn(&str) -> Option<String>) -> Range<RawFd> {
    let number = |name| variable(name)?.parse::<RawFd>().ok();
    let is_ours = variable("LISTEN_PID").is_none_or(|id| id.is_empty() || id.parse() == Ok(process::id()));
    let first = number("LISTEN_FDS_FIRST_FD").unwrap_or(FIRST);
    let count = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0);
    first..first.saturating_add(count)
}

/// The numbers of all that is open, and of one that was for the look at them; `None` where `/proc` is not there.
fn open() -> Option<Vec<RawFd>> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Owns a descriptor, if it is still open, and keeps it from programs that are started.
#[expect(unsafe_code, reason = "a descriptor from outside is a number")]
fn take(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: nothing in this process has opened anything that is still open, so nothing else owns this number. If it
    // is not open, it is forgotten below.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match fcntl_setfd(&descriptor, FdFlags::CLOEXEC) {
        Ok(()) => Some(descriptor),
        Err(_) => {
            std::mem::forget(descriptor);
            None
        }
    }
}

/// Closes all of these. Without `/proc` none of them has a path, so no option can name one.
#[expect(unsafe_code, reason = "a descriptor from outside is a number")]
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
    fn what_is_open_is_found() {
        let file = File::open("Cargo.toml").unwrap();
        assert!(open().is_some_and(|numbers| numbers.contains(&file.as_raw_fd()) && numbers.contains(&2)));
    }

    #[test]
    fn those_to_listen_on_are_known() {
        let id = process::id().to_string();
        /// Variables, and the descriptors that they name.
        type Case<'a> = (&'a [(&'a str, &'a str)], Range<RawFd>);
        let rows: &[Case<'_>] = &[
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
            assert_eq!(handed_over(variable), *expected, "{variables:?}");
        }
    }

    #[test]
    fn what_is_not_open_is_not_taken() {
        assert!(take(RawFd::MAX).is_none());
    }
}
