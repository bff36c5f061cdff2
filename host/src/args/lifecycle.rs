//! The options about the end of a server, and about beginning anew. It refuses to know signals.

use super::RUNTIME;
use crate::args::value::TimeSpan;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Lifecycle {
    /// How long answers under way may take when the server is asked to stop
    ///
    /// By SIGTERM or SIGINT, after which nobody else is served. A second one ends it at once.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    #[arg(env = "GLASSHOUSE_GRACE", hide_env = true, help_heading = RUNTIME)]
    pub grace: TimeSpan,

    /// Directory that may be read later on too, repeatable
    ///
    /// After SIGHUP what is served is opened anew. Where another one has come in its place, it must lie beneath one of
    /// these, because the process has given up reading anything else. The variable holds several, separated by commas.
    #[arg(long, value_name = "DIR")]
    #[arg(env = "GLASSHOUSE_HARDEN_ALSO", hide_env = true, help_heading = RUNTIME)]
    pub harden_also: Vec<PathBuf>,
}
