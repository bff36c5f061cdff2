//! The rights of a file that replaces another one, on a system whose files have no mode.

use std::fs::{File, Metadata};
use std::io;

/// Keeps only whether the file can be written. The new file inherits the other rights from its directory.
pub(super) fn copy_owner_and_mode(old: &Metadata, new: &File) -> io::Result<()> {
    new.set_permissions(old.permissions())
}
