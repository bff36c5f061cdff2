//! QR codes in a build without the feature `qr`: there are none.

use thiserror::Error;

/// There is no QR code.
#[derive(Debug, Error)]
pub(crate) enum NoQrCode {
    #[error(
        "no QR code: only this machine can reach the server; leave --bind out, and check that the machine has a network"
    )]
    OnlyLocal,
    #[error("no QR code: this build has no feature 'qr'")]
    NotInBuild,
}

/// # Errors
/// Always.
pub(crate) fn code(url: Option<&str>, _is_terminal: bool) -> Result<String, NoQrCode> {
    url.ok_or(NoQrCode::OnlyLocal)?;
    Err(NoQrCode::NotInBuild)
}
