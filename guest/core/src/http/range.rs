//! Byte ranges (RFC 9110 14), made half-open once and for all. This module refuses to know preconditions and methods:
//! a range counts only for a GET whose answer would be 200 (14.2), and only where If-Range allows (13.1.5).

/// Bounds of a range set. RFC 9110 17.15 asks for some: a part costs its client ten bytes, and the server a hundred.
const MOST_RANGES: usize = 100;
const MOST_BYTES: usize = 8 * 1024;

const BLANK: [char; 2] = [' ', '\t'];

/// Bytes of a file: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

impl Span {
    /// How many bytes these are.
    pub fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The value of Content-Range (RFC 9110 14.4), which counts up to the last byte and includes it.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end.saturating_sub(1))
    }
}

/// What part of a file a Range field asks for. No span is empty, none ends behind the file, no two touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranged {
    /// All of it: the field does not count (200).
    Whole,
    /// One range (206).
    Part(Span),
    /// Two ranges or more, in the order in which they were asked for (206, multipart).
    Parts(Vec<Span>),
    /// Nothing that the file has (416).
    Beyond,
}

/// Reads a Range field for a file of `size` bytes.
///
/// RFC 9110 14.2 lets a server ignore what is invalid, another unit, or greedy: a value longer than 8 KiB, more than
/// 100 ranges, ranges that add up to more than the file. Those are [`Ranged::Whole`].
///
/// Ranges that overlap or touch become one (15.3.7.2), in the place of the one that was asked for first. So what is
/// sent is never more than the file, in never more parts than were asked for.
pub fn ranged(value: &[u8], size: u64) -> Ranged {
    let Some(specs) = parse(value) else { return Ranged::Whole };
    // The last bytes of an empty file are satisfiable (14.1.2), but no Content-Range names zero bytes (14.4); 14.2 lets
    // a server ignore the field there.
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) {
        return Ranged::Whole;
    }
    let spans: Vec<Span> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    let sum = spans.iter().try_fold(0, |sum: u64, span| sum.checked_add(span.end.saturating_sub(span.start)));
    if sum.is_none_or(|sum| sum > size) {
        return Ranged::Whole;
    }
    let spans = coalesced(spans);
    match spans.as_slice() {
        [] => Ranged::Beyond,
        [span] => Ranged::Part(*span),
        _ => Ranged::Parts(spans),
    }
}

/// One range as it was asked for, before the size of the file is known.
enum Spec {
    /// From the first position to the second, which is included and not before the first.
    Between(u64, u64),
    /// So many bytes at the end.
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

    /// The bytes that a file of `size` bytes has of it; `None` if it has none.
    fn within(&self, size: u64) -> Option<Span> {
        let (start, end) = match *self {
            Spec::Between(first, last) => (first, last.saturating_add(1).min(size)),
            Spec::Last(length) => (size.saturating_sub(length), size),
        };
        (start < end).then_some(Span { start, end })
    }
}

/// The ranges of a `bytes=` set, one at least (RFC 9110 14.1.1). One that is invalid makes the set so.
fn parse(value: &[u8]) -> Option<Vec<Spec>> {
    if value.len() > MOST_BYTES {
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
        if specs.len() > MOST_RANGES {
            return None;
        }
    }
    (!specs.is_empty()).then_some(specs)
}

/// `1*DIGIT`. No file reaches `u64::MAX`, so it stands for all numbers from there on (14.1.2 wants no overflow).
fn number(digits: &str) -> Option<u64> {
    let mut bytes = digits.bytes();
    // `str::parse` would take a sign.
    if digits.is_empty() || !bytes.all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// One span for each run of spans that overlap or touch, at the place of the first of them.
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
