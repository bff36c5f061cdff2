//! The tree of the core over `wasi:filesystem@0.3`: opens and describes. It refuses to know HTTP.

use glasshouse_common::{Root, served};
use glasshouse_core::date::Stamp;
use glasshouse_core::target::Name;
use glasshouse_core::tree::{Entry, Facts, Listed, Missing, Node, Tree};
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, OpenFlags, PathFlags};

/// The preopened directory.
pub struct PreopenedTree {
    root: Descriptor,
    /// The same directory as WASI 0.2 sees it, for listings.
    listing: Root,
}

impl PreopenedTree {
    /// `None` where the host preopened no directory.
    pub fn new(listing: Root) -> Option<PreopenedTree> {
        served(get_directories()).map(|root| PreopenedTree { root, listing })
    }
}

impl Tree for PreopenedTree {
    type File = Descriptor;

    async fn open(&self, path: &str) -> Result<Node<Descriptor>, Missing> {
        if path.is_empty() {
            return Ok(Node::Directory);
        }
        // Asked before it is opened: opening a FIFO waits for somebody to write into it.
        let found = self.root.stat_at(PathFlags::SYMLINK_FOLLOW, path.to_owned()).await.map_err(|_| Missing)?;
        match found.type_ {
            DescriptorType::Directory => return Ok(Node::Directory),
            DescriptorType::RegularFile => {}
            _ => return Err(Missing),
        }
        let flags = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty(), DescriptorFlags::READ);
        let file = self.root.open_at(flags.0, path.to_owned(), flags.1, flags.2).await.map_err(|_| Missing)?;
        // Asked again of what was opened: by now the name may be another's.
        let facts = facts(&file.stat().await.map_err(|_| Missing)?)?;
        Ok(Node::File(file, facts))
    }

    async fn facts(&self, path: &str) -> Result<Facts, Missing> {
        let stat = self.root.stat_at(PathFlags::SYMLINK_FOLLOW, path.to_owned()).await;
        facts(&stat.map_err(|_| Missing)?)
    }

    async fn read(&self, file: &Descriptor, offset: u64, limit: u64) -> Result<Vec<u8>, Missing> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut from, _) = file.read_via_stream(offset);
        let mut bytes = Vec::with_capacity(limit);
        while bytes.len() < limit {
            let before = bytes.len();
            // Into what is left of its capacity.
            (_, bytes) = from.read(bytes).await;
            if bytes.len() == before {
                break;
            }
        }
        bytes.truncate(limit);
        Ok(bytes)
    }

    async fn list(&self, path: &str, wanted: impl Fn(&Name) -> bool, most: usize) -> Result<Listed, Missing> {
        self.listing.list(path, wanted, most)
    }

    async fn describe<'a>(&self, path: &str, entries: impl Iterator<Item = &'a mut Entry>) {
        self.listing.describe(path, entries);
    }
}

/// What the core is told of a regular file; nothing else has facts.
fn facts(stat: &DescriptorStat) -> Result<Facts, Missing> {
    if !matches!(stat.type_, DescriptorType::RegularFile) {
        return Err(Missing);
    }
    let modified = stat.data_modification_timestamp.and_then(|time| Stamp::new(time.seconds, time.nanoseconds));
    Ok(Facts { size: stat.size, modified })
}
