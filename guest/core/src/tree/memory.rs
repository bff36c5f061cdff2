//! A tree in memory, for tests and examples. It follows the same rules as a tree on a file system.

use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::number::{byte_count, to_u64, to_usize};
use crate::tree::{
    DirEntries, DirEntry, EntryKind, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use std::collections::BTreeMap;
use std::vec;

/// The most symbolic links in one path, as in Linux (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// A directory in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    entries: BTreeMap<String, MemoryNode>,
}

/// An entry of a [`MemoryTree`].
#[derive(Clone, Debug)]
pub enum MemoryNode {
    /// A regular file: its content and its modification time.
    File(Vec<u8>, Option<HttpTime>),
    /// A directory.
    Directory(MemoryTree),
    /// A symbolic link: the path that it contains.
    Link(String),
    /// A FIFO, a socket or a device: listed and never opened.
    Special,
    /// A regular file that cannot be read: its size in bytes.
    Unreadable(u64),
    /// An entry on a failing disk: listed, and every other access is a fault.
    Faulty,
}

impl MemoryTree {
    /// Adds an entry at `path`, and the missing directories above it. Replaces an entry that is there.
    pub fn insert(&mut self, path: &str, node: MemoryNode) {
        match path.split_once('/') {
            None => drop(self.entries.insert(path.to_owned(), node)),
            Some((first, rest)) => {
                let above =
                    self.entries.entry(first.to_owned()).or_insert(MemoryNode::Directory(MemoryTree::default()));
                if let MemoryNode::Directory(directory) = above {
                    directory.insert(rest, node);
                }
            }
        }
    }

    /// Follows `path` and the links in it. A link out of the tree is absent.
    fn follow(&self, path: &str) -> Result<Followed<'_>, OpenError> {
        let mut above = vec![self];
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        let (mut file, mut unreadable) = (None, None);
        while let Some(segment) = rest.pop() {
            let here = above.last().ok_or(OpenError::Absent)?;
            match (segment.as_str(), file) {
                ("" | ".", _) => continue,
                (_, Some(_)) => return Err(OpenError::Absent),
                (_, None) if unreadable.is_some() => return Err(OpenError::Absent),
                ("..", None) if above.len() == 1 => return Err(OpenError::Absent),
                ("..", None) => drop(above.pop()),
                (name, None) => match here.entries.get(name).ok_or(OpenError::Absent)? {
                    MemoryNode::File(bytes, modified) => file = Some((bytes, *modified)),
                    MemoryNode::Directory(directory) => above.push(directory),
                    MemoryNode::Link(to) if to.starts_with('/') || links == MAX_LINKS => return Err(OpenError::Absent),
                    MemoryNode::Link(to) => {
                        links = links.saturating_add(1);
                        rest.extend(to.split('/').rev().map(str::to_owned));
                    }
                    MemoryNode::Special => return Err(OpenError::Absent),
                    MemoryNode::Unreadable(size) => unreadable = Some(*size),
                    MemoryNode::Faulty => return Err(OpenError::Fault),
                },
            }
        }
        if let Some(size) = unreadable {
            return Ok(Followed::Unreadable(size));
        }
        match file {
            Some((bytes, modified)) => Ok(Followed::File(bytes, modified)),
            None => above.last().map(|directory| Followed::Directory(directory)).ok_or(OpenError::Absent),
        }
    }
}

enum Followed<'a> {
    File(&'a [u8], Option<HttpTime>),
    Unreadable(u64),
    Directory(&'a MemoryTree),
}

/// The unread names of a directory.
#[derive(Debug)]
struct UnreadNames(vec::IntoIter<Name>);

impl UnreadEntries for UnreadNames {
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError> {
        let read: Vec<Name> = self.0.by_ref().take(most).collect();
        let count = read.iter().filter(|name| wanted(name)).count();
        Ok(Some(to_u64(count)).filter(|_| !read.is_empty()))
    }
}

impl Tree for MemoryTree {
    type File = Vec<u8>;

    async fn open(&self, path: &str) -> Result<OpenedNode<Vec<u8>>, OpenError> {
        Ok(match self.follow(path)? {
            Followed::File(bytes, modified) => {
                let size = byte_count(bytes);
                OpenedNode::File(bytes.to_vec(), Metadata { size, modified, changed: None })
            }
            Followed::Unreadable(_) => return Err(OpenError::Absent),
            Followed::Directory(_) => OpenedNode::Directory,
        })
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        match self.follow(path)? {
            Followed::File(bytes, modified) => Ok(Metadata { size: byte_count(bytes), modified, changed: None }),
            Followed::Unreadable(size) => Ok(Metadata { size, modified: None, changed: None }),
            Followed::Directory(_) => Err(OpenError::Absent),
        }
    }

    async fn read(&self, file: &Vec<u8>, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let [offset, limit] = [offset, limit].map(to_usize);
        let rest = file.get(offset..).unwrap_or_default();
        Ok(rest.get(..limit).unwrap_or(rest).to_vec())
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        let Followed::Directory(directory) = self.follow(path)? else { return Err(OpenError::Absent) };
        let mut listed = DirEntries::default();
        for (name, node) in directory.entries.iter().take(limits.read) {
            let Some(name) = Name::new(name.as_str()).filter(&wanted) else { continue };
            let kind = match node {
                MemoryNode::File(..) | MemoryNode::Special | MemoryNode::Unreadable(_) | MemoryNode::Faulty => {
                    EntryKind::File
                }
                MemoryNode::Directory(_) => EntryKind::Directory,
                MemoryNode::Link(_) => EntryKind::Link,
            };
            listed.push(DirEntry::new(name, kind), limits);
        }
        Ok(listed)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        let mut listed = self.list(path, &wanted, ListLimits::keep(usize::MAX)).await?;
        let first = kept.saturating_add(ahead);
        let rest: Vec<Name> = listed.entries.drain(first.min(listed.entries.len())..).map(|entry| entry.name).collect();
        listed.omitted = to_u64(listed.entries.len().saturating_sub(kept));
        listed.entries.truncate(kept);
        let unread: Option<Box<dyn UnreadEntries>> =
            if rest.is_empty() { None } else { Some(Box::new(UnreadNames(rest.into_iter()))) };
        Ok((listed, unread))
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        for entry in entries {
            match self.follow(&format!("{path}/{}", entry.name.as_str())) {
                Ok(Followed::File(bytes, modified)) => {
                    entry.size = Some(byte_count(bytes));
                    entry.modified = modified;
                }
                Ok(Followed::Unreadable(size)) => entry.size = Some(size),
                Ok(Followed::Directory(_)) if entry.kind == EntryKind::Link => entry.kind = EntryKind::LinkToDirectory,
                Ok(Followed::Directory(_)) | Err(OpenError::Absent) => {}
                Err(OpenError::Fault) => return Err(TreeError),
            }
        }
        Ok(())
    }
}
