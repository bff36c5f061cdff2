//! Reads parts of a file that are in the page cache, without waiting for the disk.

use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::{self, IoSliceMut};

/// Whether the byte at a position of a file is in the page cache.
pub(crate) fn is_cached(file: &File, offset: u64) -> bool {
    matches!(read_cached(file, &mut [0], offset), Ok(Some(1)))
}

/// Reads at a position. `None` if nothing is in the page cache, or if the file system cannot report it.
///
/// # Errors
/// The kernel cannot read.
pub(crate) fn read_cached(file: &File, block: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
    match preadv2(file, &mut [IoSliceMut::new(block)], offset, ReadWriteFlags::NOWAIT) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
