//! The targets of symbolic links, and the times of changes, on a system without the time of the last status change.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

/// The time of the last write, or of the creation in this place: a copied or moved file keeps the time of its writes.
pub(super) fn changed(metadata: &fs::Metadata) -> Option<SystemTime> {
    metadata.modified().ok().max(metadata.created().ok())
}

pub(super) fn read_link(path: &Path) -> io::Result<PathBuf> {
    fs::read_link(path)
}
