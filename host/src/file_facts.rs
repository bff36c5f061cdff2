//! Facts about files, in types that do not differ between the systems of Unix.

use rustix::fs::{Mode, OFlags, Stat};

/// The device and the inode of a file.
pub(crate) type FileIdentity = (u64, u64);

/// Opens a directory for lookups only, which needs no permission to read it.
#[cfg(target_os = "linux")]
pub(crate) const LOOKUP: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a directory. The system has no way to open one for lookups only.
#[cfg(not(target_os = "linux"))]
pub(crate) const LOOKUP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[cfg(target_os = "linux")]
pub(crate) fn identity(stat: &Stat) -> FileIdentity {
    (stat.st_dev, stat.st_ino)
}

/// The number of a device has a sign.
#[cfg(not(target_os = "linux"))]
pub(crate) fn identity(stat: &Stat) -> FileIdentity {
    (u64::from(stat.st_dev.cast_unsigned()), stat.st_ino)
}

#[cfg(target_os = "linux")]
pub(crate) fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits)
}

/// A mode has 16 bits.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(u16::try_from(bits).unwrap_or_default())
}
