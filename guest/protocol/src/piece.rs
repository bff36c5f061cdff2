//! The grammar of a piece of a response body.

use std::borrow::Cow;

/// A part of a response body that the host assembles.
///
/// ```text
/// piece  = "file:" number ":" start "-" end    bytes of an open file, half-open: end is not included
///        | "text:" *OCTET                      these bytes
/// number = 1*digit                             at most 2^64-1, as are start and end; start <= end
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of a file that the handler holds open.
    File {
        /// Which one: a handler numbers what it opens beneath its preopened directory, with `open-at` of WASI 0.2, from
        /// 1 on.
        number: u64,
        /// Offset of the first byte.
        start: u64,
        /// Offset after the last byte; not less than `start`.
        end: u64,
    },
    /// Bytes that the handler generated.
    Text(Cow<'a, [u8]>),
}

const FILE: &[u8] = b"file:";
const TEXT: &[u8] = b"text:";

impl Piece<'_> {
    /// The value of the entry.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Piece::File { number, start, end } => format!("file:{number}:{start}-{end}").into_bytes(),
            Piece::Text(bytes) => [TEXT, bytes].concat(),
        }
    }

    /// Parses the value of an entry. Returns `None` if it does not match the grammar.
    pub fn parse(value: &[u8]) -> Option<Piece<'_>> {
        if let Some(text) = value.strip_prefix(TEXT) {
            return Some(Piece::Text(text.into()));
        }
        let (number, range) = str::from_utf8(value.strip_prefix(FILE)?).ok()?.split_once(':')?;
        let (start, end) = range.split_once('-')?;
        let (number, start, end) = (integer(number)?, integer(start)?, integer(end)?);
        (start <= end).then_some(Piece::File { number, start, end })
    }
}

/// Digits alone: the standard parser also accepts a sign.
fn integer(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
