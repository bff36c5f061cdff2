//! The file of `--auth`, and the check that a client can send a password safely.

use super::{Roots, ServedTree};
use crate::args::AuthFlags;
use crate::error::StartupError;
use crate::listen::Addresses;
use crate::users_file::UsersFile;
use std::net::SocketAddr;
use std::sync::Arc;

/// The users; `None` if every client has access. Over TLS a password is safe on every address.
pub(crate) fn users(
    flags: &AuthFlags,
    trees: &[ServedTree],
    addresses: &Addresses,
    is_secure: bool,
) -> Result<Option<Arc<UsersFile>>, StartupError> {
    let Some(file) = &flags.auth else { return Ok(None) };
    if !flags.auth_insecure && !is_secure {
        in_private(addresses)?;
    }
    let users = UsersFile::read(file).map_err(|error| StartupError::CannotServe(error.to_string()))?;
    // Every user could download it.
    if Roots::of(trees).has(file) {
        return Err(StartupError::Usage(format!(
            "--auth: clients can read '{}': it is in a served directory; move it out of there",
            file.display()
        )));
    }
    Ok(Some(Arc::new(users)))
}

/// Checks that only this machine can read the passwords.
fn in_private(addresses: &Addresses) -> Result<(), StartupError> {
    let is_open = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    let open = match addresses.of_tcp().iter().find(is_open) {
        _ if addresses.is_everywhere() => "every address".to_owned(),
        Some(address) => address.ip().to_string(),
        None => return Ok(()),
    };
    Err(StartupError::Usage(format!(
        "--auth: clients would send passwords to {open} without encryption; use '-b localhost' to listen on this \
         machine alone, --tls-cert to serve over TLS, or --auth-insecure if a proxy encrypts"
    )))
}
