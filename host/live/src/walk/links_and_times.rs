//! The targets of symbolic links, and the times of changes, which programs cannot set.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// The time of the last status change. Programs cannot set it.
pub(super) fn changed(metadata: &fs::Metadata) -> Option<SystemTime> {
    let whole = Duration::from_secs(u64::try_from(metadata.ctime()).ok()?);
    let part = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(whole)?.checked_add(part)
}

/// `std::fs::read_link` calls `readlink`, which the seccomp filter of the host does not allow.
pub(super) fn read_link(path: &Path) -> io::Result<PathBuf> {
    let target = rustix::fs::readlinkat(rustix::fs::CWD, path, Vec::new())?;
    Ok(OsString::from_vec(target.into_bytes()).into())
}
