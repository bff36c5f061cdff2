//! The path of an open file.

use crate::preopen::Preopen;
use rustix::fs::readlink;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// The path of an open file relative to the preopen. Needs no descriptor, because none may be left.
pub(crate) fn relative(file: &File, preopen: &Preopen) -> Option<PathBuf> {
    let [file, root] = [file, &**preopen.directory()].map(|file| {
        let link = readlink(format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new()).ok()?;
        Some(PathBuf::from(OsStr::from_bytes(link.as_bytes())))
    });
    file?.strip_prefix(root?).ok().map(PathBuf::from)
}
