//! Why there is no site.

use glasshouse_core::ConfigError;
use glasshouse_sandbox::SandboxError;
use std::io;
use std::path::PathBuf;

/// Why [`SiteBuilder::build`](crate::SiteBuilder::build) returns no site.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// Neither a directory, a file nor a mount was set.
    #[error("the site serves nothing; set a directory, a file or a mount")]
    Empty,
    /// The path of a mount is invalid.
    #[error("invalid path '{path}' of a mount; write '/docs'")]
    MountPath {
        /// The path as it was set.
        path: String,
    },
    /// Two mounts have one path.
    #[error("two mounts at '{path}'; leave one out")]
    DuplicateMount {
        /// The path as it was set.
        path: String,
    },
    /// A file has no name that can be part of a URL.
    #[error("cannot serve '{}': the path does not end in a name that is valid Unicode", path.display())]
    FileName {
        /// The path of the file.
        path: PathBuf,
    },
    /// An option of the handler is unknown, or its value is invalid.
    #[error(transparent)]
    Option(#[from] ConfigError),
    /// The option `live` is set. The program watches the files and sends the script of live pages; a site does neither.
    #[error("the option 'live' needs the program, which watches the files; leave it out")]
    Live,
    /// A directory or file cannot be opened.
    #[error("cannot open '{}': {source}", path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The handler cannot run.
    #[error("cannot run the handler: {0}")]
    Handler(#[source] SandboxError),
    /// The system cannot start a thread.
    #[error("cannot start a thread of the site: {0}")]
    Thread(#[source] io::Error),
}
