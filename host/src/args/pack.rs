//! The arguments of `glasshouse pack`.

use super::content::ContentFlags;
use super::file::ConfigFile;
use super::{HandlerOption, Output, handler_options};
use crate::error::StartupError;
use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments of `glasshouse pack`.
#[derive(Debug, clap::Args)]
pub(crate) struct Pack {
    /// Directory or single file to pack
    #[arg(value_name = "PATH")]
    pub(crate) folder: PathBuf,
    /// File to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Output,
    /// Write a component for wasi:http 0.2 instead of 0.3
    #[arg(long)]
    pub(crate) p2: bool,
    /// Add .br, .zst and .gz variants of files that get shorter
    ///
    /// The best levels of all three formats, on all processors. Listings do not show the variants.
    #[arg(long)]
    pub(crate) precompress: bool,
    /// Write an OCI archive, which skopeo copies to a registry
    #[arg(long)]
    pub(crate) oci: bool,
    #[command(flatten)]
    content: ContentFlags,
}

impl Pack {
    /// The options of the handler: from flags, else from the variables in `environment`.
    ///
    /// # Errors
    /// As for the server.
    pub(crate) fn handler_options(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<HandlerOption>, StartupError> {
        handler_options::collect(&self.content, &ConfigFile::default(), environment)
    }
}
