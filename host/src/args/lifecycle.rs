//! The options for shutdown and reload.

use super::RUNTIME;
use crate::args::value::TimeSpan;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct LifecycleFlags {
    /// Maximum time of open requests at shutdown
    ///
    /// SIGTERM and SIGINT start the shutdown, and the server accepts no further connections. A second signal ends the
    /// server immediately.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    #[arg(env = "GLASSHOUSE_GRACE", hide_env = true, help_heading = RUNTIME)]
    pub(crate) grace: TimeSpan,

    /// Directory that stays readable for a reload (repeatable)
    ///
    /// SIGHUP opens the served paths again. A directory that has replaced a served one must be below one of these,
    /// because the process has given up reading anything else. The variable holds several, separated by commas.
    #[arg(long, value_name = "DIR")]
    #[arg(env = "GLASSHOUSE_HARDEN_ALSO", hide_env = true, hide_short_help = true, help_heading = RUNTIME)]
    pub(crate) harden_also: Vec<PathBuf>,
}
