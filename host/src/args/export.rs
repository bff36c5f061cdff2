//! The words of `glasshouse handler`. It refuses to know what a component is.

use std::ffi::OsString;
use std::path::PathBuf;

/// `glasshouse handler`: where the embedded component goes.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The component for hosts of wasi:http 0.2, in place of 0.3
    #[arg(long)]
    pub p2: bool,
    /// The file to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Output,
}

/// A place to write a component to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Stdout,
    File(PathBuf),
}

impl From<OsString> for Output {
    fn from(text: OsString) -> Output {
        if text == "-" { Output::Stdout } else { Output::File(text.into()) }
    }
}
