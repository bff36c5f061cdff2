//! The arguments of `glasshouse handler`.

use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments of `glasshouse handler`.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Write the component for wasi:http 0.2 instead of 0.3
    #[arg(long)]
    pub(crate) p2: bool,
    /// Write an OCI archive, which skopeo copies to a registry
    #[arg(long)]
    pub(crate) oci: bool,
    /// File to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Output,
}

/// The destination of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    File(PathBuf),
}

impl From<OsString> for Output {
    fn from(text: OsString) -> Output {
        if text == "-" { Output::Stdout } else { Output::File(text.into()) }
    }
}
