//! The path of a directory or file to serve.

use std::path::PathBuf;

/// The path of a directory or file to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServedPath {
    /// A directory with everything beneath it.
    Directory(PathBuf),
    /// One file, without the other files of its directory.
    File {
        /// The directory of the file.
        directory: PathBuf,
        /// Its name, which is also its name in URLs.
        name: String,
    },
}

impl ServedPath {
    /// The path on the host.
    pub fn path(&self) -> PathBuf {
        match self {
            ServedPath::Directory(path) => path.clone(),
            ServedPath::File { directory, name } => directory.join(name),
        }
    }

    /// The name of the single file.
    pub fn name(&self) -> Option<&str> {
        match self {
            ServedPath::Directory(_) => None,
            ServedPath::File { name, .. } => Some(name),
        }
    }
}
