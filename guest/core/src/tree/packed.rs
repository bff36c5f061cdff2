//! A tree in one block of bytes, a site image: the folder inside a packed component.

pub mod image;
pub mod index;

#[cfg(test)]
mod tests;

use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::number::{byte_count, to_usize};
use crate::tree::nodes::{self, Found, Node, Nodes};
use crate::tree::{
    DirEntries, DirEntry, EntryKind, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use image::{Record, RecordKind, SiteImage};

/// The tree of a site image.
#[derive(Clone, Copy, Debug)]
pub struct PackedTree<'a> {
    image: SiteImage<'a>,
}

/// A regular file of a [`PackedTree`].
#[derive(Clone, Copy, Debug)]
pub struct PackedFile<'a> {
    /// Its content.
    pub bytes: &'a [u8],
    metadata: Metadata,
}

impl<'a> PackedTree<'a> {
    /// The tree of an image.
    pub fn new(image: SiteImage<'a>) -> PackedTree<'a> {
        PackedTree { image }
    }

    fn file(&self, record: Record) -> Result<PackedFile<'a>, OpenError> {
        let bytes = self.image.content(record).ok_or(OpenError::Fault)?;
        let metadata = Metadata { digest: Some(record.digest), ..Metadata::new(byte_count(bytes), record.modified) };
        Ok(PackedFile { bytes, metadata })
    }
}

impl Nodes for PackedTree<'_> {
    type Directory = Record;
    type File = Record;

    fn root(&self) -> Record {
        self.image.root()
    }

    fn entry(&self, directory: Record, name: &str) -> Result<Node<'_, Self>, OpenError> {
        let record = self.image.find(directory, name).map_err(|_| OpenError::Fault)?.ok_or(OpenError::Absent)?;
        match record.kind {
            RecordKind::File => Ok(Node::File(record)),
            RecordKind::Directory => Ok(Node::Directory(record)),
            RecordKind::Link => self.image.link(record).map(Node::Link).ok_or(OpenError::Fault),
            RecordKind::DeadLink | RecordKind::Special => Err(OpenError::Absent),
        }
    }

    fn entries(&self, directory: Record, most: usize) -> impl Iterator<Item = Result<DirEntry, OpenError>> {
        self.image
            .children(directory)
            .filter(|child| child.as_ref().is_none_or(|(_, record)| record.is_listed))
            .take(most)
            .map(|child| {
                let (name, record) = child.ok_or(OpenError::Fault)?;
                let kind = match record.kind {
                    RecordKind::File | RecordKind::Special => EntryKind::File,
                    RecordKind::Directory => EntryKind::Directory,
                    RecordKind::Link | RecordKind::DeadLink => EntryKind::Link,
                };
                Ok(DirEntry::new(Name::new(name).ok_or(OpenError::Fault)?, kind))
            })
    }

    fn size_and_time(&self, found: Found<Self>) -> (Option<u64>, Option<HttpTime>) {
        match found {
            Found::File(record) => (Some(record.length.into()), record.modified),
            Found::Directory(record) => (None, record.modified),
        }
    }
}

impl<'a> Tree for PackedTree<'a> {
    type File = PackedFile<'a>;

    async fn open(&self, path: &str) -> Result<OpenedNode<PackedFile<'a>>, OpenError> {
        match nodes::follow(self, path)? {
            Found::File(record) => self.file(record).map(|file| OpenedNode::File(file, file.metadata)),
            Found::Directory(_) => Ok(OpenedNode::Directory),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        match nodes::follow(self, path)? {
            Found::File(record) => self.file(record).map(|file| file.metadata),
            Found::Directory(_) => Err(OpenError::Absent),
        }
    }

    async fn read(&self, file: &PackedFile<'a>, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let [offset, limit] = [offset, limit].map(to_usize);
        let rest = file.bytes.get(offset..).unwrap_or_default();
        Ok(rest.get(..limit).unwrap_or(rest).to_vec())
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        nodes::list(self, path, wanted, limits)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        nodes::list_first(self, path, wanted, kept, ahead)
    }

    async fn stat_entries<'e>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'e mut DirEntry>,
    ) -> Result<(), TreeError> {
        nodes::stat_entries(self, path, entries)
    }
}
