//! Decides whether a file is in a served tree, on a system whose files have no identity in the standard library: by the
//! paths without links. A second name of a file (a hard link) is not recognized.

use glasshouse_sandbox::ServedPath;
use std::path::{Path, PathBuf};

/// The served files and directories at the time of the last [`Roots::add`], without links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Roots {
    /// Adds the current path of a tree. An earlier one stays.
    pub(crate) fn add(&mut self, tree: &ServedPath) {
        let list = match tree {
            ServedPath::Directory(_) => &mut self.directories,
            ServedPath::File { .. } => &mut self.files,
        };
        let found = tree.path().canonicalize().ok();
        list.extend(found.filter(|path| !list.contains(path)));
    }

    /// Whether the file at a path is served, after following links. The file need not exist, but its directory must.
    pub(crate) fn has(&self, path: &Path) -> bool {
        real(path).is_some_and(|path| self.has_real(&path))
    }

    /// As [`Roots::has`], for a path without links.
    pub(crate) fn has_real(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path)
            || self.directories.iter().any(|directory| path.starts_with(directory))
    }
}

/// The path of a file without links. The file need not exist, but its directory must.
pub(crate) fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(above.canonicalize().ok()?.join(path.file_name()?))
    })
}
