//! The arguments of `glasshouse inspect`.

use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments of `glasshouse inspect`.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// File; '-' is standard input [default: built-in handler]
    #[arg(value_name = "FILE")]
    pub file: Option<Input>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The source of a component.
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
