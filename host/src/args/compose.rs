//! The arguments of `glasshouse compose`.

use super::Output;
use std::path::PathBuf;

/// The arguments of `glasshouse compose`.
#[derive(Debug, clap::Args)]
pub(crate) struct Compose {
    /// Middleware component, the outermost first (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) with: Vec<PathBuf>,
    /// Handler component [default: built-in handler]
    ///
    /// The built-in handler is that for the version of wasi:http of the middleware.
    #[arg(long, value_name = "FILE")]
    pub(crate) handler: Option<PathBuf>,
    /// File to write; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Output,
}
