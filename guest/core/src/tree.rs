//! The trait for a directory tree, and the types that describe its entries.

pub mod dotfiles;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod packed;
pub mod public;

mod nodes;

use crate::http::date::HttpTime;
use crate::http::refusal::Refusal;
use crate::http::target::Name;
use std::fmt;

/// A read-only tree. Paths are relative to its root, as [`crate::http::target::Target::path`] returns them. The empty
/// path is the root.
///
/// An implementation follows symbolic links only within the tree, and opens only regular files and directories. A FIFO,
/// a socket or a device is [`OpenError::Absent`] immediately. Every failure that does not prove an absence is
/// [`OpenError::Fault`]: a fault must not look like a missing file, and a part must not look like the whole.
pub trait Tree {
    /// An open regular file.
    type File;

    /// Opens a file or a directory. The metadata is that of the opened file.
    fn open(&self, path: &str) -> impl Future<Output = Result<OpenedNode<Self::File>, OpenError>>;

    /// Returns the metadata of a regular file without opening it.
    fn metadata(&self, path: &str) -> impl Future<Output = Result<Metadata, OpenError>>;

    /// Reads `limit` bytes of an open file from `offset` on, or fewer at its end.
    fn read(&self, file: &Self::File, offset: u64, limit: u64) -> impl Future<Output = Result<Vec<u8>, OpenError>>;

    /// Lists those entries of a directory that are `wanted`, in any order and within limits, and counts the others.
    ///
    /// An entry has the kind that the directory reports, and no size or time: [`Tree::stat_entries`] adds them. Names
    /// that are not UTF-8 are omitted, because no request can name them (PY-26).
    fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> impl Future<Output = Result<DirEntries, OpenError>>;

    /// Lists as [`Tree::list`] does, but stops `ahead` entries after the last one that it keeps, and returns the rest
    /// of the directory unread. The default implementation reads everything.
    fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> impl Future<Output = Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError>> {
        let _ = ahead;
        async move { self.list(path, wanted, ListLimits::keep(kept)).await.map(|listed| (listed, None)) }
    }

    /// Reads kind, size and time of entries of the directory at `path`, once each. An entry that has vanished, or is a
    /// broken link, stays unchanged.
    fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> impl Future<Output = Result<(), TreeError>>;

    /// Does the same, and opens the regular files among the entries. Those that cannot be opened become
    /// [`EntryKind::Unreadable`].
    fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> impl Future<Output = Result<(), TreeError>> {
        async move {
            let mut entries: Vec<&mut DirEntry> = entries.collect();
            self.stat_entries(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
            for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File) {
                match optional(self.open(&join(path, &entry.name)).await)? {
                    Some(OpenedNode::File(_, metadata)) => {
                        (entry.size, entry.modified) = (Some(metadata.size), metadata.modified);
                    }
                    Some(OpenedNode::Directory) | None if entry.size.is_some() => entry.kind = EntryKind::Unreadable,
                    Some(OpenedNode::Directory) | None => {}
                }
            }
            Ok(())
        }
    }

    /// Writes a message for the operator to the log of the host. Clients do not see it.
    fn report(&self, _: &dyn fmt::Display) {}
}

/// The unread rest of a directory.
pub trait UnreadEntries: fmt::Debug {
    /// Reads up to `most` more entries, and returns the number of those that are `wanted`, or `None` at the end.
    ///
    /// # Errors
    /// [`TreeError`] if the directory cannot be read further.
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError>;
}

/// The result of opening a path.
#[derive(Debug)]
pub enum OpenedNode<F> {
    /// An open regular file.
    File(F, Metadata),
    /// A directory, which is not held open.
    Directory,
}

/// Why a path was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There is nothing to serve. Clients cannot distinguish absent, forbidden and outside of the tree (PY-61).
    Absent,
    /// The tree cannot report what is there.
    Fault,
}

/// The tree failed: a disk error, or a limit of the system. The log of the host has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeError;

impl From<TreeError> for OpenError {
    fn from(TreeError: TreeError) -> OpenError {
        OpenError::Fault
    }
}

impl From<TreeError> for Refusal {
    fn from(TreeError: TreeError) -> Refusal {
        Refusal::Fault
    }
}

