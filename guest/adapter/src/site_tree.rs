//! The tree that a handler serves: a directory of the host, or the folder inside the component.

use crate::tree::{PreopenedFile, PreopenedTree};
use glasshouse_core::Span;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::packed::{PackedFile, PackedTree};
use glasshouse_core::tree::{
    DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use glasshouse_protocol::{Piece, WHOLE_MAX};
use std::fmt::Display;

/// The tree of a handler.
#[derive(Debug)]
pub enum SiteTree {
    /// The preopened directory.
    Preopened(PreopenedTree),
    /// The folder inside the component.
    Packed(PackedTree<'static>),
}

/// An open regular file.
#[derive(Debug)]
pub enum OpenFile {
    /// A file of the host.
    Preopened(PreopenedFile),
    /// A file inside the component.
    Packed(PackedFile<'static>),
}

impl OpenFile {
    /// A part of the file as a piece of a body. `None` if the handler must write it, because it is long and the host
    /// has no other copy.
    pub fn piece(&self, span: Span) -> Option<Piece<'_>> {
        match self {
            OpenFile::Preopened(file) => Some(Piece::File { number: file.number, start: span.start, end: span.end }),
            OpenFile::Packed(file) => part(file, span).filter(|bytes| bytes.len() <= WHOLE_MAX).map(Piece::Text),
        }
    }
}

/// The bytes of a part of a packed file.
pub fn part(file: &PackedFile<'static>, span: Span) -> Option<&'static [u8]> {
    file.bytes.get(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?)
}

impl Tree for SiteTree {
    type File = OpenFile;

    async fn open(&self, path: &str) -> Result<OpenedNode<OpenFile>, OpenError> {
        fn convert<F>(node: OpenedNode<F>, file: fn(F) -> OpenFile) -> OpenedNode<OpenFile> {
            match node {
                OpenedNode::File(opened, metadata) => OpenedNode::File(file(opened), metadata),
                OpenedNode::Directory => OpenedNode::Directory,
            }
        }
        match self {
            SiteTree::Preopened(tree) => tree.open(path).await.map(|node| convert(node, OpenFile::Preopened)),
            SiteTree::Packed(tree) => tree.open(path).await.map(|node| convert(node, OpenFile::Packed)),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        match self {
            SiteTree::Preopened(tree) => tree.metadata(path).await,
            SiteTree::Packed(tree) => tree.metadata(path).await,
        }
    }

    async fn read(&self, file: &OpenFile, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        match (self, file) {
            (SiteTree::Preopened(tree), OpenFile::Preopened(file)) => tree.read(file, offset, limit).await,
            (SiteTree::Packed(tree), OpenFile::Packed(file)) => tree.read(file, offset, limit).await,
            // The file is of another tree.
            _ => Err(OpenError::Fault),
        }
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        match self {
            SiteTree::Preopened(tree) => tree.list(path, wanted, limits).await,
            SiteTree::Packed(tree) => tree.list(path, wanted, limits).await,
        }
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        match self {
            SiteTree::Preopened(tree) => tree.list_first(path, wanted, kept, ahead).await,
            SiteTree::Packed(tree) => tree.list_first(path, wanted, kept, ahead).await,
        }
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        match self {
            SiteTree::Preopened(tree) => tree.stat_entries(path, entries).await,
            SiteTree::Packed(tree) => tree.stat_entries(path, entries).await,
        }
    }

    async fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        match self {
            SiteTree::Preopened(tree) => tree.probe_entries(path, entries).await,
            SiteTree::Packed(tree) => tree.probe_entries(path, entries).await,
        }
    }

    fn report(&self, reason: &dyn Display) {
        crate::log_error(reason);
    }
}
