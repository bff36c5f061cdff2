//! The components that serve, besides the built-in handler.

use super::{MountVariable, RUNTIME, SERVING};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::path::PathBuf;

/// The files of components, and what they get.
#[derive(Debug, clap::Args)]
pub(crate) struct ComponentFlags {
    /// Variable of a mounted component (repeatable)
    ///
    /// PATH is that of the --mount. A mounted component gets no option of the handler, only its own variables. The
    /// variable holds one setting per line.
    #[arg(long, value_name = "PATH:NAME=VALUE")]
    #[arg(value_parser = OsStringValueParser::new().try_map(MountVariable::parse))]
    #[arg(env = "GLASSHOUSE_MOUNT_ENV", hide_env = true, hide_short_help = true, help_heading = SERVING)]
    pub(crate) mount_env: Vec<MountVariable>,

    /// Handler component to run instead of the built-in one
    ///
    /// A WebAssembly component that exports wasi:http/handler 0.3 or wasi:http/incoming-handler 0.2. The server refuses
    /// a component with a refused or unknown import; `glasshouse inspect FILE` lists them. A component that imports no
    /// directory, and a packed site, serve without one.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_HANDLER", hide_env = true, help_heading = RUNTIME)]
    pub(crate) handler: Option<PathBuf>,

    /// Middleware component in front of the handler (repeatable)
    ///
    /// A component that imports and exports wasi:http/handler 0.3, or wasi:http/incoming-handler 0.2. The first one is
    /// the outermost. It gets no directory. `glasshouse inspect --with FILE` shows the chain. Mounted components have
    /// no middleware. The variable holds one file per line.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_WITH", hide_env = true, help_heading = RUNTIME)]
    pub(crate) with: Vec<PathBuf>,

    /// Replay responses of --handler while the files are unchanged
    ///
    /// For a component whose responses depend only on the request and on the files, as those of the built-in handler
    /// do.
    #[arg(long, requires = "handler", conflicts_with = "with")]
    #[arg(env = "GLASSHOUSE_PURE_HANDLER", hide_env = true, hide_short_help = true, help_heading = RUNTIME)]
    pub(crate) pure_handler: bool,
}
