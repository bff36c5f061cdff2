//! The form of a response that the host sends without the handler.

use crate::piece::{Piece, split_line};

/// A complete response.
///
/// ```text
/// response = status LF *( name ":" value LF ) LF *piece
/// status   = 3DIGIT
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteResponse<'a> {
    /// The status code.
    pub status: u16,
    /// Names and values of the header fields.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
    /// The pieces of the body.
    pub pieces: Vec<Piece<'a>>,
}

impl CompleteResponse<'_> {
    /// The form of a response. `None` if it has none: the status does not have three digits, a name or a value has a
    /// line break, or a name has a colon.
    pub fn encode(status: u16, fields: &[(String, Vec<u8>)], pieces: &[Piece]) -> Option<Vec<u8>> {
        let of_fields = fields.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(2));
        let of_pieces = pieces.iter().map(Piece::most_bytes);
        let mut form = Vec::with_capacity(of_fields.chain(of_pieces).fold(8, usize::saturating_add));
        if !(100..=999).contains(&status) {
            return None;
        }
        form.extend_from_slice(format!("{status}\n").as_bytes());
        for (name, value) in fields {
            if name.is_empty() || name.contains(['\n', ':']) || value.contains(&b'\n') {
                return None;
            }
            form.extend_from_slice(name.as_bytes());
            form.push(b':');
            form.extend_from_slice(value);
            form.push(b'\n');
        }
        form.push(b'\n');
        pieces.iter().for_each(|piece| piece.write(&mut form));
        Some(form)
    }

    /// Parses the form of a response. Returns `None` if it does not match the grammar.
    pub fn parse(form: &[u8]) -> Option<CompleteResponse<'_>> {
        let (status, mut rest) = split_line(form)?;
        let is_number = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
        let status = if is_number { str::from_utf8(status).ok()?.parse().ok()? } else { return None };
        let mut fields = Vec::with_capacity(16);
        loop {
            let (line, after) = split_line(rest)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':').filter(|colon| *colon > 0)?;
            fields.push((line.get(..colon)?, line.get(colon.saturating_add(1)..)?));
        }
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = Piece::read(rest)?;
            pieces.push(piece);
            rest = after;
        }
        (100..=999).contains(&status).then_some(CompleteResponse { status, fields, pieces })
    }
}
