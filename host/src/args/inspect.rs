//! The arguments of `glasshouse inspect`.

use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments of `glasshouse inspect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// File; '-' is standard input [default: built-in handler]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<Input>,
    /// Middleware component in front of it (repeatable)
    ///
    /// The report is about the composition of all components, the outermost middleware first.
    #[arg(long, value_name = "FILE")]
    pub(crate) with: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The source of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
}

impl From<OsString> for Input {
    fn from(text: OsString) -> Input {
        if text == "-" { Input::Stdin } else { Input::File(text.into()) }
    }
}
