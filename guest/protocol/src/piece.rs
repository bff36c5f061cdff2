//! The grammar of a piece of a response body.

/// A part of a response body that the host assembles.
///
/// ```text
/// piece  = "file:" number ":" start "-" end LF    bytes of an open file, half-open: end is not included
///        | "text:" length LF *OCTET               as many bytes as the length
/// number = 1*digit                                at most 2^64-1, as are start, end and length; start <= end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of a file that the handler holds open.
    File {
        /// Which one: a handler numbers what it opens beneath its preopened directory, from 1 on.
        number: u64,
        /// Offset of the first byte.
        start: u64,
        /// Offset after the last byte; not less than `start`.
        end: u64,
    },
    /// Bytes that the handler generated.
    Text(&'a [u8]),
}

const FILE: &str = "file:";
const TEXT: &str = "text:";

impl Piece<'_> {
    /// Appends the form of the piece.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Piece::File { number, start, end } => {
                to.extend_from_slice(format!("{FILE}{number}:{start}-{end}\n").as_bytes());
            }
            Piece::Text(bytes) => {
                to.extend_from_slice(format!("{TEXT}{}\n", bytes.len()).as_bytes());
                to.extend_from_slice(bytes);
            }
        }
    }

    /// The most bytes that `Piece::write` appends.
    pub(crate) fn most_bytes(&self) -> usize {
        match self {
            Piece::File { .. } => 70,
            Piece::Text(bytes) => bytes.len().saturating_add(26),
        }
    }

    /// Reads the piece at the start of some bytes. Returns it with the rest. `None` if it does not match the grammar.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Piece<'_>, &[u8])> {
        let (line, rest) = split_line(bytes)?;
        let line = str::from_utf8(line).ok()?;
        if let Some(length) = line.strip_prefix(TEXT) {
            let (text, rest) = rest.split_at_checked(integer(length)?.try_into().ok()?)?;
            return Some((Piece::Text(text), rest));
        }
        let (number, range) = line.strip_prefix(FILE)?.split_once(':')?;
        let (start, end) = range.split_once('-')?;
        let (number, start, end) = (integer(number)?, integer(start)?, integer(end)?);
        (start <= end).then_some((Piece::File { number, start, end }, rest))
    }
}

/// The first line without its LF, and the rest.
pub(crate) fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end.saturating_add(1)..)?))
}

/// Digits alone: the standard parser also accepts a sign.
fn integer(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
