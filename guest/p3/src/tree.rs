//! The tree of the core over `wasi:filesystem@0.3`: opens and describes. It refuses to know HTTP.

use glasshouse_adapter::{Root, absent, complain, served};
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
    /// The same directory as WASI 0.2 sees it, for listings.
    listing: Root,
    /// Whether the host never waits while it opens something.
    opens_at_once: bool,
}

impl PreopenedTree {
    /// `None` where the host preopened no directory.
    pub fn new(listing: Root, body: BodyPath) -> Option<PreopenedTree> {
        let opens_at_once = body == BodyPath::Direct;
        served(get_directories()).map(|root| PreopenedTree { root, listing, opens_at_once })
    }

    async fn stat(&self, path: &str) -> Result<DescriptorStat, OpenError> {
        self.root.stat_at(PathFlags::SYMLINK_FOLLOW, path.to_owned()).await.map_err(missing)
    }

    async fn open_to_read(&self, path: &str) -> Result<Descriptor, ErrorCode> {
        let (follow, plain, read) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty(), DescriptorFlags::READ);
        self.root.open_at(follow, path.to_owned(), plain, read).await
    }

    /// What may be opened at a path, without opening it.
    async fn look(&self, path: &str) -> Result<Kind, OpenError> {
        kind(&self.stat(path).await?)
    }
}

/// What has a place in the tree.
enum Kind {
    Directory,
    File,
}

fn kind(stat: &DescriptorStat) -> Result<Kind, OpenError> {
    match stat.type_ {
        DescriptorType::Directory => Ok(Kind::Directory),
        DescriptorType::RegularFile => Ok(Kind::File),
        _ => Err(OpenError::Absent),
    }
}

impl Tree for PreopenedTree {
    type File = Descriptor;

    async fn open(&self, path: &str) -> Result<OpenedNode<Descriptor>, OpenError> {
        if path.is_empty() {
            return Ok(OpenedNode::Directory);
        }
        // Elsewhere it is asked before it is opened, because opening a FIFO may wait for somebody to write into it.
        if !self.opens_at_once
            && let Kind::Directory = self.look(path).await?
        {
            return Ok(OpenedNode::Directory);
        }
        let file = match self.open_to_read(path).await {
            Ok(file) => file,
            // A directory that may not be read may still have files that may be.
            Err(ErrorCode::Access) if let Kind::Directory = self.look(path).await? => return Ok(OpenedNode::Directory),
            Err(code) => return Err(missing(code)),
        };
        // Asked of what was opened: the name may be another's by now.
        let stat = file.stat().await.map_err(missing)?;
        match kind(&stat)? {
            Kind::Directory => Ok(OpenedNode::Directory),
            Kind::File => Ok(OpenedNode::File(file, facts(&stat)?)),
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
            // Into what is left of its capacity.
            (_, bytes) = from.read(bytes).await;
            if bytes.len() == before {
                // It has ended: because the file has, or because it cannot be read any further.
                outcome.await.map_err(missing)?;
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
        complain(reason);
    }
}

/// What an error says of what was asked for.
fn missing(code: ErrorCode) -> OpenError {
    match code {
        absent!(ErrorCode) => OpenError::Absent,
        _ => OpenError::Fault,
    }
}

/// What the core is told of a regular file; nothing else has facts.
fn facts(stat: &DescriptorStat) -> Result<Metadata, OpenError> {
    if !matches!(stat.type_, DescriptorType::RegularFile) {
        return Err(OpenError::Absent);
    }
    let stamp = |time: Instant| HttpTime::new(time.seconds, time.nanoseconds);
    let (modified, changed) = (stat.data_modification_timestamp, stat.status_change_timestamp);
    Ok(Metadata { size: stat.size, modified: modified.and_then(stamp), changed: changed.and_then(stamp) })
}
