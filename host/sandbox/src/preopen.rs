//! The directory or single file that an instance may read, if any.
//!
//! WASI preopens directories only. For a single file, instances get a handle to an eventfd, which is not a directory:
//! the kernel finds nothing beneath it, whichever function is called. Only the host knows the directory of the file,
//! and only `stat-at` and `open-at` reach it, for one name. A function without an override is therefore denied.
//!
//! Without a directory or file, instances get no handle at all: `get-directories` returns an empty list.

use crate::beneath;
use crate::beneath::{OpenOptions, Symlinks};
use crate::served_path::ServedPath;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{CWD, Mode, OFlags, Stat, openat, readlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime_wasi::filesystem::{Dir, FsPerms, OpenMode};

/// An open [`ServedPath`], or nothing. It keeps its directory or file even if the path changes.
pub(crate) struct Preopen {
    /// The handle of all instances. Without a directory, the host uses it in their place, and nothing is beneath it.
    handle: Dir,
    kind: PreopenKind,
}

enum PreopenKind {
    Nothing,
    Directory,
    File {
        /// Open with `O_PATH`: it resolves names, but cannot be listed.
        directory: Arc<File>,
        /// The name in `directory`, after links.
        file_name: OsString,
        /// The name that the handler uses.
        served_name: String,
    },
}

/// A directory that the process must be able to read while it serves.
#[derive(Clone, Copy, Debug)]
pub enum ReadScope<'a> {
    /// Files and directory entries beneath a directory.
    Directory(BorrowedFd<'a>),
    /// Files beneath a directory, but no directory entries.
    Files(BorrowedFd<'a>),
}

impl Preopen {
    /// Opens a path. Links at the end of the path of a file are followed only now: otherwise a user who can replace
    /// the file by a link could choose what is served.
    ///
    /// # Errors
    /// The path does not exist, has another type, or cannot be read.
    pub(crate) fn open(root: Option<&ServedPath>) -> io::Result<Preopen> {
        match root {
            None => Ok(Preopen { handle: not_a_directory()?, kind: PreopenKind::Nothing }),
            Some(ServedPath::Directory(path)) => {
                let directory = File::open(path)?;
                if !directory.metadata()?.is_dir() {
                    return Err(ErrorKind::NotADirectory.into());
                }
                Ok(Preopen { handle: wasi_dir(directory), kind: PreopenKind::Directory })
            }
            Some(ServedPath::File { directory, name }) => {
                let path = follow_links(directory.join(name))?;
                let (Some(parent), Some(file_name)) = (path.parent(), path.file_name()) else {
                    return Err(ErrorKind::IsADirectory.into());
                };
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory = openat(CWD, parent, flags, Mode::empty())?;
                beneath::open_file(&directory, file_name)?;
                let kind = PreopenKind::File {
                    directory: Arc::new(File::from(directory)),
                    file_name: file_name.to_owned(),
                    served_name: name.clone(),
                };
                Ok(Preopen { handle: not_a_directory()?, kind })
            }
        }
    }

    /// The directory to which reported paths are relative.
    pub(crate) fn directory(&self) -> &Arc<File> {
        match &self.kind {
            PreopenKind::Nothing | PreopenKind::Directory => &self.handle.dir,
            PreopenKind::File { directory, .. } => directory,
        }
    }

    /// The handle for instances.
    pub(crate) fn handle(&self) -> Option<&Dir> {
        match &self.kind {
            PreopenKind::Nothing => None,
            PreopenKind::Directory | PreopenKind::File { .. } => Some(&self.handle),
        }
    }

    /// The file behind the handle.
    pub(crate) fn root(&self) -> &File {
        &self.handle.dir
    }

    /// Whether a file is the one behind the handle.
    pub(crate) fn is_root(&self, file: &Arc<File>) -> bool {
        Arc::ptr_eq(file, &self.handle.dir)
    }

    /// What the process must be able to read.
    pub(crate) fn read_scope(&self) -> Option<ReadScope<'_>> {
        match &self.kind {
            PreopenKind::Nothing => None,
            PreopenKind::Directory => Some(ReadScope::Directory(self.handle.dir.as_fd())),
            PreopenKind::File { directory, .. } => Some(ReadScope::Files(directory.as_fd())),
        }
    }

    /// Whether `stat_at` and `open_at` work on this system. Only a directory needs `openat2`.
    pub(crate) fn is_supported(&self) -> bool {
        match &self.kind {
            PreopenKind::Directory => beneath::is_supported(&*self.handle.dir),
            PreopenKind::Nothing | PreopenKind::File { .. } => true,
        }
    }

    /// Returns the metadata at a path beneath `at`, a handle that an instance holds.
    ///
    /// # Errors
    /// As [`beneath::stat`]. For a single file, every other path is absent.
    pub(crate) fn stat_at(&self, at: &File, path: &str, symlinks: Symlinks) -> Result<Stat, Errno> {
        match &self.kind {
            PreopenKind::Directory => beneath::stat(at, path, symlinks),
            PreopenKind::File { directory, file_name, served_name } if path == served_name => {
                beneath::stat_file(directory, file_name)
            }
            PreopenKind::Nothing | PreopenKind::File { .. } => Err(Errno::NOENT),
        }
    }

    /// Opens a path beneath `at`, a handle that an instance holds.
    ///
    /// # Errors
    /// As [`beneath::open`]. For a single file, every other path is absent.
    pub(crate) fn open_at(&self, at: &File, path: &str, options: OpenOptions) -> Result<(OwnedFd, Stat), Errno> {
        match &self.kind {
            PreopenKind::Directory => beneath::open(at, path, options),
            PreopenKind::File { .. } if options.only_directory => Err(Errno::NOTDIR),
            PreopenKind::File { directory, file_name, served_name } if path == served_name => {
                beneath::open_file(directory, file_name)
            }
            PreopenKind::Nothing | PreopenKind::File { .. } => Err(Errno::NOENT),
        }
    }
}

/// A handle beneath which nothing exists.
fn not_a_directory() -> io::Result<Dir> {
    Ok(wasi_dir(eventfd(0, EventfdFlags::CLOEXEC)?.into()))
}

/// A read-only directory that wasmtime-wasi reads on the calling thread.
fn wasi_dir(file: File) -> Dir {
    Dir::new(file, FsPerms::ReadOnly, OpenMode::READ, true)
}

/// The number of links that Linux follows in one path (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Follows links at the end of a path. `std::fs::canonicalize` would need system calls that the process gives up.
fn follow_links(mut path: PathBuf) -> Result<PathBuf, Errno> {
    for _ in 0..MAX_LINKS {
        match readlinkat(CWD, &path, Vec::new()) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("/")).join(OsStr::from_bytes(target.as_bytes())),
            Err(Errno::INVAL) => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP)
}
