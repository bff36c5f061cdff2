//! The tree of the core over `wasi:filesystem@0.3`. Lists directories over 0.2.

use glasshouse_adapter::{Root, absent, log_error, served};
use glasshouse_core::config::BodyPath;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::{
    DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries,
};
use std::fmt::Display;
use wasip3::clocks::system_clock::Instant;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};

/// The preopened directory.
pub struct PreopenedTree {
    root: Descriptor,
    /// The same directory in WASI 0.2, for listings.
    listing: Root,
    /// Whether the host opens a FIFO without blocking.
    opens_without_blocking: bool,
}

impl PreopenedTree {
    /// Returns `None` if the host preopened no directory.
    pub fn new(listing: Root, body: BodyPath) -> Option<PreopenedTree> {
        let opens_without_blocking = body == BodyPath::Direct;
        served(get_directories()).map(|root| PreopenedTree { root, listing, opens_without_blocking })
    }

    async fn stat(&self, path: &str) -> Result<DescriptorStat, OpenError> {
        self.root.stat_at(PathFlags::SYMLINK_FOLLOW, path.to_owned()).await.map_err(open_error)
    }

    async fn open_to_read(&self, path: &str) -> Result<Descriptor, ErrorCode> {
        let (follow, plain, read) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty(), DescriptorFlags::READ);
        self.root.open_at(follow, path.to_owned(), plain, read).await
    }

    /// The kind of node at a path.
    async fn kind(&self, path: &str) -> Result<NodeKind, OpenError> {
        node_kind(&self.stat(path).await?)
    }
}

/// The types that a tree can have.
enum NodeKind {
    Directory,
    File,
}

fn node_kind(stat: &DescriptorStat) -> Result<NodeKind, OpenError> {
    match stat.type_ {
        DescriptorType::Directory => Ok(NodeKind::Directory),
        DescriptorType::RegularFile => Ok(NodeKind::File),
        _ => Err(OpenError::Absent),
    }
}

impl Tree for PreopenedTree {
    type File = Descriptor;

    async fn open(&self, path: &str) -> Result<OpenedNode<Descriptor>, OpenError> {
        if path.is_empty() {
            return Ok(OpenedNode::Directory);
        }
        // In other hosts the type comes first, because opening a FIFO may block until a process writes to it.
        if !self.opens_without_blocking
            && let NodeKind::Directory = self.kind(path).await?
        {
            return Ok(OpenedNode::Directory);
        }
        let file = match self.open_to_read(path).await {
            Ok(file) => file,
            // An unreadable directory may contain readable files.
            Err(ErrorCode::Access) if let NodeKind::Directory = self.kind(path).await? => {
                return Ok(OpenedNode::Directory);
            }
            Err(code) => return Err(open_error(code)),
        };
        // Metadata of the open file: the name may refer to another one by now.
        let stat = file.stat().await.map_err(open_error)?;
        match node_kind(&stat)? {
            NodeKind::Directory => Ok(OpenedNode::Directory),
            NodeKind::File => Ok(OpenedNode::File(file, facts(&stat)?)),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        facts(&self.stat(path).await?)
    }

    async fn read(&self, file: &Descriptor, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut from, outcome) = file.read_via_stream(offset);
        let mut bytes = Vec::with_capacity(limit);
        while bytes.len() < limit {
            let before = bytes.len();
            // Fills the unused capacity.
            (_, bytes) = from.read(bytes).await;
            if bytes.len() == before {
                // The end of the file, or an error.
                outcome.await.map_err(open_error)?;
                break;
            }
        }
        bytes.truncate(limit);
        Ok(bytes)
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        self.listing.list(path, wanted, limits)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        self.listing.list_first(path, wanted, kept, ahead)
    }

    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.listing.stat_entries(path, entries)
    }

    async fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        self.listing.probe_entries(path, entries)
    }

    fn report(&self, reason: &dyn Display) {
        log_error(reason);
    }
}

/// Converts an error code of WASI 0.3.
fn open_error(code: ErrorCode) -> OpenError {
    match code {
        absent!(ErrorCode) => OpenError::Absent,
        _ => OpenError::Fault,
    }
}

/// The metadata of a regular file. Other types are absent for the core.
fn facts(stat: &DescriptorStat) -> Result<Metadata, OpenError> {
    if !matches!(stat.type_, DescriptorType::RegularFile) {
        return Err(OpenError::Absent);
    }
    let stamp = |time: Instant| HttpTime::new(time.seconds, time.nanoseconds);
    let (modified, changed) = (stat.data_modification_timestamp, stat.status_change_timestamp);
    Ok(Metadata { size: stat.size, modified: modified.and_then(stamp), changed: changed.and_then(stamp) })
}
