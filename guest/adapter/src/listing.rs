//! The entries of a directory, read through `wasi:filesystem@0.2`, for both components. It refuses to know HTTP.
//!
//! The component for WASI 0.3 lists through 0.2 as well: the 0.3 `read-directory` ends its whole stream at the first
//! name that is not UTF-8 or that vanishes while it is read, and 0.2 reports such an entry and goes on.

use crate::absent;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::Name;
use glasshouse_core::tree::{
    DirEntries, DirEntry, EntryKind, ListLimits, OpenError, TreeError, UnreadEntries, join, optional,
};
use wasi::clocks::wall_clock::Datetime;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags, PathFlags,
};

/// Entries, wanted or not, that are read of a directory at once: more take longer than the head of an answer may.
const MOST_READ: usize = 400_000;

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

    /// Entries of the directory at `path`, without those whose names nothing could ask for (S26).
    pub fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        let mut reading = self.read(path)?;
        let mut listed = DirEntries::default();
        for _ in 0..limits.read {
            match reading.next()? {
                Read::Entry(name, kind) if wanted(&name) => listed.push(DirEntry::new(name, kind), limits),
                Read::Entry(..) | Read::Nameless => {}
                Read::End => break,
            }
        }
        Ok(listed)
    }

    /// The same, but no further than `ahead` entries beyond those that are kept.
    pub fn list_first(
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
                Read::Entry(name, kind) if wanted(&name) => {
                    listed.push(DirEntry::new(name, kind), ListLimits::keep(kept))
                }
                Read::Entry(..) | Read::Nameless => {}
                Read::End => return Ok((listed, None)),
            }
        }
        Ok((listed, Some(Box::new(reading))))
    }

    fn read(&self, path: &str) -> Result<Reading, OpenError> {
        Ok(Reading(self.open(path)?.read_directory().map_err(missing)?))
    }

    /// Looks at entries of the directory at `path`, each by its name in the open directory, which for what is no link costs
    /// a host one call of its system; but at what links lead to from the root, for it may be anything below that.
    pub fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let Some(directory) = optional(self.open(path))? else { return Ok(()) };
        for entry in entries {
            let stat = match entry.kind {
                EntryKind::Link => self.0.stat_at(PathFlags::SYMLINK_FOLLOW, &join(path, &entry.name)),
                _ => directory.stat_at(PathFlags::empty(), entry.name.as_str()),
            };
            let Some(stat) = optional(stat.map_err(missing))? else { continue };
            match (stat.type_, entry.kind) {
                (DescriptorType::RegularFile, _) => entry.size = Some(stat.size),
                (DescriptorType::Directory, EntryKind::Link) => entry.kind = EntryKind::LinkToDirectory,
                _ => {}
            }
            entry.modified = stat.data_modification_timestamp.and_then(stamp);
        }
        Ok(())
    }

    /// The same, and opens the regular files among them, which are looked at first: opening a FIFO may wait.
    pub fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let Some(directory) = optional(self.open(path))? else { return Ok(()) };
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.stat_entries(path, entries.iter_mut().map(|entry| &mut **entry))?;
        let (plain, read) = (OpenFlags::empty(), DescriptorFlags::READ);
        for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File && entry.size.is_some()) {
            let opened = directory.open_at(PathFlags::empty(), entry.name.as_str(), plain, read);
            if optional(opened.map_err(missing))?.is_none() {
                entry.kind = EntryKind::Unreadable;
            }
        }
        Ok(())
    }

    fn open(&self, path: &str) -> Result<Descriptor, OpenError> {
        let here = if path.is_empty() { "." } else { path };
        let opened = self.0.open_at(PathFlags::SYMLINK_FOLLOW, here, OpenFlags::DIRECTORY, DescriptorFlags::READ);
        opened.map_err(missing)
    }
}

/// A directory that is being read.
#[derive(Debug)]
struct Reading(DirectoryEntryStream);

/// What was read of it.
enum Read {
    Entry(Name, EntryKind),
    /// An entry that has no name by which it could be asked for, or is gone.
    Nameless,
    End,
}

impl Reading {
    fn next(&mut self) -> Result<Read, OpenError> {
        match self.0.read_directory_entry() {
            Ok(Some(read)) => {
                Ok(Name::new(read.name).map_or(Read::Nameless, |name| Read::Entry(name, kind(read.type_))))
            }
            Ok(None) => Ok(Read::End),
            Err(ErrorCode::IllegalByteSequence | ErrorCode::NoEntry) => Ok(Read::Nameless),
            Err(code) => Err(missing(code)),
        }
    }
}

impl UnreadEntries for Reading {
    fn count(&mut self, most: usize, wanted: &dyn Fn(&Name) -> bool) -> Result<Option<u64>, TreeError> {
        let mut count = 0_u64;
        for read in 0..most {
            // A directory that cannot be read any further is short of something, whatever the reason.
            match self.next().map_err(|_| TreeError)? {
                Read::Entry(name, _) if wanted(&name) => count = count.saturating_add(1),
                Read::Entry(..) | Read::Nameless => {}
                Read::End if read == 0 => return Ok(None),
                Read::End => break,
            }
        }
        Ok(Some(count))
    }
}

/// Which of the preopened directories is served: the one called `/`, or else the first. Each version of WASI has a type of
/// its own for them.
pub fn served<D>(mut directories: Vec<(D, String)>) -> Option<D> {
    let index = directories.iter().position(|(_, path)| path == "/").unwrap_or(0);
    (index < directories.len()).then(|| directories.swap_remove(index).0)
}

/// What an error of WASI 0.2 says of what was asked for.
pub fn missing(code: ErrorCode) -> OpenError {
    match code {
        absent!(ErrorCode) => OpenError::Absent,
        _ => OpenError::Fault,
    }
}

fn kind(told: DescriptorType) -> EntryKind {
    match told {
        DescriptorType::Directory => EntryKind::Directory,
        DescriptorType::SymbolicLink => EntryKind::Link,
        _ => EntryKind::File,
    }
}

/// A time of WASI 0.2; `None` where HTTP has no date for it.
pub fn stamp(time: Datetime) -> Option<HttpTime> {
    HttpTime::new(i64::try_from(time.seconds).ok()?, time.nanoseconds)
}
