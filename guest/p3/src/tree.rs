//! The tree of the core over `wasi:filesystem@0.3`: opens and describes. It refuses to know HTTP.

use glasshouse_core::date::Stamp;
use glasshouse_core::tree::{Entry, Facts, Missing, Node, Tree};
use glasshouse_listing::Root;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, DescriptorType, OpenFlags, PathFlags};

/// The preopened directory.
pub struct PreopenedTree {
    root: Descriptor,
    /// The same directory as WASI 0.2 sees it, for listings.
    listing: Root,
}

impl PreopenedTree {
    /// `None` where the host preopened no directory.
    pub fn new(listing: Root) -> Option<PreopenedTree> {
        let mut directories = get_directories();
        let index = directories.iter().position(|(_, path)| path == "/").unwrap_or(0);
        (index < directories.len()).then(|| PreopenedTree { root: directories.swap_remove(index).0, listing })
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
        let stat = file.stat().await.map_err(|_| Missing)?;
        if !matches!(stat.type_, DescriptorType::RegularFile) {
            return Err(Missing);
        }
        let modified = stat.data_modification_timestamp.and_then(|time| Stamp::new(time.seconds, time.nanoseconds));
        Ok(Node::File(file, Facts { size: stat.size, modified }))
    }

    async fn list(&self, path: &str) -> Result<Vec<Entry>, Missing> {
        self.listing.list(path)
    }
}
