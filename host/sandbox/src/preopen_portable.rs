//! The directory or single file that an instance may read, on systems without `openat2`.
//!
//! WASI preopens directories only. For a single file, instances get a handle to the file, which is not a directory: the
//! system finds nothing beneath it. Only `stat-at` and `open-at` reach the file, for one name.

use crate::served_path::ServedPath;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime_wasi::filesystem::{Dir, FsPerms, OpenMode};

/// An open [`ServedPath`], or nothing.
pub(crate) enum Preopen {
    Nothing,
    Directory { path: PathBuf, handle: Dir },
    File { path: PathBuf, served_name: String, handle: Dir },
}

impl Preopen {
    /// Opens a path. Links at the end of the path of a file are followed only now.
    ///
    /// # Errors
    /// The path does not exist, has another type, or cannot be read.
    pub(crate) fn open(root: Option<&ServedPath>) -> io::Result<Preopen> {
        match root {
            None => Ok(Preopen::Nothing),
            Some(ServedPath::Directory(path)) => {
                let directory = open_directory(path)?;
                if !directory.metadata()?.is_dir() {
                    return Err(ErrorKind::NotADirectory.into());
                }
                Ok(Preopen::Directory { path: path.clone(), handle: wasi_dir(directory) })
            }
            Some(ServedPath::File { directory, name }) => {
                let path = std::fs::canonicalize(directory.join(name))?;
                let handle = wasi_dir(open_file(&path)?);
                Ok(Preopen::File { path, served_name: name.clone(), handle })
            }
        }
    }

    /// The handle for instances.
    pub(crate) fn handle(&self) -> Option<&Dir> {
        match self {
            Preopen::Nothing => None,
            Preopen::Directory { handle, .. } | Preopen::File { handle, .. } => Some(handle),
        }
    }

    /// The path of the directory. `None` for a single file, which has no other files beside it.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Preopen::Nothing | Preopen::File { .. } => None,
            Preopen::Directory { path, .. } => Some(path),
        }
    }

    /// Whether a file is the one behind the handle.
    pub(crate) fn is_root(&self, file: &Arc<File>) -> bool {
        self.handle().is_some_and(|handle| Arc::ptr_eq(file, &handle.dir))
    }

    /// `false`: wasmtime-wasi resolves paths.
    pub(crate) fn is_supported(&self) -> bool {
        false
    }

    /// Opens the single file, if it has this name. `None` for a directory.
    ///
    /// # Errors
    /// The name is another one, or the file cannot be opened.
    pub(crate) fn single_file(&self, name: &str) -> Option<io::Result<File>> {
        match self {
            Preopen::Nothing | Preopen::Directory { .. } => None,
            Preopen::File { path, served_name, .. } if served_name == name => Some(open_file(path)),
            Preopen::File { .. } => Some(Err(ErrorKind::NotFound.into())),
        }
    }
}

/// A read-only directory that wasmtime-wasi reads on the calling thread.
fn wasi_dir(file: File) -> Dir {
    Dir::new(file, FsPerms::ReadOnly, OpenMode::READ, true)
}

/// Opens a regular file. Does not follow a link that has taken its place, and does not wait for a FIFO.
fn open_file(path: &Path) -> io::Result<File> {
    let file = no_follow(OpenOptions::new().read(true)).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::NotFound.into()) }
}

#[cfg(unix)]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
}

#[cfg(unix)]
fn open_directory(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(windows)]
fn no_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Windows opens a directory only with this flag.
#[cfg(windows)]
fn open_directory(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    OpenOptions::new().read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}
