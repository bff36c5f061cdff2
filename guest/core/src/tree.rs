//! What the core asks of a directory tree, and all that it learns about an entry. It refuses to know how a tree is
//! read: memory, WASI 0.2 and WASI 0.3 are three answers to the same two questions.

use crate::date::Stamp;
use crate::target::Name;

/// A read-only tree. Paths are relative to its root, as [`crate::target::Target::path`] writes them; the empty path
/// is the root.
///
/// An implementation follows symbolic links only as far as they stay inside the tree, and opens nothing but regular
/// files and directories: a FIFO, a socket and a device are [`Missing`], at once.
pub trait Tree {
    /// An open regular file.
    type File;

    /// Opens what lies at `path`. The facts are those of the opened file and not of its name.
    fn open(&self, path: &str) -> impl Future<Output = Result<Node<Self::File>, Missing>>;

    /// The facts of the regular file at `path`, without opening it.
    fn facts(&self, path: &str) -> impl Future<Output = Result<Facts, Missing>>;

    /// The bytes of an open file from `offset` on: `limit` of them, or as many as there are.
    fn read(&self, file: &Self::File, offset: u64, limit: u64) -> impl Future<Output = Result<Vec<u8>, Missing>>;

    /// The entries of the directory at `path` in any order, without `.` and `..`. Names that are not UTF-8 are left
    /// out: nothing could ask for them (S26).
    fn list(&self, path: &str) -> impl Future<Output = Result<Vec<Entry>, Missing>>;
}

/// What was opened.
#[derive(Debug)]
pub enum Node<F> {
    /// A regular file, held open.
    File(F, Facts),
    /// A directory; it is not held open.
    Directory,
}

/// Nothing there that may be served. Why is nobody's business: absent, forbidden and led astray look alike (S61).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

/// What is known of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last change; `None` where HTTP has no date for it.
    pub modified: Option<Stamp>,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: EntryKind,
}

/// What a directory says that its entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, or something that is listed like one.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to a directory inside the tree.
    LinkToDirectory,
    /// Any other symbolic link, broken ones and those that lead out of the tree among them.
    Link,
}
