//! The tree of the core over `wasi:filesystem@0.2`. Its futures are complete at the first poll.
//!
//! The component for WASI 0.3 uses it as well: in the bundled host these calls do not wait, and calls that may wait
//! cost more.

use crate::listing::Root;
use crate::listing::{open_error, stamp};
use crate::log_error;
use glasshouse_core::config::BodyPath;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::{
    DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use wasi::filesystem::types::{Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags};
use wasi::io::streams::StreamError;

/// The served directory.
#[derive(Debug)]
pub struct PreopenedTree {
    root: Root,
    /// Whether the host opens a FIFO without blocking.
    opens_without_blocking: bool,
}

/// An open regular file of the host.
#[derive(Debug)]
pub struct PreopenedFile {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// Its number among everything that was opened beneath the preopened directory.
    pub number: u64,
}

/// The types that a tree can have.
enum NodeKind {
    Directory,
    File,
}

impl PreopenedTree {
    pub(crate) fn new(root: Root, body: BodyPath) -> PreopenedTree {
        PreopenedTree { root, opens_without_blocking: body == BodyPath::Direct }
    }

    /// The kind of node at a path.
    fn kind(&self, path: &str) -> Result<NodeKind, OpenError> {
        node_kind(&self.root.stat(path).map_err(open_error)?)
    }
}

fn node_kind(stat: &DescriptorStat) -> Result<NodeKind, OpenError> {
    match stat.type_ {
        DescriptorType::Directory => Ok(NodeKind::Directory),
        DescriptorType::RegularFile => Ok(NodeKind::File),
        _ => Err(OpenError::Absent),
    }
}

impl Tree for PreopenedTree {
    type File = PreopenedFile;

    async fn open(&self, path: &str) -> Result<OpenedNode<PreopenedFile>, OpenError> {
        if path.is_empty() {
            return Ok(OpenedNode::Directory);
        }
        // In other hosts the type comes first, because opening a FIFO may block until a process writes to it.
        if !self.opens_without_blocking
            && let NodeKind::Directory = self.kind(path)?
        {
            return Ok(OpenedNode::Directory);
        }
        let (descriptor, number) = match self.root.open(path, OpenFlags::empty(), DescriptorFlags::READ) {
            Ok(opened) => opened,
            // An unreadable directory may contain readable files.
            Err(ErrorCode::Access) if let NodeKind::Directory = self.kind(path)? => return Ok(OpenedNode::Directory),
            Err(code) => return Err(open_error(code)),
        };
        // Metadata of the open file: the name may refer to another one by now.
        let stat = descriptor.stat().map_err(open_error)?;
        match node_kind(&stat)? {
            NodeKind::Directory => Ok(OpenedNode::Directory),
            NodeKind::File => Ok(OpenedNode::File(PreopenedFile { descriptor, number }, facts(&stat)?)),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        facts(&self.root.stat(path).map_err(open_error)?)
    }

    async fn read(&self, file: &PreopenedFile, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let from = file.descriptor.read_via_stream(offset).map_err(open_error)?;
        let mut bytes = Vec::new();
        let mut left = limit;
        while left > 0 {
            let block = match from.blocking_read(left) {
                Ok(block) => block,
                // The end of the file.
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    log_error(&format_args!("cannot read: {}", error.to_debug_string()));
                    return Err(OpenError::Fault);
                }
            };
            left = left.saturating_sub(u64::try_from(block.len()).unwrap_or(u64::MAX));
            match bytes.is_empty() {
                true => bytes = block,
                false => bytes.extend(block),
            }
        }
        Ok(bytes)
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        self.root.list(path, wanted, limits)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        self.root.list_first(path, wanted, kept, ahead)
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.root.stat_entries(path, entries)
    }

    async fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.root.probe_entries(path, entries)
    }
}

/// The metadata of a regular file. Other types are absent for the core.
fn facts(stat: &DescriptorStat) -> Result<Metadata, OpenError> {
    if stat.type_ != DescriptorType::RegularFile {
        return Err(OpenError::Absent);
    }
    let (modified, changed) = (stat.data_modification_timestamp, stat.status_change_timestamp);
    Ok(Metadata { changed: changed.and_then(stamp), ..Metadata::new(stat.size, modified.and_then(stamp)) })
}