/// Turns an absence into `None`.
///
/// # Errors
/// [`TreeError`] for [`OpenError::Fault`].
pub fn optional<T>(result: Result<T, OpenError>) -> Result<Option<T>, TreeError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(OpenError::Absent) => Ok(None),
        Err(OpenError::Fault) => Err(TreeError),
    }
}

/// A path with one more name at its end.
pub fn join(path: &str, name: &Name) -> String {
    match path {
        "" => name.as_str().to_owned(),
        _ => format!("{path}/{}", name.as_str()),
    }
}

/// The metadata of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The length in bytes.
    pub size: u64,
    /// The modification time, or `None` if HTTP cannot express it.
    pub modified: Option<HttpTime>,
    /// The time of the last status change (`st_ctime`), if the tree knows it. Programs cannot set it. In other hosts
    /// than the bundled one it may be the creation time.
    pub changed: Option<HttpTime>,
    /// The first 128 bits of the SHA-256 of the content, if the tree knows them.
    pub digest: Option<u128>,
}

impl Metadata {
    /// The metadata of a file of which the tree knows only size and modification time.
    pub fn new(size: u64, modified: Option<HttpTime>) -> Metadata {
        Metadata { size, modified, changed: None, digest: None }
    }

    /// Whether both can be of one version of a file. Some hosts know the time of the last status change only for a
    /// path, and not for an open file.
    pub fn agrees_with(&self, other: &Metadata) -> bool {
        let changed = self.changed.zip(other.changed);
        let (this, that) = (Metadata { changed: None, ..*self }, Metadata { changed: None, ..*other });
        this == that && changed.is_none_or(|(this, that)| this == that)
    }
}

/// The limits of [`Tree::list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// The most entries that are read, wanted or not. Further ones are not counted.
    pub read: usize,
    /// The most entries that are kept.
    pub kept: usize,
}

impl ListLimits {
    /// Reads the whole directory and keeps at most this many entries.
    pub fn keep(kept: usize) -> ListLimits {
        ListLimits { read: usize::MAX, kept }
    }
}

/// The entries that were read from a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirEntries {
    /// The kept entries, in any order.
    pub entries: Vec<DirEntry>,
    /// The number of other entries that were wanted.
    pub omitted: u64,
}

impl DirEntries {
    /// Keeps an entry, or counts it if the limit is reached.
    pub fn push(&mut self, entry: DirEntry, limits: ListLimits) {
        if self.entries.len() < limits.kept {
            self.entries.push(entry);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: Name,
    /// The kind.
    pub kind: EntryKind,
    /// The length in bytes of the regular file, or of the one that a link leads to. [`Tree::stat_entries`] sets it.
    pub size: Option<u64>,
    /// The modification time of the entry, or of what a link leads to. [`Tree::stat_entries`] sets it. It stays `None`
    /// if HTTP cannot express it.
    pub modified: Option<HttpTime>,
}

impl DirEntry {
    /// An entry without size and time.
    pub fn new(name: Name, kind: EntryKind) -> DirEntry {
        DirEntry { name, kind, size: None, modified: None }
    }

    /// Whether it is a directory or a link to one.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, EntryKind::Directory | EntryKind::LinkToDirectory)
    }
}

/// The kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, or a FIFO, socket or device.
    File,
    /// A regular file that cannot be opened. Only [`Tree::probe_entries`] reports it.
    Unreadable,
    /// A directory.
    Directory,
    /// A symbolic link to a directory within the tree. Only [`Tree::stat_entries`] reports it.
    LinkToDirectory,
    /// Any other symbolic link, also a broken one or one that leads out of the tree.
    Link,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_only_one_knows_is_no_change() {
        let at = |seconds| HttpTime::new(seconds, 0);
        let file = Metadata { changed: at(5), ..Metadata::new(1, at(3)) };
        for (other, agrees) in [
            (file, true),
            (Metadata { changed: None, ..file }, true),
            (Metadata { changed: at(6), ..file }, false),
            (Metadata { size: 2, ..file }, false),
            (Metadata { size: 2, changed: None, ..file }, false),
            (Metadata { modified: at(4), ..file }, false),
            (Metadata { modified: None, ..file }, false),
            (Metadata { digest: Some(1), ..file }, false),
        ] {
            assert_eq!((file.agrees_with(&other), other.agrees_with(&file)), (agrees, agrees), "{other:?}");
        }
    }
}
