//! Renders the address of the server as a QR code.

use qrcode::render::unicode::Dense1x2;
use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode};
use thiserror::Error;

/// Sets white on black, which cameras need on every terminal, and resets it.
const COLOURS: (&str, &str) = ("\x1b[97;40m", "\x1b[0m");

/// There is no QR code.
#[derive(Debug, Error)]
pub(crate) enum NoQrCode {
    #[error(
        "no QR code: only this machine can reach the server; leave --bind out, and check that the machine has a network"
    )]
    OnlyLocal,
    #[error("no QR code: {0}")]
    Encoding(#[from] QrError),
}

/// The code in block characters. Each character is two squares high.
///
/// # Errors
/// No other machine can reach the server, or the URL is too long.
pub(crate) fn code(url: Option<&str>, is_terminal: bool) -> Result<String, NoQrCode> {
    let url = url.ok_or(NoQrCode::OnlyLocal)?;
    let code = QrCode::with_error_correction_level(url, EcLevel::L)?;
    let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
    let code = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    let (on, off) = if is_terminal { COLOURS } else { ("", "") };
    Ok(code.lines().map(|line| format!("{on}{line}{off}\n")).collect())
}
