//! The preopened directory, and listings through `wasi:filesystem@0.2`, for both components.
//!
//! The component for WASI 0.3 lists through 0.2 as well: in 0.3, `read-directory` ends its stream at the first name
//! that is not UTF-8 or that is removed while it is read. In 0.2 only that entry is an error.

use glasshouse_core::config::root::served_root;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::{Name, Target};
use glasshouse_core::tree::join;
use glasshouse_core::tree::{
    DirEntries, DirEntry, EntryKind, ListLimits, OpenError, TreeError, UnreadEntries, optional,
};
use std::cell::Cell;
use std::fmt;
use wasi::clocks::wall_clock::Datetime;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags, PathFlags,
};

/// Entries that are read before the head of a response. More would exceed the time limit of the host.
const MOST_READ: usize = 400_000;

/// The served directory: a preopen, or a directory below one.
#[derive(Debug)]
pub(crate) struct Root {
    descriptor: Descriptor,
    /// The number of files and directories that were opened beneath it. The host counts them too.
    opened: Cell<u64>,
}

impl Root {
    /// Opens the served directory, which is below a preopen if `root` has a path. Its own descriptor limits all later
    /// lookups to it: WASI resolves `..` and links beneath the descriptor that a function is called with.
    ///
    /// # Errors
    /// The host preopened no directory, or the path is not a directory.
    pub(crate) fn preopened(root: Option<&Target>) -> Result<Root, RootError> {
        let mut preopens = get_directories();
        let paths: Vec<&str> = preopens.iter().map(|(_, path)| path.as_str()).collect();
        let served = served_root(&paths, root).ok_or(RootError::NoPreopen)?;
        let (preopen, _) = preopens.swap_remove(served.preopen);
        let descriptor = match served.path.as_str() {
            "" => preopen,
            path => preopen
                .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::DIRECTORY, DescriptorFlags::READ)
                .map_err(|code| RootError::NotOpened(served.path, code))?,
        };
        Ok(Root { descriptor, opened: Cell::default() })
    }

    /// Returns the metadata at a path.
    pub(crate) fn stat(&self, path: &str) -> Result<DescriptorStat, ErrorCode> {
        self.descriptor.stat_at(PathFlags::SYMLINK_FOLLOW, path)
    }

    /// Opens a path, and returns the number of the opened file or directory. Nothing else may call `open-at` of this
    /// descriptor.
    pub(crate) fn open(
        &self,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<(Descriptor, u64), ErrorCode> {
        let opened = self.descriptor.open_at(PathFlags::SYMLINK_FOLLOW, path, open_flags, flags)?;
        self.opened.set(self.opened.get().saturating_add(1));
        Ok((opened, self.opened.get()))
    }

    /// Lists the wanted entries of the directory at `path`. Leaves out names that are not UTF-8.
    pub(crate) fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        let mut reading = self.read(path)?;
        let mut listed = DirEntries::default();
        for _ in 0..limits.read {
            match reading.next()? {
                ReadEntry::Entry(name, kind) if wanted(&name) => listed.push(DirEntry::new(name, kind), limits),
                ReadEntry::Entry(..) | ReadEntry::Unnamed => {}
                ReadEntry::End => break,
            }
        }
        Ok(listed)
    }

    /// Lists at most `kept` wanted entries, and reads at most `ahead` entries after them. Returns the rest of the
    /// directory unless all of it was read.
    pub(crate) fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        let mut reading = self.read(path)?;
        let mut listed = DirEntries::default();
        let (mut ahead, mut left) = (ahead, MOST_READ);
        while left > 0 && (listed.entries.len() < kept || ahead > 0) {
            if listed.entries.len() >= kept {
                ahead = ahead.saturating_sub(1);
            }
            left = left.saturating_sub(1);
            match reading.next()? {
                ReadEntry::Entry(name, kind) if wanted(&name) => {
                    listed.push(DirEntry::new(name, kind), ListLimits::keep(kept))
                }
                ReadEntry::Entry(..) | ReadEntry::Unnamed => {}
                ReadEntry::End => return Ok((listed, None)),
            }
        }
        Ok((listed, Some(Box::new(reading))))
    }

    fn read(&self, path: &str) -> Result<ListingReader, OpenError> {
        Ok(ListingReader(self.directory(path)?.read_directory().map_err(open_error)?))
    }

    /// Adds sizes and times to entries of the directory at `path`. Entries are looked up in the open directory, which
    /// is one system call. Links are looked up from the root, because their target may be anywhere beneath it.
    pub(crate) fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let Some(directory) = optional(self.directory(path))? else { return Ok(()) };
        for entry in entries {
            let stat = match entry.kind {
                EntryKind::Link => self.stat(&join(path, &entry.name)),
                _ => directory.stat_at(PathFlags::empty(), entry.name.as_str()),
            };
            let Some(stat) = optional(stat.map_err(open_error))? else { continue };
            match (stat.type_, entry.kind) {
                (DescriptorType::RegularFile, _) => entry.size = Some(stat.size),
                (DescriptorType::Directory, EntryKind::Link) => entry.kind = EntryKind::LinkToDirectory,
                _ => {}
            }
            entry.modified = stat.data_modification_timestamp.and_then(stamp);
        }
        Ok(())
    }

    /// As [`Root::stat_entries`]. Then opens the regular files, to mark those that cannot be read. Opening a FIFO may
    /// block, so the types come first.
    pub(crate) fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let Some(directory) = optional(self.directory(path))? else { return Ok(()) };
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.stat_entries(path, entries.iter_mut().map(|entry| &mut **entry))?;
        let (plain, read) = (OpenFlags::empty(), DescriptorFlags::READ);
        for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File && entry.size.is_some()) {
            let opened = directory.open_at(PathFlags::empty(), entry.name.as_str(), plain, read);
            if optional(opened.map_err(open_error))?.is_none() {
                entry.kind = EntryKind::Unreadable;
            }
        }
        Ok(())
    }

    fn directory(&self, path: &str) -> Result<Descriptor, OpenError> {
        let here = if path.is_empty() { "." } else { path };
        let opened = self.open(here, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        opened.map(|(directory, _)| directory).map_err(open_error)
    }
}

