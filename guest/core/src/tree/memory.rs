//! A tree in memory: what the rows of the tests are proved over before any sandbox is involved. It refuses to know the
//! file system it stands for, and keeps the rules of [`Tree`] with the same strictness.

use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::tree::{Bounds, DirEntries, DirEntry, EntryKind, Metadata, Node, OpenError, Tree, TreeError, Unread};
use std::collections::BTreeMap;
use std::vec;

/// As many symbolic links as Linux follows in one path before it calls them a loop (path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// A directory in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    entries: BTreeMap<String, MemoryNode>,
}

/// An entry of a [`MemoryTree`].
#[derive(Clone, Debug)]
pub enum MemoryNode {
    /// A regular file and the time of its last change.
    File(Vec<u8>, Option<HttpTime>),
    /// A directory.
    Directory(MemoryTree),
    /// A symbolic link and where it points.
    Link(String),
    /// A FIFO, a socket or a device: listed and never opened.
    Closed,
    /// A regular file that may not be read, and its size.
    Shut(u64),
    /// A place on a disk that fails: listed, and nobody knows more of it.
    Faulty,
}

impl MemoryTree {
    /// Puts an entry at `path`, making the directories above it where they are missing.
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

    /// Follows `path` and the links in it, none of which may leave the tree.
    fn resolve(&self, path: &str) -> Result<Resolved<'_>, OpenError> {
        let mut above = vec![self];
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        let (mut file, mut shut) = (None, None);
        while let Some(segment) = rest.pop() {
            let here = above.last().ok_or(OpenError::Absent)?;
            match (segment.as_str(), file) {
                ("" | ".", _) => continue,
                (_, Some(_)) => return Err(OpenError::Absent),
                (_, None) if shut.is_some() => return Err(OpenError::Absent),
                ("..", None) if above.len() == 1 => return Err(OpenError::Absent),
                ("..", None) => drop(above.pop()),
                (name, None) => match here.entries.get(name).ok_or(OpenError::Absent)? {
                    MemoryNode::File(bytes, modified) => file = Some((bytes, *modified)),
                    MemoryNode::Directory(directory) => above.push(directory),
                    MemoryNode::Link(to) if to.starts_with('/') || links == MAX_LINKS => return Err(OpenError::Absent),
                    MemoryNode::Link(to) => {
                        links += 1;
                        rest.extend(to.split('/').rev().map(str::to_owned));
                    }
                    MemoryNode::Closed => return Err(OpenError::Absent),
                    MemoryNode::Shut(size) => shut = Some(*size),
                    MemoryNode::Faulty => return Err(OpenError::Fault),
                },
            }
        }
        if let Some(size) = shut {
            return Ok(Resolved::Shut(size));
        }
        match file {
            Some((bytes, modified)) => Ok(Resolved::File(bytes, modified)),
            None => above.last().map(|directory| Resolved::Directory(directory)).ok_or(OpenError::Absent),
        }
    }
}

enum Resolved<'a> {
    File(&'a [u8], Option<HttpTime>),
    Shut(u64),
    Directory(&'a MemoryTree),
}

/// Names of a directory that were not read yet.
#[derive(Debug)]
struct Rest(vec::IntoIter<Name>);

impl Unread for Rest {
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError> {
        let read: Vec<Name> = self.0.by_ref().take(most).collect();
        let count = read.iter().filter(|name| wanted(name)).count();
        Ok(Some(u64::try_from(count).unwrap_or(u64::MAX)).filter(|_| !read.is_empty()))
    }
}

impl Tree for MemoryTree {
    type File = Vec<u8>;

    async fn open(&self, path: &str) -> Result<Node<Vec<u8>>, OpenError> {
        Ok(match self.resolve(path)? {
            Resolved::File(bytes, modified) => {
                let size = u64::try_from(bytes.len()).map_err(|_| OpenError::Absent)?;
                Node::File(bytes.to_vec(), Metadata { size, modified, changed: None })
            }
            Resolved::Shut(_) => return Err(OpenError::Absent),
            Resolved::Directory(_) => Node::Directory,
        })
    }

    async fn facts(&self, path: &str) -> Result<Metadata, OpenError> {
        match self.resolve(path)? {
            Resolved::File(bytes, modified) => Ok(Metadata {
                size: u64::try_from(bytes.len()).map_err(|_| OpenError::Absent)?,
                modified,
                changed: None,
            }),
            Resolved::Shut(size) => Ok(Metadata { size, modified: None, changed: None }),
            Resolved::Directory(_) => Err(OpenError::Absent),
        }
    }

    async fn read(&self, file: &Vec<u8>, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let [offset, limit] = [offset, limit].map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let rest = file.get(offset..).unwrap_or_default();
        Ok(rest.get(..limit).unwrap_or(rest).to_vec())
    }

    async fn list(&self, path: &str, wanted: impl Fn(&Name) -> bool, bounds: Bounds) -> Result<DirEntries, OpenError> {
        let Resolved::Directory(directory) = self.resolve(path)? else { return Err(OpenError::Absent) };
        let mut listed = DirEntries::default();
        for (name, node) in directory.entries.iter().take(bounds.read) {
            let Some(name) = Name::new(name.as_str()).filter(&wanted) else { continue };
            let kind = match node {
                MemoryNode::File(..) | MemoryNode::Closed | MemoryNode::Shut(_) | MemoryNode::Faulty => EntryKind::File,
                MemoryNode::Directory(_) => EntryKind::Directory,
                MemoryNode::Link(_) => EntryKind::Link,
            };
            listed.push(DirEntry::new(name, kind), bounds);
        }
        Ok(listed)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn Unread>>), OpenError> {
        let mut listed = self.list(path, &wanted, Bounds::kept(usize::MAX)).await?;
        let first = kept.saturating_add(ahead);
        let rest: Vec<Name> = listed.entries.drain(first.min(listed.entries.len())..).map(|entry| entry.name).collect();
        listed.omitted = u64::try_from(listed.entries.len().saturating_sub(kept)).unwrap_or(u64::MAX);
        listed.entries.truncate(kept);
        let unread: Option<Box<dyn Unread>> =
            if rest.is_empty() { None } else { Some(Box::new(Rest(rest.into_iter()))) };
        Ok((listed, unread))
    }

    async fn describe<'a>(&self, path: &str, entries: impl Iterator<Item = &'a mut DirEntry>) -> Result<(), TreeError> {
        for entry in entries {
            match self.resolve(&format!("{path}/{}", entry.name.as_str())) {
                Ok(Resolved::File(bytes, modified)) => {
                    entry.size = u64::try_from(bytes.len()).ok();
                    entry.modified = modified;
                }
                Ok(Resolved::Shut(size)) => entry.size = Some(size),
                Ok(Resolved::Directory(_)) if entry.kind == EntryKind::Link => entry.kind = EntryKind::LinkToDirectory,
                Ok(Resolved::Directory(_)) | Err(OpenError::Absent) => {}
                Err(OpenError::Fault) => return Err(TreeError),
            }
        }
        Ok(())
    }
}
