//! The address as a QR code for the camera of a telephone. It refuses to know whether one is near.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Light on dark, whatever the colours of a terminal are; and back.
const COLOURS: (&str, &str) = ("\x1b[97;40m", "\x1b[0m");

/// The code in characters that are half a line high each, those that are there for its light squares.
///
/// # Errors
/// In words for the person who runs the server: nobody else in the network reaches it.
pub fn code(url: Option<&str>, is_terminal: bool) -> Result<String, String> {
    let Some(url) = url else {
        return Err(
            "no QR code: the server is reached from this machine alone; leave --bind out, and see whether it has \
                    a network"
                .into(),
        );
    };
    let code = QrCode::with_error_correction_level(url, EcLevel::L).map_err(|error| format!("no QR code: {error}"))?;
    let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
    let code = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    let (on, off) = if is_terminal { COLOURS } else { ("", "") };
    Ok(code.lines().map(|line| format!("{on}{line}{off}\n")).collect())
}
