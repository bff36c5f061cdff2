//! Properties of the pieces of a body. The fuzz target and the kept seeds run this check.

use glasshouse_protocol::Piece;

/// Takes the bytes as the value of an entry, and as bytes that a handler generated.
///
/// # Panics
/// A value is accepted and the grammar does not have it, or the other way round; or a piece changes on its way.
pub fn piece(bytes: &[u8]) {
    let parsed = Piece::parse(bytes);
    assert_eq!(parsed.is_some(), is_piece(bytes), "{bytes:?}: {parsed:?}");
    if let Some(piece) = parsed {
        check_round_trip(piece);
    }
    check_round_trip(Piece::Text(bytes.into()));
    if let Some((start, rest)) = bytes.split_first_chunk()
        && let Some(length) = rest.first_chunk()
    {
        let (start, length) = (u64::from_be_bytes(*start), u64::from_be_bytes(*length));
        check_round_trip(Piece::File { number: length, start, end: start.saturating_add(length) });
    }
}

fn check_round_trip(piece: Piece) {
    assert_eq!(Piece::parse(&piece.encode()), Some(piece));
}

/// The grammar, read a second time.
fn is_piece(value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value);
    if value.starts_with("text:") {
        return true;
    }
    let Some((number, range)) = value.strip_prefix("file:").and_then(|rest| rest.split_once(':')) else { return false };
    let Some((start, end)) = range.split_once('-') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let without_zeros = |text: &str| text.trim_start_matches('0').to_owned();
    let at_most = |one: &str, other: &str| (one.len(), one) <= (other.len(), other);
    let (first, last) = (without_zeros(start), without_zeros(end));
    let most = u64::MAX.to_string();
    let numbers = [number, start, end];
    numbers.iter().all(|text| is_number(text) && at_most(&without_zeros(text), &most)) && at_most(&first, &last)
}
