//! Properties of complete responses. The fuzz target and the kept seeds run this check.

use glasshouse_protocol::{CompleteResponse, Piece};

/// Takes the bytes as the form of a response, and as bytes that a handler generated.
///
/// # Panics
/// A form is accepted that has another meaning when it is encoded again, or a body changes on its way.
pub fn response(bytes: &[u8]) {
    if let Some(response) = CompleteResponse::parse(bytes) {
        let field = |(name, value): &(&[u8], &[u8])| Some((str::from_utf8(name).ok()?.to_owned(), value.to_vec()));
        if let Some(fields) = response.fields.iter().map(field).collect::<Option<Vec<_>>>() {
            let form = CompleteResponse::encode(response.status, &fields, &response.pieces);
            let form = form.unwrap_or_else(|| panic!("{response:?} has no form"));
            assert_eq!(CompleteResponse::parse(&form), Some(response));
        }
    }
    let (start, rest) = bytes.split_first_chunk().unwrap_or((&[0; 8], bytes));
    let (start, length) = (u64::from_be_bytes(*start), u64::try_from(rest.len()).unwrap_or_default());
    let pieces = [
        Piece::Text(bytes),
        Piece::File { number: length, start, end: start.saturating_add(length) },
        Piece::Text(rest),
    ];
    check_round_trip(200, &[("a".to_owned(), bytes.to_vec()), ("b".to_owned(), Vec::new())], &pieces);
    check_round_trip(404, &[(String::from_utf8_lossy(bytes).into_owned(), b"c".to_vec())], &[]);
}

/// A response is parsed as it was encoded.
fn check_round_trip(status: u16, fields: &[(String, Vec<u8>)], pieces: &[Piece]) {
    let has_line_break = fields.iter().any(|(name, value)| name.contains('\n') || value.contains(&b'\n'));
    let has_bad_name = fields.iter().any(|(name, _)| name.is_empty() || name.contains(':'));
    let form = CompleteResponse::encode(status, fields, pieces);
    assert_eq!(form.is_none(), has_line_break || has_bad_name, "{fields:?}");
    if let Some(form) = form {
        let parsed = CompleteResponse::parse(&form).unwrap_or_else(|| panic!("{form:?} is invalid"));
        let expected: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        assert_eq!((parsed.status, parsed.fields, parsed.pieces.as_slice()), (status, expected, pieces));
    }
}
