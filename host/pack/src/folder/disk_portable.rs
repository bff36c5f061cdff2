//! Access to a folder by paths, on systems whose kernel does not keep a path beneath a directory.
//!
//! A path is used without its links, after a check that it is in the folder. A program that replaces a directory with
//! a link between the two wins, so the folder must not belong to another user.

use super::NodeType;
use glasshouse_core::http::date::HttpTime;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, ReadDir};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A directory: the folder, or one in it.
#[derive(Debug)]
pub(super) struct FolderDirectory {
    /// The path of the folder without links.
    folder: PathBuf,
    /// The path of the directory without links.
    here: PathBuf,
}

/// The names in a directory.
pub(super) struct FolderEntries(ReadDir);

/// The facts about an entry.
#[derive(Debug)]
pub(crate) struct FolderStat {
    path: PathBuf,
    metadata: Metadata,
}

/// The path of a file without links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FolderIdentity(PathBuf);

/// Whether this process may not use the file or the directory.
pub(crate) fn is_denied(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

impl FolderDirectory {
    /// Opens a folder.
    pub(super) fn open(path: &Path) -> io::Result<FolderDirectory> {
        let folder = path.canonicalize()?;
        // Fails for a file, and for a directory that cannot be read.
        fs::read_dir(&folder)?;
        Ok(FolderDirectory { here: folder.clone(), folder })
    }

    /// Opens a regular file, behind links within the folder.
    pub(super) fn file(&self, path: &str) -> io::Result<(File, FolderStat)> {
        let path = self.beneath(path)?;
        // Opening a FIFO would wait.
        if !fs::metadata(&path)?.is_file() {
            return Err(ErrorKind::Unsupported.into());
        }
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        Ok((file, FolderStat { path, metadata }))
    }

    /// Opens a directory for reading its entries, and for what is in it.
    pub(super) fn subdirectory(&self, path: &str) -> io::Result<(FolderDirectory, FolderEntries)> {
        let here = self.beneath(path)?;
        // Otherwise a link is on the way.
        if here != self.joined(path) {
            return Err(ErrorKind::NotADirectory.into());
        }
        let entries = fs::read_dir(&here)?;
        Ok((FolderDirectory { folder: self.folder.clone(), here }, FolderEntries(entries)))
    }

    /// The facts about an entry, not about the target of a link.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<FolderStat> {
        let path = self.here.join(name);
        Ok(FolderStat { metadata: fs::symlink_metadata(&path)?, path })
    }

    /// The facts about the directory.
    pub(super) fn own_stat(&self) -> io::Result<FolderStat> {
        Ok(FolderStat { metadata: fs::metadata(&self.here)?, path: self.here.clone() })
    }

    /// The target of a link, with slashes. An absolute one begins with a slash.
    pub(super) fn link(&self, path: &OsStr) -> io::Result<OsString> {
        let target = fs::read_link(path.to_str().map_or_else(|| self.here.join(path), |path| self.joined(path)))?;
        let mut text = OsString::new();
        for component in target.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => return Ok(OsString::from("/")),
                _ if text.is_empty() => {}
                _ => text.push("/"),
            }
            text.push(component.as_os_str());
        }
        Ok(text)
    }

    fn joined(&self, path: &str) -> PathBuf {
        // Joined name by name: the system need not accept a slash in a path without links.
        path.split('/').filter(|name| !name.is_empty()).fold(self.here.clone(), |path, name| path.join(name))
    }

    /// The path of something in the folder, without links.
    fn beneath(&self, path: &str) -> io::Result<PathBuf> {
        let real = self.joined(path).canonicalize()?;
        if real.starts_with(&self.folder) { Ok(real) } else { Err(ErrorKind::CrossesDevices.into()) }
    }
}

impl Iterator for FolderEntries {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<io::Result<OsString>> {
        self.0.next().map(|entry| entry.map(|entry| entry.file_name()))
    }
}

impl FolderStat {
    pub(super) fn node_type(&self) -> NodeType {
        match self.metadata.file_type() {
            kind if kind.is_symlink() => NodeType::Link,
            kind if kind.is_dir() => NodeType::Directory,
            kind if kind.is_file() => NodeType::File,
            _ => NodeType::Special,
        }
    }

    /// The length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.metadata.len()
    }

    pub(super) fn modified(&self) -> Option<HttpTime> {
        let since = self.metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        HttpTime::new(i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())
    }

    pub(super) fn identity(&self) -> FolderIdentity {
        FolderIdentity(self.path.clone())
    }
}

impl FolderIdentity {
    /// The identity of the file at a path, if there is one.
    pub(super) fn at(path: &Path) -> Option<FolderIdentity> {
        path.canonicalize().ok().map(FolderIdentity)
    }
}