/// The reason why there is no directory to serve.
#[derive(Debug)]
pub(crate) enum RootError {
    NoPreopen,
    /// The path of `GLASSHOUSE_ROOT` below the preopen.
    NotOpened(String, ErrorCode),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootError::NoPreopen => f.write_str("no directory to serve: the host preopened none"),
            RootError::NotOpened(path, code) => write!(
                f,
                "GLASSHOUSE_ROOT: cannot open the directory '{path}' below the preopen: {}; set it to a directory there",
                code.name()
            ),
        }
    }
}

/// The unread part of a directory.
#[derive(Debug)]
struct ListingReader(DirectoryEntryStream);

/// One read of a directory.
enum ReadEntry {
    Entry(Name, EntryKind),
    /// An entry whose name is not UTF-8, or that was removed.
    Unnamed,
    End,
}

impl ListingReader {
    fn next(&mut self) -> Result<ReadEntry, OpenError> {
        match self.0.read_directory_entry() {
            Ok(Some(read)) => {
                Ok(Name::new(read.name)
                    .map_or(ReadEntry::Unnamed, |name| ReadEntry::Entry(name, entry_kind(read.type_))))
            }
            Ok(None) => Ok(ReadEntry::End),
            Err(ErrorCode::IllegalByteSequence | ErrorCode::NoEntry) => Ok(ReadEntry::Unnamed),
            Err(code) => Err(open_error(code)),
        }
    }
}

impl UnreadEntries for ListingReader {
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError> {
        let mut count = 0_u64;
        for read in 0..most {
            // Any error means that entries are missing.
            match self.next().map_err(|_| TreeError)? {
                ReadEntry::Entry(name, _) if wanted(&name) => count = count.saturating_add(1),
                ReadEntry::Entry(..) | ReadEntry::Unnamed => {}
                ReadEntry::End if read == 0 => return Ok(None),
                ReadEntry::End => break,
            }
        }
        Ok(Some(count))
    }
}

/// Converts an error code. Some mean absence, and all others are faults.
pub(crate) fn open_error(code: ErrorCode) -> OpenError {
    match code {
        ErrorCode::Access
        | ErrorCode::IllegalByteSequence
        | ErrorCode::Invalid
        | ErrorCode::IsDirectory
        | ErrorCode::Loop
        | ErrorCode::NameTooLong
        | ErrorCode::NoEntry
        | ErrorCode::NotDirectory
        | ErrorCode::NotPermitted => OpenError::Absent,
        _ => OpenError::Fault,
    }
}

fn entry_kind(descriptor_type: DescriptorType) -> EntryKind {
    match descriptor_type {
        DescriptorType::Directory => EntryKind::Directory,
        DescriptorType::SymbolicLink => EntryKind::Link,
        _ => EntryKind::File,
    }
}

/// Converts a time. `None` if HTTP has no date for it.
pub(crate) fn stamp(time: Datetime) -> Option<HttpTime> {
    HttpTime::new(i64::try_from(time.seconds).ok()?, time.nanoseconds)
}
