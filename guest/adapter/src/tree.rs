//! The tree of the core over `wasi:filesystem@0.2`. Its futures are complete at the first poll.

use glasshouse_adapter::{Root, log_error, open_error, stamp};
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::{
    DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use std::fmt::Display;
use wasi::filesystem::types::{Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, OpenFlags, PathFlags};
use wasi::io::streams::StreamError;

/// The preopened directory.
pub struct PreopenedTree(pub Root);

impl Tree for PreopenedTree {
    type File = Descriptor;

    async fn open(&self, path: &str) -> Result<OpenedNode<Descriptor>, OpenError> {
        if path.is_empty() {
            return Ok(OpenedNode::Directory);
        }
        let root = self.0.descriptor();
        // The type comes first, because opening a FIFO blocks until a process writes to it.
        let found = root.stat_at(PathFlags::SYMLINK_FOLLOW, path).map_err(open_error)?;
        match found.type_ {
            DescriptorType::Directory => return Ok(OpenedNode::Directory),
            DescriptorType::RegularFile => {}
            _ => return Err(OpenError::Absent),
        }
        let opened = root.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ);
        let file = opened.map_err(open_error)?;
        // Metadata of the open file: the name may refer to another one by now.
        let facts = facts(&file.stat().map_err(open_error)?)?;
        Ok(OpenedNode::File(file, facts))
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        facts(&self.0.descriptor().stat_at(PathFlags::SYMLINK_FOLLOW, path).map_err(open_error)?)
    }

    async fn read(&self, file: &Descriptor, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let from = file.read_via_stream(offset).map_err(open_error)?;
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
            bytes.extend(block);
        }
        Ok(bytes)
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        self.0.list(path, wanted, limits)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        self.0.list_first(path, wanted, kept, ahead)
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.0.stat_entries(path, entries)
    }

    async fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.0.probe_entries(path, entries)
    }

    fn report(&self, reason: &dyn Display) {
        log_error(reason);
    }
}

/// The metadata of a regular file. Other types are absent for the core.
fn facts(stat: &DescriptorStat) -> Result<Metadata, OpenError> {
    if stat.type_ != DescriptorType::RegularFile {
        return Err(OpenError::Absent);
    }
    let (modified, changed) = (stat.data_modification_timestamp, stat.status_change_timestamp);
    Ok(Metadata { size: stat.size, modified: modified.and_then(stamp), changed: changed.and_then(stamp) })
}
