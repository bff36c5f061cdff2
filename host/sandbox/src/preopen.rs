//! What an instance is lent to read: a directory, or one file. It refuses to know who asks, and what for.
//!
//! WASI lends directories and nothing smaller. For one file the handle is therefore that of something which is no directory at
//! all, so that beneath it the kernel finds nothing, whatever is asked and by whichever call. The directory that holds the file is
//! known here alone, to two calls, and they ask it for one name. So what was forgotten is refused, and not granted.

use crate::beneath;
use crate::beneath::{OpenOptions, Symlinks};
use crate::sandbox::State;
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
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, Dir, FsPerms, OpenMode};

/// What is to be served, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServedPath {
    Directory(PathBuf),
    /// One file, without what is beside it in its directory.
    File {
        directory: PathBuf,
        name: String,
    },
}

impl ServedPath {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        match self {
            ServedPath::Directory(path) => path.clone(),
            ServedPath::File { directory, name } => directory.join(name),
        }
    }

    /// The name of the one file.
    pub fn name(&self) -> Option<&str> {
        match self {
            ServedPath::Directory(_) => None,
            ServedPath::File { name, .. } => Some(name),
        }
    }
}

/// The same, open. A path that leads elsewhere later changes nothing.
pub struct Preopen {
    /// What instances hold.
    handle: Dir,
    holds: Holds,
}

enum Holds {
    Directory,
    File {
        /// The directory that it is in: it can be asked for a name, and not for a list of them.
        directory: Arc<File>,
        name: OsString,
        /// The name by which it is asked for. The other one is where links led from there.
        known_as: String,
    },
}

/// What the process must be able to read from then on.
#[derive(Clone, Copy, Debug)]
pub enum ReadScope<'a> {
    /// All that is beneath a directory.
    Directory(BorrowedFd<'a>),
    /// Files beneath a directory, but not which there are.
    Files(BorrowedFd<'a>),
}

impl Preopen {
    /// Opens what is to be served. Links at the end of the path of a file are followed now and not again: whoever may put one there
    /// later would otherwise choose what is served.
    ///
    /// # Errors
    /// It is not there, is something else, or cannot be read.
    pub fn open(tree: &ServedPath) -> io::Result<Preopen> {
        match tree {
            ServedPath::Directory(path) => {
                let directory = File::open(path)?;
                if !directory.metadata()?.is_dir() {
                    return Err(ErrorKind::NotADirectory.into());
                }
                Ok(Preopen { handle: handle(directory), holds: Holds::Directory })
            }
            ServedPath::File { directory, name } => {
                let path = follow(directory.join(name))?;
                let (Some(above), Some(last)) = (path.parent(), path.file_name()) else {
                    return Err(ErrorKind::IsADirectory.into());
                };
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory = openat(CWD, above, flags, Mode::empty())?;
                beneath::open_file(&directory, last)?;
                let nothing = eventfd(0, EventfdFlags::CLOEXEC)?;
                let directory = Arc::new(File::from(directory));
                let holds = Holds::File { directory, name: last.to_owned(), known_as: name.clone() };
                Ok(Preopen { handle: handle(nothing.into()), holds })
            }
        }
    }

    /// The directory that paths begin at, for those who tell of them.
    pub fn directory(&self) -> &Arc<File> {
        match &self.holds {
            Holds::Directory => &self.handle.dir,
            Holds::File { directory, .. } => directory,
        }
    }

    /// The handle that instances hold.
    pub fn root(&self) -> &File {
        &self.handle.dir
    }

    /// Whether a handle is that one.
    pub fn is_root(&self, handle: &Arc<File>) -> bool {
        Arc::ptr_eq(handle, &self.handle.dir)
    }

    /// What the process must be able to read.
    pub fn ground(&self) -> ReadScope<'_> {
        match &self.holds {
            Holds::Directory => ReadScope::Directory(self.handle.dir.as_fd()),
            Holds::File { directory, .. } => ReadScope::Files(directory.as_fd()),
        }
    }

    /// Whether the system can look at once at whatever is asked for. One name needs no walk.
    pub fn can_walk(&self) -> bool {
        match &self.holds {
            Holds::Directory => beneath::is_supported(&*self.handle.dir),
            Holds::File { .. } => true,
        }
    }

    /// Looks at what a path leads to, beneath a handle that an instance holds.
    ///
    /// # Errors
    /// As [`beneath::look`]; there is nothing beside the one file.
    pub fn look(&self, at: &File, path: &str, links: Symlinks) -> Result<Stat, Errno> {
        match &self.holds {
            Holds::Directory => beneath::stat(at, path, links),
            Holds::File { directory, name, known_as } if path == known_as => beneath::look_at_file(directory, name),
            Holds::File { .. } => Err(Errno::NOENT),
        }
    }

    /// Opens what a path leads to, in the same way.
    ///
    /// # Errors
    /// As [`beneath::open`]; there is nothing beside the one file.
    pub fn open_at(&self, at: &File, path: &str, how: OpenOptions) -> Result<(OwnedFd, Stat), Errno> {
        match &self.holds {
            Holds::Directory => beneath::open(at, path, how),
            Holds::File { .. } if how.only_directory => Err(Errno::NOTDIR),
            Holds::File { directory, name, known_as } if path == known_as => beneath::open_file(directory, name),
            Holds::File { .. } => Err(Errno::NOENT),
        }
    }
}

fn handle(of: File) -> Dir {
    // As the library has it for what is read on the thread.
    Dir::new(of, FsPerms::ReadOnly, OpenMode::READ, true)
}

/// As many links as Linux follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Where the links at the end of a path lead. Step by step, because the process may have given up the call by which the standard
/// library does it.
fn follow(mut path: PathBuf) -> Result<PathBuf, Errno> {
    for _ in 0..MOST_LINKS {
        match readlinkat(CWD, &path, Vec::new()) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("/")).join(OsStr::from_bytes(to.as_bytes())),
            Err(Errno::INVAL) => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP)
}

/// Replaces `get-directories` of both versions: what is lent is the one directory that there is.
pub fn override_imports(linker: &mut Linker<State>) -> Result<()> {
    for version in ["0.2.12", "0.3.0"] {
        let mut preopens = linker.instance(&format!("wasi:filesystem/preopens@{version}"))?;
        preopens.func_wrap("get-directories", get_directories)?;
    }
    Ok(())
}

type Preopened = Vec<(Resource<Descriptor>, String)>;

fn get_directories(mut store: StoreContextMut<'_, State>, (): ()) -> Result<(Preopened,)> {
    let state = store.data_mut();
    let root = state.table.push(Descriptor::Dir(state.lent.handle.clone()))?;
    Ok((vec![(root, "/".to_owned())],))
}
