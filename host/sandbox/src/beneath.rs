//! Opens and stats paths beneath an open directory, without leaving the directory and without blocking on FIFOs.
//!
//! The kernel resolves each path (`openat2` with `RESOLVE_BENEATH`), so nothing can change between a check and its use.

pub(crate) use rustix::fs::Stat;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};

/// Also rejects links of `/proc`, which lead out of any directory.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// The kernel aborts a resolution that a rename could have led out of the directory. This many attempts are made.
const ATTEMPTS: u32 = 16;

/// The metadata that identifies a version of a file. `ctime` changes with any other part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
    mode: u32,
    links: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl FileId {
    /// The later of both times, in seconds and nanoseconds.
    pub(crate) fn last_change(&self) -> (i64, u64) {
        self.modified.max(self.changed)
    }
}

impl From<Stat> for FileId {
    fn from(stat: Stat) -> FileId {
        FileId {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            links: link_count(&stat),
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// Whether a symbolic link at the end of a path is followed. Links in the middle always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symlinks {
    Follow,
    NoFollow,
}

/// Returns the metadata at a path.
///
/// # Errors
/// The error of the kernel. [`Errno::AGAIN`]: renames interrupted every attempt.
pub(crate) fn stat(directory: impl AsFd, path: &str, symlinks: Symlinks) -> Result<Stat, Errno> {
    // A name without a slash cannot leave the directory, unless it is a link.
    if !matches!(path, "" | "." | "..") && !path.contains('/') {
        let stat = statat(&directory, path, AtFlags::SYMLINK_NOFOLLOW)?;
        if symlinks == Symlinks::NoFollow || file_type(stat) != FileType::Symlink {
            return Ok(stat);
        }
    }
    let no_follow = if symlinks == Symlinks::NoFollow { OFlags::NOFOLLOW } else { OFlags::empty() };
    fstat(resolve(directory, path, OFlags::PATH | OFlags::CLOEXEC | no_follow)?)
}

/// Opening a FIFO or a device does not block.
const READ_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How a path is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenOptions {
    pub(crate) symlinks: Symlinks,
    /// Fail unless the path is a directory.
    pub(crate) only_directory: bool,
}

/// Opens a regular file or a directory for reading. Returns it with its metadata.
///
/// # Errors
/// As [`stat`]. [`Errno::PERM`] for other types, such as a FIFO.
pub(crate) fn open(directory: impl AsFd, path: &str, options: OpenOptions) -> Result<(OwnedFd, Stat), Errno> {
    let mut flags = READ_FLAGS;
    flags.set(OFlags::NOFOLLOW, options.symlinks == Symlinks::NoFollow);
    flags.set(OFlags::DIRECTORY, options.only_directory);
    let file = resolve(directory, path, flags)?;
    let stat = fstat(&file)?;
    match file_type(stat) {
        FileType::RegularFile | FileType::Directory => Ok((file, stat)),
        _ => Err(Errno::PERM),
    }
}

/// Returns the metadata of a regular file in a directory. Links are not followed.
///
/// # Errors
/// The error of the kernel. [`Errno::NOENT`] for other types.
pub(crate) fn stat_file(directory: impl AsFd, name: &OsStr) -> Result<Stat, Errno> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).and_then(only_regular)
}

/// Opens a regular file in a directory for reading. Links are not followed.
///
/// # Errors
/// As [`stat_file`]. [`Errno::LOOP`] for a link.
pub(crate) fn open_file(directory: impl AsFd, name: &OsStr) -> Result<(OwnedFd, Stat), Errno> {
    let file = openat(directory, name, READ_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
    let stat = fstat(&file).and_then(only_regular)?;
    Ok((file, stat))
}

fn only_regular(stat: Stat) -> Result<Stat, Errno> {
    if file_type(stat) == FileType::RegularFile { Ok(stat) } else { Err(Errno::NOENT) }
}

/// Reads the entries of a directory one at a time, so a large directory needs no more memory than a small one.
pub(crate) struct DirReader(Dir);

/// An entry with the type that the directory reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawDirEntry {
    pub(crate) name: String,
    pub(crate) file_type: FileType,
}

impl DirReader {
    /// Starts to read an open directory.
    ///
    /// # Errors
    /// The error of the kernel.
    pub(crate) fn new(directory: impl AsFd) -> Result<DirReader, Errno> {
        Dir::read_from(directory).map(DirReader)
    }

    /// The next entry except `.` and `..`. [`Errno::ILSEQ`] for a name that is not UTF-8.
    pub(crate) fn next(&mut self) -> Option<Result<RawDirEntry, Errno>> {
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
            // Some file systems do not store types in directories.
            let file_type = match entry.file_type() {
                FileType::Unknown => {
                    self.0.fd().and_then(|directory| stat(directory, &name, Symlinks::NoFollow)).map(file_type)
                }
                known => Ok(known),
            };
            return Some(file_type.map(|file_type| RawDirEntry { name, file_type }));
        }
    }
}

/// The number of names of a file.
#[allow(clippy::useless_conversion, reason = "the kernel has another type on ARM than on x86-64")]
pub(crate) fn link_count(stat: &Stat) -> u64 {
    u64::from(stat.st_nlink)
}

fn file_type(stat: Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Returns the identity of an open file.
///
/// # Errors
/// The error of the kernel.
pub(crate) fn identify(file: impl AsFd) -> Result<FileId, Errno> {
    fstat(file).map(FileId::from)
}

/// Whether the system supports `openat2`. Old kernels do not, and the filters of some containers forbid it.
pub(crate) fn is_supported(directory: impl AsFd) -> bool {
    !matches!(stat(directory, ".", Symlinks::Follow), Err(Errno::NOSYS | Errno::PERM))
}

fn resolve(directory: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut opened = openat2(&directory, path, flags, Mode::empty(), BENEATH);
    for _ in 1..ATTEMPTS {
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
        opened = openat2(&directory, path, flags, Mode::empty(), BENEATH);
    }
    opened
}
