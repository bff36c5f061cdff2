//! The grammar of a line of the piece header.

use std::borrow::Cow;

/// A part of a response body that the host assembles.
///
/// ```text
/// piece = "file:" start "-" end    bytes of the file, half-open: end is not included
///       | "text:" *( graphic / "%" hex hex )
/// start = 1*digit                  at most 2^64-1, as is end; start <= end
/// graphic = %x21-24 / %x26-7E      printable ASCII except "%"
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the file whose stream is in the response.
    File {
        /// Offset of the first byte.
        start: u64,
        /// Offset after the last byte; not less than `start`.
        end: u64,
    },
    /// Bytes that the handler generated.
    Text(Cow<'a, [u8]>),
}

impl Piece<'_> {
    /// The value of the header line.
    pub fn encode(&self) -> String {
        match self {
            Piece::File { start, end } => format!("file:{start}-{end}"),
            Piece::Text(bytes) => {
                let mut value = String::from("text:");
                for byte in bytes.iter() {
                    match byte {
                        b'%' => value.push_str("%25"),
                        byte if byte.is_ascii_graphic() => value.push(char::from(*byte)),
                        byte => value.push_str(&format!("%{byte:02X}")),
                    }
                }
                value
            }
        }
    }

    /// Parses the value of a header line. Returns `None` if it does not match the grammar.
    pub fn parse(value: &str) -> Option<Piece<'static>> {
        match value.split_once(':')? {
            ("file", range) => {
                let (start, end) = range.split_once('-')?;
                let (start, end) = (number(start)?, number(end)?);
                (start <= end).then_some(Piece::File { start, end })
            }
            ("text", text) => Some(Piece::Text(decode(text)?.into())),
            _ => None,
        }
    }
}

/// Digits alone: the standard parser also accepts a sign.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte if byte.is_ascii_graphic() => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}
