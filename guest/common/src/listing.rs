//! The entries of a directory, read through `wasi:filesystem@0.2`, for both components. It refuses to know HTTP.
//!
//! The component for WASI 0.3 lists through 0.2 as well: the 0.3 `read-directory` ends its whole stream at the first
//! name that is not UTF-8 or that vanishes while it is read, and 0.2 reports such an entry and goes on.

use glasshouse_core::target::Name;
use glasshouse_core::tree::{Entry, EntryKind, Missing};
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags, PathFlags,
};

/// The directory that the handler was given.
#[derive(Debug)]
pub struct Root(Descriptor);

impl Root {
    /// The preopened directory; `None` where the host gave none.
    pub fn preopened() -> Option<Root> {
        served(get_directories()).map(Root)
    }

    /// The descriptor of the directory.
    pub fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    /// The entries of the directory at `path`, without those whose names nothing could ask for (S26).
    pub fn list(&self, path: &str) -> Result<Vec<Entry>, Missing> {
        let here = if path.is_empty() { "." } else { path };
        let opened = self.0.open_at(PathFlags::SYMLINK_FOLLOW, here, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        let directory = opened.map_err(|_| Missing)?;
        let stream = directory.read_directory().map_err(|_| Missing)?;
        let mut entries = Vec::new();
        loop {
            match stream.read_directory_entry() {
                Ok(Some(read)) => entries.extend(entry(&self.0, here, read)),
                Ok(None) => return Ok(entries),
                Err(ErrorCode::IllegalByteSequence | ErrorCode::NoEntry) => {}
                Err(_) => return Err(Missing),
            }
        }
    }
}

/// Which of the preopened directories is served: the one called `/`, or else the first. Each version of WASI has a type of
/// its own for them.
pub fn served<D>(mut directories: Vec<(D, String)>) -> Option<D> {
    let index = directories.iter().position(|(_, path)| path == "/").unwrap_or(0);
    (index < directories.len()).then(|| directories.swap_remove(index).0)
}

fn entry(root: &Descriptor, path: &str, read: DirectoryEntry) -> Option<Entry> {
    let name = Name::new(&read.name)?;
    let kind = match read.type_ {
        DescriptorType::Directory => EntryKind::Directory,
        DescriptorType::SymbolicLink => {
            match root.stat_at(PathFlags::SYMLINK_FOLLOW, &format!("{path}/{}", name.as_str())) {
                Ok(stat) if stat.type_ == DescriptorType::Directory => EntryKind::LinkToDirectory,
                _ => EntryKind::Link,
            }
        }
        _ => EntryKind::File,
    };
    Some(Entry { name, kind })
}
