//! What only Unix has: pipes and devices with paths, and the mode of a new file.

use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, openat};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Opens a pipe, which must have a reader, or a device.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty())?;
    // Only the opening must not block. A write may wait for a slow reader.
    fcntl_setfl(&file, fcntl_getfl(file.as_fd())?.difference(OFlags::NONBLOCK))?;
    Ok(file.into())
}

/// Gives a new file the rights of others too. The mask of the process removes those that the user does not give.
pub(super) fn set_permissions(builder: &mut tempfile::Builder<'_, '_>) {
    builder.permissions(Permissions::from_mode(0o666));
}
