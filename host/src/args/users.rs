//! The flags that say who may ask, and the words of `glasshouse passwd`. It refuses to know what is in the file.

use std::path::PathBuf;

const USERS: &str = "Users";

#[derive(Debug, clap::Args)]
pub struct AuthFlags {
    /// Answer users alone, those of this file of names and hashed passwords
    ///
    /// Lines of NAME:HASH as htpasswd writes them, with hashes of bcrypt, argon2id or SHA-512-crypt; `glasshouse passwd`
    /// writes them too. Passwords are sent in the clear, so it takes TLS or addresses that only this machine can reach.
    #[arg(long, value_name = "FILE")]
    #[arg(env = "GLASSHOUSE_AUTH", hide_env = true, help_heading = USERS)]
    pub auth: Option<PathBuf>,

    /// Let users send their passwords in the clear, on any address
    ///
    /// For a server behind another one that encrypts, or on a network without strangers.
    #[arg(long, requires = "auth")]
    #[arg(env = "GLASSHOUSE_AUTH_INSECURE", hide_env = true, help_heading = USERS)]
    pub auth_insecure: bool,
}

/// `glasshouse passwd`: whose password is set, and where.
#[derive(Debug, clap::Args)]
pub struct Passwd {
    /// The file of users; it is made if it is not there
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The name of the user
    #[arg(value_name = "USER")]
    pub user: String,
}
