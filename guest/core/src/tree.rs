//! What the core asks of a directory tree, and all that it learns about an entry. It refuses to know how a tree is
//! read: memory, WASI 0.2 and WASI 0.3 are three answers to the same few questions.

pub mod dotfiles;
pub mod memory;
pub mod public;

use crate::http::date::HttpTime;
use crate::http::refusal::Refusal;
use crate::http::target::Name;
use std::fmt;

/// A read-only tree. Paths are relative to its root, as [`crate::http::target::Target::path`] writes them; the empty path
/// is the root.
///
/// An implementation follows symbolic links only as far as they stay inside the tree, and opens nothing but regular
/// files and directories: a FIFO, a socket and a device are [`OpenError::Absent`], at once. Whatever it cannot tell, because
/// the machine below it fails, is [`OpenError::TreeError`]: that must never pass for an absence, nor a part for the whole.
pub trait Tree {
    /// An open regular file.
    type File;

    /// Opens what lies at `path`. The facts are those of the opened file and not of its name.
    fn open(&self, path: &str) -> impl Future<Output = Result<Node<Self::File>, OpenError>>;

    /// The facts of the regular file at `path`, without opening it.
    fn facts(&self, path: &str) -> impl Future<Output = Result<Metadata, OpenError>>;

    /// The bytes of an open file from `offset` on: `limit` of them, or as many as there are.
    fn read(&self, file: &Self::File, offset: u64, limit: u64) -> impl Future<Output = Result<Vec<u8>, OpenError>>;

    /// Entries of the directory at `path`, in any order, as far as their names are `wanted` and within bounds, and how many more
    /// there are among those that were read. What each is stands there as far as the directory itself tells; the rest is for
    /// [`Tree::describe`]. Names that are not UTF-8 are left out: nothing could ask for them (S26).
    fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        bounds: Bounds,
    ) -> impl Future<Output = Result<DirEntries, OpenError>>;

    /// The same of a directory that is read no further than `ahead` entries beyond those that are kept: what is left of it is
    /// for whoever wants to know how many more there are. A tree that cannot stop there reads all of it.
    fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> impl Future<Output = Result<(DirEntries, Option<Box<dyn Unread>>), OpenError>> {
        let _ = ahead;
        async move { self.list(path, wanted, Bounds::kept(kept)).await.map(|listed| (listed, None)) }
    }

    /// Looks at entries of the directory at `path`, once each, and writes down what is seen. An entry that is not there
    /// any more, or leads nowhere, stays as it is.
    fn describe<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> impl Future<Output = Result<(), TreeError>>;

    /// The same, and opens the regular files among them: those that cannot be opened become [`EntryKind::Closed`].
    fn probe<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> impl Future<Output = Result<(), TreeError>> {
        async move {
            let mut entries: Vec<&mut DirEntry> = entries.collect();
            self.describe(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
            for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File) {
                match found(self.open(&join(path, &entry.name)).await)? {
                    Some(Node::File(_, facts)) => (entry.size, entry.modified) = (Some(facts.size), facts.modified),
                    Some(Node::Directory) | None if entry.size.is_some() => entry.kind = EntryKind::Closed,
                    Some(Node::Directory) | None => {}
                }
            }
            Ok(())
        }
    }

    /// Tells whoever runs the host what a client is not told.
    fn complain(&self, _: &dyn fmt::Display) {}
}

/// What is left to be read of a directory.
pub trait Unread: fmt::Debug {
    /// Reads up to `most` more entries, and returns how many of them are `wanted`; `None` behind the last.
    ///
    /// # Errors
    /// [`TreeError`], where nobody knows what is left.
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError>;
}

/// What was opened.
#[derive(Debug)]
pub enum Node<F> {
    /// A regular file, held open.
    File(F, Metadata),
    /// A directory; it is not held open.
    Directory,
}

/// Why there is nothing to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Nothing there that may be served. Why is nobody's business: absent, forbidden and led astray look alike (S61).
    Absent,
    /// Nobody knows what is there.
    Fault,
}

/// The machine could not say: a disk that fails, a limit of the system that is reached. The host's log has the details.
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

/// What was found, if there is anything; a fault stays one.
///
/// # Errors
/// [`TreeError`], where nobody knows.
pub fn found<T>(looked: Result<T, OpenError>) -> Result<Option<T>, TreeError> {
    match looked {
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

/// What is known of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last change; `None` where HTTP has no date for it.
    pub modified: Option<HttpTime>,
    /// Time of the last change of the file or of anything that is said of it, where the tree knows it. Nobody can set it, which sets
    /// it apart from `modified`; elsewhere than in the bundled host it may be the time at which the file was made.
    pub changed: Option<HttpTime>,
}

/// How much of a directory is read and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries that are read, wanted or not; those beyond are not even counted.
    pub read: usize,
    /// Entries that are kept.
    pub kept: usize,
}

impl Bounds {
    /// All of them are read, and so many kept.
    pub fn kept(kept: usize) -> Bounds {
        Bounds { read: usize::MAX, kept }
    }
}

/// What was read of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirEntries {
    /// The entries, in any order.
    pub entries: Vec<DirEntry>,
    /// How many more there are.
    pub omitted: u64,
}

impl DirEntries {
    /// Takes one more entry in, or counts it where as many are kept already as may be.
    pub fn push(&mut self, entry: DirEntry, bounds: Bounds) {
        if self.entries.len() < bounds.kept {
            self.entries.push(entry);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: EntryKind,
    /// The length in bytes of the regular file that it is or leads to, once it was looked at.
    pub size: Option<u64>,
    /// When what it is or leads to was last changed, once it was looked at; `None` where HTTP has no date for it.
    pub modified: Option<HttpTime>,
}

impl DirEntry {
    /// An entry that was not looked at yet.
    pub fn new(name: Name, kind: EntryKind) -> DirEntry {
        DirEntry { name, kind, size: None, modified: None }
    }

    /// Whether it is a directory, or is known to lead to one.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, EntryKind::Directory | EntryKind::LinkToDirectory)
    }
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, or something that is listed like one.
    File,
    /// A regular file that cannot be opened, which shows when that is tried.
    Closed,
    /// A directory.
    Directory,
    /// A symbolic link to a directory inside the tree, which shows when it is looked at.
    LinkToDirectory,
    /// Any other symbolic link, broken ones and those that lead out of the tree among them.
    Link,
}
