//! The owner and the mode of a file that replaces another one.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};

/// Gives a new file the owner and the mode of the old one.
pub(super) fn copy_owner_and_mode(old: &Metadata, new: &File) -> io::Result<()> {
    let current = new.metadata()?;
    if (current.uid(), current.gid()) != (old.uid(), old.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(old.permissions())
}
