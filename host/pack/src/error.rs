//! The reasons why a folder cannot be packed.
//!
//! The texts do not have the errors of the kernel, which are the sources: the host has plain words for those.

use std::io;
use thiserror::Error;

/// The component cannot be written. Paths are relative to the folder.
#[derive(Debug, Error)]
pub enum PackError {
    /// An entry cannot be read.
    #[error("cannot read '{path}'; make it readable or remove it")]
    Read {
        /// The entry.
        path: String,
        /// The error of the kernel.
        source: io::Error,
    },
    /// A file has other content than before.
    #[error("'{path}' changed while the folder was packed; pack it again when no program writes to it")]
    Changed {
        /// The file.
        path: String,
    },
    /// The site file is invalid: each request would fail.
    #[error("{0}; correct it, or pack with --no-site-file")]
    SiteFile(String),
    /// The folder does not fit into the memory of a handler.
    #[error(
        "the folder needs {bytes} bytes, and a component holds at most {max}; leave files out, or serve it from disk"
    )]
    TooLarge {
        /// The length of the site image.
        bytes: u64,
        /// The longest image.
        max: u64,
    },
    /// The handler is not a component into which a folder can be packed.
    #[error("the handler has no place for a folder: {0}; use the handler of this version of glasshouse")]
    Handler(&'static str),
    /// The only file to pack is the output, which would replace it.
    #[error("it is the output file too; name another file with -o")]
    OutputOnly,
    /// A temporary file cannot be written.
    #[error("cannot write a temporary file; set TMPDIR to a directory with space")]
    Temporary(#[source] io::Error),
    /// The output cannot be written.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

impl PackError {
    pub(crate) fn read(path: &str, source: io::Error) -> PackError {
        PackError::Read { path: path.to_owned(), source }
    }
}
