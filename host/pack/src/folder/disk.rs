//! Access to a folder beneath an open directory: the kernel rejects links that lead out of it.

use super::NodeType;
use glasshouse_core::http::date::HttpTime;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// Rejects also the links of `/proc`, which lead out of any directory.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// An open directory: the folder, or one in it.
#[derive(Debug)]
pub(super) struct FolderDirectory(OwnedFd);

/// The names in a directory.
pub(super) struct FolderEntries(Dir);

/// The facts about an entry.
#[derive(Debug)]
pub(crate) struct FolderStat(Stat);

/// Device and inode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FolderIdentity(u64, u64);

/// Whether this process may not use the file or the directory.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ACCESS)
}

impl FolderDirectory {
    /// Opens a folder.
    pub(super) fn open(path: &Path) -> io::Result<FolderDirectory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(FolderDirectory(openat(CWD, path, flags, Mode::empty())?))
    }

    /// Opens a regular file, behind links within the folder.
    pub(super) fn file(&self, path: &str) -> io::Result<(File, FolderStat)> {
        let file = openat2(&self.0, path, READ, Mode::empty(), BENEATH)?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::PERM.into());
        }
        Ok((File::from(file), FolderStat(stat)))
    }

    /// Opens a directory for reading its entries, and for what is in it.
    pub(super) fn subdirectory(&self, path: &str) -> io::Result<(FolderDirectory, FolderEntries)> {
        let here = if path.is_empty() { "." } else { path };
        let (flags, resolve) = (READ | OFlags::DIRECTORY, BENEATH | ResolveFlags::NO_SYMLINKS);
        let directory = openat2(&self.0, here, flags, Mode::empty(), resolve)?;
        let entries = Dir::read_from(&directory)?;
        Ok((FolderDirectory(directory), FolderEntries(entries)))
    }

    /// The facts about an entry, not about the target of a link.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<FolderStat> {
        Ok(FolderStat(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// The facts about the directory.
    pub(super) fn own_stat(&self) -> io::Result<FolderStat> {
        Ok(FolderStat(fstat(&self.0)?))
    }

    /// The target of a link.
    pub(super) fn link(&self, path: &OsStr) -> io::Result<OsString> {
        Ok(OsString::from_vec(readlinkat(&self.0, path, Vec::new())?.into_bytes()))
    }
}

impl Iterator for FolderEntries {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<io::Result<OsString>> {
        loop {
            match self.0.next()? {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => return Some(Ok(OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())),
                Err(errno) => return Some(Err(errno.into())),
            }
        }
    }
}

impl FolderStat {
    pub(super) fn node_type(&self) -> NodeType {
        match FileType::from_raw_mode(self.0.st_mode) {
            FileType::Directory => NodeType::Directory,
            FileType::RegularFile => NodeType::File,
            FileType::Symlink => NodeType::Link,
            _ => NodeType::Special,
        }
    }

    /// The length in bytes.
    pub(super) fn length(&self) -> u64 {
        u64::try_from(self.0.st_size).unwrap_or(0)
    }

    pub(super) fn modified(&self) -> Option<HttpTime> {
        HttpTime::new(self.0.st_mtime, u32::try_from(self.0.st_mtime_nsec).ok()?)
    }

    pub(super) fn identity(&self) -> FolderIdentity {
        FolderIdentity(self.0.st_dev, self.0.st_ino)
    }
}

impl FolderIdentity {
    /// The identity of the file at a path, if there is one.
    pub(super) fn at(path: &Path) -> Option<FolderIdentity> {
        statat(CWD, path, AtFlags::empty()).ok().map(|stat| FolderStat(stat).identity())
    }
}
