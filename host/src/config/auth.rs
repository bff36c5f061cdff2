//! Whether users can be let in as it was asked for: their file, and addresses on which a password is safe to send. It refuses to
//! know what is in the file.

use super::{Roots, ServedTree};
use crate::args::Auth;
use crate::config::StartupError;
use crate::listen::Addresses;
use glasshouse_http::auth::Users;
use std::net::SocketAddr;
use std::sync::Arc;

/// The users who may ask; `None` where everybody may. Over TLS passwords are safe to send everywhere.
pub fn users(
    flags: &Auth,
    trees: &[ServedTree],
    addresses: &Addresses,
    is_secure: bool,
) -> Result<Option<Arc<Users>>, StartupError> {
    let Some(file) = &flags.auth else { return Ok(None) };
    if !flags.auth_insecure && !is_secure {
        in_private(addresses)?;
    }
    let users = Users::read(file).map_err(StartupError::CannotServe)?;
    // Every one of them could download it.
    if Roots::of(trees).has(file) {
        return Err(StartupError::Usage(format!(
            "--auth: '{}' is among what is served; move it to where no client gets",
            file.display()
        )));
    }
    Ok(Some(Arc::new(users)))
}

/// Whether passwords can be read by this machine alone.
fn in_private(addresses: &Addresses) -> Result<(), StartupError> {
    let is_open = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    let open = match addresses.of_tcp().iter().find(is_open) {
        _ if addresses.is_everywhere() => "every address".to_owned(),
        Some(address) => address.ip().to_string(),
        None => return Ok(()),
    };
    Err(StartupError::Usage(format!(
        "--auth: passwords would be sent to {open} in the clear; listen on this machine alone with '-b localhost', speak \
         TLS with --tls-cert, or say --auth-insecure if something in front encrypts"
    )))
}
