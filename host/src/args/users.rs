//! The options for users, and the arguments of `glasshouse passwd`.

use super::CLIENTS;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct AuthFlags {
    /// Require a user and a password from this htpasswd file
    ///
    /// Lines of NAME:HASH with hashes of bcrypt, argon2id or SHA-512-crypt, as htpasswd and `glasshouse passwd` write
    /// them. HTTP does not encrypt passwords, so this option needs TLS or addresses of loopback.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_AUTH", hide_env = true, help_heading = CLIENTS)]
    pub(crate) auth: Option<PathBuf>,

    /// Accept passwords without TLS on every address
    ///
    /// For a server behind a proxy that encrypts, or in a trusted network.
    #[arg(long, requires = "auth")]
    #[arg(env = "GLASSHOUSE_AUTH_INSECURE", hide_env = true, help_heading = CLIENTS)]
    pub(crate) auth_insecure: bool,
}

/// The arguments of `glasshouse passwd`.
#[derive(Debug, clap::Args)]
pub(crate) struct Passwd {
    /// File of users; the command creates it if it is missing
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the user
    #[arg(value_name = "USER")]
    pub(crate) user: String,
}
