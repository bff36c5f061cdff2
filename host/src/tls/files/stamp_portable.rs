//! The state of a file, on a system without the time of the last status change.

use std::fs::Metadata;
use std::time::SystemTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    created: Option<SystemTime>,
}

impl FileStamp {
    pub(super) fn of(metadata: &Metadata) -> FileStamp {
        FileStamp { length: metadata.len(), modified: metadata.modified().ok(), created: metadata.created().ok() }
    }

    /// The time of the last write, or of the creation in this place.
    pub(super) fn changed(&self) -> Option<SystemTime> {
        self.modified.max(self.created)
    }
}
