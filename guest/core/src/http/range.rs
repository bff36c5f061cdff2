//! Byte ranges (RFC 9110 14), as half-open spans.

/// Limits of a range set, as RFC 9110 17.15 recommends: a part costs the client 10 bytes, and the server 100.
const MAX_RANGES: usize = 100;
const MAX_BYTES: usize = 8 * 1024;

const BLANK: [char; 2] = [' ', '\t'];

/// A half-open range of bytes: `end` is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The offset of the first byte.
    pub start: u64,
    /// The offset after the last byte.
    pub end: u64,
}

impl Span {
    /// The number of bytes.
    pub fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The value of Content-Range (RFC 9110 14.4) for a file of `size` bytes.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end.saturating_sub(1))
    }
}

/// The result of a Range field. No span is empty or ends after the file, and no two spans touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranged {
    /// The whole file: the field is ignored (200).
    Whole,
    /// One range (206).
    Part(Span),
    /// Two ranges or more, in the order of the request (206, multipart).
    Parts(Vec<Span>),
    /// No range overlaps the file (416).
    NotSatisfiable,
}

/// Reads a Range field for a file of `size` bytes.
///
/// RFC 9110 14.2 lets a server ignore an invalid value, another unit, and an excessive request: more than 8 KiB, more
/// than 100 ranges, or ranges with more bytes than the file. The result is [`Ranged::Whole`] then.
///
/// Ranges that overlap or touch become one (15.3.7.2), at the position of the first of them. So a response never has
/// more bytes than the file, or more parts than the request.
///
/// The caller must use this only for a GET whose answer would be 200 (14.2), and only if If-Range allows it (13.1.5).
pub fn ranged(value: &[u8], size: u64) -> Ranged {
    let Some(specs) = parse(value) else { return Ranged::Whole };
    // The last bytes of an empty file are satisfiable (14.1.2), but Content-Range cannot express them (14.4). 14.2 lets
    // a server ignore the field.
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) {
        return Ranged::Whole;
    }
    let spans: Vec<Span> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    let sum = spans.iter().try_fold(0_u64, |sum, span| sum.checked_add(span.length()));
    if sum.is_none_or(|sum| sum > size) {
        return Ranged::Whole;
    }
    let spans = coalesced(spans);
    match spans.as_slice() {
        [] => Ranged::NotSatisfiable,
        [span] => Ranged::Part(*span),
        _ => Ranged::Parts(spans),
    }
}

/// A range of the request, independent of the file.
enum Spec {
    /// From the first position to the last one, inclusive.
    Between(u64, u64),
    /// This number of bytes at the end.
    Last(u64),
}

impl Spec {
    fn parse(text: &str) -> Option<Spec> {
        match text.split_once('-')? {
            ("", length) => Some(Spec::Last(number(length)?)),
            (first, "") => Some(Spec::Between(number(first)?, u64::MAX)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Spec::Between(first, last))
            }
        }
    }

    /// The part of the range within a file of `size` bytes, or `None` if there is none.
    fn within(&self, size: u64) -> Option<Span> {
        let (start, end) = match *self {
            Spec::Between(first, last) => (first, last.saturating_add(1).min(size)),
            Spec::Last(length) => (size.saturating_sub(length), size),
        };
        (start < end).then_some(Span { start, end })
    }
}

/// The ranges of a `bytes=` set, at least one (RFC 9110 14.1.1). `None` if one of them is invalid.
fn parse(value: &[u8]) -> Option<Vec<Spec>> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let (unit, set) = str::from_utf8(value).ok()?.trim_matches(BLANK).split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    // Empty elements are skipped (5.6.1.2).
    for element in set.split(',').map(|element| element.trim_matches(BLANK)).filter(|element| !element.is_empty()) {
        specs.push(Spec::parse(element)?);
        if specs.len() > MAX_RANGES {
            return None;
        }
    }
    (!specs.is_empty()).then_some(specs)
}

/// `1*DIGIT`. Larger numbers become `u64::MAX`, which no file reaches (14.1.2 forbids an overflow).
fn number(digits: &str) -> Option<u64> {
    let mut bytes = digits.bytes();
    // `str::parse` accepts a sign.
    if digits.is_empty() || !bytes.all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Merges spans that overlap or touch, at the position of the first of them.
fn coalesced(spans: Vec<Span>) -> Vec<Span> {
    let mut placed: Vec<(usize, Span)> = spans.into_iter().enumerate().collect();
    placed.sort_by_key(|(_, span)| span.start);
    let mut runs: Vec<(usize, Span)> = Vec::with_capacity(placed.len());
    for (place, span) in placed {
        match runs.last_mut() {
            Some((first, run)) if span.start <= run.end => {
                *first = place.min(*first);
                run.end = span.end.max(run.end);
            }
            _ => runs.push((place, span)),
        }
    }
    runs.sort_by_key(|(place, _)| *place);
    runs.into_iter().map(|(_, span)| span).collect()
}

#[cfg(test)]
mod tests;
