//! The words of `glasshouse inspect`, and nothing of what they mean.

use std::ffi::OsString;
use std::path::PathBuf;

/// `glasshouse inspect`: which file, and for whom it is told.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The file; '-' is standard input [default: the built-in handler]
    #[arg(value_name = "FILE")]
    pub file: Option<Input>,
    /// Tell it in JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// A place to read a component from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl From<OsString> for Input {
    fn from(text: OsString) -> Input {
        if text == "-" { Input::Stdin } else { Input::File(text.into()) }
    }
}
