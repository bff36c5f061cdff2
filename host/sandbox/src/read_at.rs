//! Reads a file at a position.

use std::fs::File;
use std::io;

/// Reads at most as many bytes as the block has. Returns their number, 0 at the end of the file.
///
/// # Errors
/// The system cannot read.
pub(crate) fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, block, offset);
    // This moves the position of the file, which nothing uses.
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, block, offset);
}
