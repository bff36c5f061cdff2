//! Properties of the piece header. The fuzz target and the kept seeds run this check.

use glasshouse_protocol::Piece;

/// Takes the bytes as the value of a header line, and as bytes that a handler generated.
///
/// # Panics
/// A value is accepted and the grammar does not have it, or the other way round; or a piece changes on its way.
pub fn piece(bytes: &[u8]) {
    if let Ok(value) = str::from_utf8(bytes) {
        let parsed = Piece::parse(value);
        assert_eq!(parsed.is_some(), is_piece(value), "{value:?}: {parsed:?}");
        if let Some(piece) = parsed {
            check_round_trip(&piece);
        }
    }
    check_round_trip(&Piece::Text(bytes.into()));
    if let Some((start, rest)) = bytes.split_first_chunk()
        && let Some(length) = rest.first_chunk()
    {
        let (start, length) = (u64::from_be_bytes(*start), u64::from_be_bytes(*length));
        check_round_trip(&Piece::File { start, end: start.saturating_add(length) });
    }
}

fn check_round_trip(piece: &Piece) {
    let value = piece.encode();
    assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value:?} is invalid in a header");
    assert_eq!(Piece::parse(&value).as_ref(), Some(piece));
}

/// The grammar, read a second time.
fn is_piece(value: &str) -> bool {
    if let Some(text) = value.strip_prefix("text:") {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_encoded = |part: &str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        let mut parts = text.split('%');
        return parts.next().is_some_and(is_plain) && parts.all(|part| is_encoded(part) && is_plain(part));
    }
    let Some((start, end)) = value.strip_prefix("file:").and_then(|range| range.split_once('-')) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let without_zeros = |text: &str| text.trim_start_matches('0').to_owned();
    let at_most = |one: &str, other: &str| (one.len(), one) <= (other.len(), other);
    let (first, last) = (without_zeros(start), without_zeros(end));
    is_number(start) && is_number(end) && at_most(&first, &last) && at_most(&last, &u64::MAX.to_string())
}
