//! Looks at what a path leads to, beneath one open directory: it never leaves the directory, and it never waits. It
//! refuses to know who asks, and keeps nothing.
//!
//! The kernel does the walking (`openat2`, `RESOLVE_BENEATH`), so there is no moment between a check and a use.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Beneath the directory, and through no link that the kernel makes up: what the sandbox itself allows.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// How often a walk is begun again that a rename has crossed. The kernel gives up such a walk rather than be led out.
const ATTEMPTS: u32 = 16;

/// Everything about an entry that a handler may have seen, and more: no change of it leaves the last time as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
    mode: u32,
    links: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl From<Stat> for FileId {
    fn from(stat: Stat) -> FileId {
        FileId {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            links: stat.st_nlink,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// What becomes of a symbolic link at the end of a path; those on the way are followed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    Follow,
    NoFollow,
}

/// Looks at what a path leads to.
///
/// # Errors
/// The number of the error. [`Errno::AGAIN`]: renames crossed each walk, and nothing can be said.
pub fn stat(directory: impl AsFd, path: &str, links: Symlinks) -> Result<Stat, Errno> {
    // A name without a slash leads nowhere but to its entry, unless that is a link.
    if !matches!(path, "" | "." | "..") && !path.contains('/') {
        let stat = statat(&directory, path, AtFlags::SYMLINK_NOFOLLOW)?;
        if links == Symlinks::NoFollow || FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(stat);
        }
    }
    let links = if links == Symlinks::NoFollow { OFlags::NOFOLLOW } else { OFlags::empty() };
    fstat(walk(directory, path, OFlags::PATH | OFlags::CLOEXEC | links)?)
}

/// Without waiting, whatever it is.
const READING: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How something is opened to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    pub links: Symlinks,
    pub only_directory: bool,
}

/// Opens a regular file or a directory to read it, and looks at it.
///
/// # Errors
/// As [`stat`]; [`Errno::PERM`] for anything else, such as a FIFO, which is opened without waiting and closed again.
pub fn open(directory: impl AsFd, path: &str, how: OpenOptions) -> Result<(OwnedFd, Stat), Errno> {
    let mut flags = READING;
    flags.set(OFlags::NOFOLLOW, how.links == Symlinks::NoFollow);
    flags.set(OFlags::DIRECTORY, how.only_directory);
    let file = walk(directory, path, flags)?;
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => Ok((file, stat)),
        _ => Err(Errno::PERM),
    }
}

/// Looks at the regular file of this name in a directory. Nothing is walked, and no link followed.
///
/// # Errors
/// The number of the error; [`Errno::NOENT`] for anything but a regular file.
pub fn look_at_file(directory: impl AsFd, name: &OsStr) -> Result<Stat, Errno> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).and_then(regular)
}

/// Opens it to read it, in the same way.
///
/// # Errors
/// As [`look_at_file`]; [`Errno::LOOP`] for a link.
pub fn open_file(directory: impl AsFd, name: &OsStr) -> Result<(OwnedFd, Stat), Errno> {
    let file = openat(directory, name, READING | OFlags::NOFOLLOW, Mode::empty())?;
    let stat = fstat(&file).and_then(regular)?;
    Ok((file, stat))
}

fn regular(stat: Stat) -> Result<Stat, Errno> {
    if kind(stat) == FileType::RegularFile { Ok(stat) } else { Err(Errno::NOENT) }
}

/// A directory that is being read. Its entries come one by one as the system has them, so a directory takes no more memory
/// for being large.
pub struct Entries(Dir);

/// An entry, and what it is as far as its directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub kind: FileType,
}

impl Entries {
    /// The entries of an open directory.
    ///
    /// # Errors
    /// The number of the error.
    pub fn of(directory: impl AsFd) -> Result<Entries, Errno> {
        Dir::read_from(directory).map(Entries)
    }

    /// The directory itself.
    ///
    /// # Errors
    /// The number of the error.
    pub fn directory(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.0.fd()
    }

    /// The next entry, without `.` and `..`; [`Errno::ILSEQ`] for one whose name is not UTF-8.
    pub fn next(&mut self) -> Option<Result<Entry, Errno>> {
        loop {
            let entry = match self.0.read()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let name = match entry.file_name().to_str() {
                Ok("." | "..") => continue,
                Ok(name) => name.to_owned(),
                Err(_) => return Some(Err(Errno::ILSEQ)),
            };
            // Not every file system says it in the directory.
            let kind = match entry.file_type() {
                FileType::Unknown => self.0.fd().and_then(|here| stat(here, &name, Symlinks::NoFollow)).map(kind),
                known => Ok(known),
            };
            return Some(kind.map(|kind| Entry { name, kind }));
        }
    }
}

fn kind(stat: Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// What is open.
///
/// # Errors
/// The number of the error.
pub fn identify(file: impl AsFd) -> Result<FileId, Errno> {
    fstat(file).map(FileId::from)
}

/// Whether the system can walk beneath a directory at all: an old kernel cannot, and the filters of some containers forbid
/// it. A fault says nothing of that.
pub fn is_supported(directory: impl AsFd) -> bool {
    !matches!(stat(directory, ".", Symlinks::Follow), Err(Errno::NOSYS | Errno::PERM))
}

fn walk(directory: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut walked = openat2(&directory, path, flags, Mode::empty(), BENEATH);
    for _ in 1..ATTEMPTS {
        if !matches!(walked, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
        walked = openat2(&directory, path, flags, Mode::empty(), BENEATH);
    }
    walked
}
