//! A tree in memory, for tests and examples. It follows the same rules as a tree on a file system.

use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::number::{byte_count, to_usize};
use crate::tree::nodes::{self, Found, Node, Nodes};
use crate::tree::{
    DirEntries, DirEntry, EntryKind, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use std::collections::BTreeMap;

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
}

/// A regular file of a [`MemoryTree`].
#[derive(Clone, Copy)]
pub(crate) enum MemoryFile<'a> {
    Readable(&'a [u8], Option<HttpTime>),
    Unreadable(u64),
}

impl<'a> Nodes for &'a MemoryTree {
    type Directory = &'a MemoryTree;
    type File = MemoryFile<'a>;

    fn root(&self) -> &'a MemoryTree {
        self
    }

    fn entry(&self, directory: &'a MemoryTree, name: &str) -> Result<Node<'_, Self>, OpenError> {
        match directory.entries.get(name).ok_or(OpenError::Absent)? {
            MemoryNode::File(bytes, modified) => Ok(Node::File(MemoryFile::Readable(bytes, *modified))),
            MemoryNode::Unreadable(size) => Ok(Node::File(MemoryFile::Unreadable(*size))),
            MemoryNode::Directory(directory) => Ok(Node::Directory(directory)),
            MemoryNode::Link(to) => Ok(Node::Link(to)),
            MemoryNode::Special => Err(OpenError::Absent),
            MemoryNode::Faulty => Err(OpenError::Fault),
        }
    }

    fn entries(&self, directory: &'a MemoryTree, most: usize) -> impl Iterator<Item = Result<DirEntry, OpenError>> {
        directory.entries.iter().take(most).filter_map(|(name, node)| {
            let kind = match node {
                MemoryNode::File(..) | MemoryNode::Special | MemoryNode::Unreadable(_) | MemoryNode::Faulty => {
                    EntryKind::File
                }
                MemoryNode::Directory(_) => EntryKind::Directory,
                MemoryNode::Link(_) => EntryKind::Link,
            };
            Some(Ok(DirEntry::new(Name::new(name.as_str())?, kind)))
        })
    }

    fn size_and_time(&self, found: Found<Self>) -> (Option<u64>, Option<HttpTime>) {
        match found {
            Found::File(MemoryFile::Readable(bytes, modified)) => (Some(byte_count(bytes)), modified),
            Found::File(MemoryFile::Unreadable(size)) => (Some(size), None),
            Found::Directory(_) => (None, None),
        }
    }
}

impl Tree for MemoryTree {
    type File = Vec<u8>;

    async fn open(&self, path: &str) -> Result<OpenedNode<Vec<u8>>, OpenError> {
        match nodes::follow(&self, path)? {
            Found::File(MemoryFile::Readable(bytes, modified)) => {
                Ok(OpenedNode::File(bytes.to_vec(), Metadata::new(byte_count(bytes), modified)))
            }
            Found::File(MemoryFile::Unreadable(_)) => Err(OpenError::Absent),
            Found::Directory(_) => Ok(OpenedNode::Directory),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        match nodes::follow(&self, path)? {
            Found::File(MemoryFile::Readable(bytes, modified)) => Ok(Metadata::new(byte_count(bytes), modified)),
            Found::File(MemoryFile::Unreadable(size)) => Ok(Metadata::new(size, None)),
            Found::Directory(_) => Err(OpenError::Absent),
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
        nodes::list(&self, path, wanted, limits)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        nodes::list_first(&self, path, wanted, kept, ahead)
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        nodes::stat_entries(&self, path, entries)
    }
}
