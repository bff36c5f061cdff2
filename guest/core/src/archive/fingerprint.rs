//! What identifies an archive without the contents of its files: paths, kinds, sizes and modification times.

use crate::archive::walk::WalkItem;
use crate::http::date::HttpTime;
use crate::tree::{Tree, TreeError, optional};
use flate2::Crc;
use std::hash::{DefaultHasher, Hasher as _};

/// A fingerprint of the entries so far.
#[derive(Debug, Default)]
pub(super) struct Fingerprint {
    paths: Crc,
    entries: DefaultHasher,
}

impl Fingerprint {
    /// Adds a file or a directory. `top` is the directory in the archive that contains everything.
    pub(super) fn add<F>(&mut self, item: &WalkItem<F>, top: &str) {
        self.add_path(&item.path, top);
        // No path contains a NUL, so different lists of entries never give the same bytes.
        self.entries.write(item.path.as_bytes());
        self.entries.write(&[0, u8::from(item.file.is_some())]);
        self.entries.write_u64(version(item.size(), item.modified));
    }

    /// Adds the path of an entry that is left out because it cannot be read.
    pub(super) fn add_unreadable(&mut self, path: &str, top: &str) {
        self.add_path(path, top);
    }

    fn add_path(&mut self, path: &str, top: &str) {
        if path != top {
            self.paths.update(path.as_bytes());
            self.paths.update(&[0]);
        }
    }

    /// A checksum over the paths, with those of unreadable entries.
    pub(super) fn paths(&self) -> u32 {
        self.paths.sum()
    }

    /// A hash over the entries, without those that are left out.
    pub(super) fn entries(&self) -> u64 {
        self.entries.finish()
    }
}

/// A hash of the size and the modification time of a file.
pub(super) fn version(size: u64, modified: Option<HttpTime>) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(size);
    if let Some(time) = modified {
        hasher.write_u64(time.seconds());
        hasher.write_u32(time.nanoseconds());
    }
    hasher.finish()
}

/// Whether the metadata of all files show each change of their contents. Only then an archive has a strong ETag
/// (RFC 9110 8.8.1).
#[derive(Debug, Default)]
pub(super) struct ContentVersions {
    digests: DefaultHasher,
    /// Whether the tree knows digests. The first file shows it.
    has_digests: Option<bool>,
    are_unknown: bool,
}

impl ContentVersions {
    /// Adds a file or a directory of the archive.
    ///
    /// # Errors
    /// [`TreeError`] if the metadata of a file cannot be read.
    pub(super) async fn add<T: Tree>(&mut self, tree: &T, item: &WalkItem<String>) -> Result<(), TreeError> {
        let Some((source, size)) = &item.file else { return Ok(()) };
        let is_known = match self.has_digests {
            Some(false) => None,
            None | Some(true) => optional(tree.metadata(source).await)?.and_then(|metadata| metadata.digest),
        };
        self.has_digests.get_or_insert(is_known.is_some());
        match is_known {
            Some(digest) => self.digests.write_u128(digest),
            // As for files: versions with the same length can share a placeholder. Empty files have no versions.
            None if *size > 0 && item.modified.is_none_or(HttpTime::is_placeholder) => self.are_unknown = true,
            None => {}
        }
        Ok(())
    }

    /// A hash of the digests, or `None` if two versions of a file could have the same metadata.
    pub(super) fn hash(&self) -> Option<u64> {
        (!self.are_unknown).then(|| self.digests.finish())
    }
}
