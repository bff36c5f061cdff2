//! Ranges: the examples of RFC 9110, rows for each rule, and a model that checks every byte.

use crate::http::range::*;
use proptest::prelude::*;

/// Expects spans as half-open pairs; no pair means that the range is not satisfiable.
#[track_caller]
fn check(value: &str, size: u64, spans: &[(u64, u64)]) {
    let spans: Vec<Span> = spans.iter().map(|&(start, end)| Span { start, end }).collect();
    let expected = match spans.as_slice() {
        [] => Ranged::NotSatisfiable,
        [span] => Ranged::Part(*span),
        _ => Ranged::Parts(spans),
    };
    assert_eq!(ranged(value.as_bytes(), size), expected, "{value:?} of {size}");
}

#[track_caller]
fn check_whole(value: &[u8], size: u64) {
    assert_eq!(ranged(value, size), Ranged::Whole, "{} of {size}", value.escape_ascii());
}

/// RFC 9110 14.1.2, all examples.
#[test]
fn the_examples_of_the_rfc() {
    check("bytes=0-499", 10_000, &[(0, 500)]);
    check("bytes=500-999", 10_000, &[(500, 1_000)]);
    check("bytes=-500", 10_000, &[(9_500, 10_000)]);
    check("bytes=9500-", 10_000, &[(9_500, 10_000)]);
    check("bytes=0-0,-1", 10_000, &[(0, 1), (9_999, 10_000)]);
    check("bytes= 0-999, 4500-5499, -1000", 10_000, &[(0, 1_000), (4_500, 5_500), (9_000, 10_000)]);
    check("bytes=500-600,601-999", 10_000, &[(500, 1_000)]);
    check("bytes=500-700,601-999", 10_000, &[(500, 1_000)]);
}

#[test]
fn one_range() {
    for (value, size, span) in [
        ("bytes=0-", 10, Some((0, 10))),
        ("bytes=0-9", 10, Some((0, 10))),
        ("bytes=9-9", 10, Some((9, 10))),
        ("bytes=5-10", 10, Some((5, 10))),
        ("BYTES=5-", 10, Some((5, 10))),
        (" bytes=\t5-6 ", 10, Some((5, 7))),
        ("bytes=,,5-6, ,", 10, Some((5, 7))),
        ("bytes=005-0006", 10, Some((5, 7))),
        ("bytes=-10", 10, Some((0, 10))),
        ("bytes=-11", 10, Some((0, 10))),
        ("bytes=-0", 10, None),
        ("bytes=10-", 10, None),
        ("bytes=10-20", 10, None),
        ("bytes=0-99999999999999999999999", 10, Some((0, 10))),
        ("bytes=-99999999999999999999999", 10, Some((0, 10))),
        ("bytes=99999999999999999999999-", 10, None),
        ("bytes=99999999999999999999998-99999999999999999999999", 10, None),
        ("bytes=18446744073709551615-", u64::MAX, None),
        ("bytes=18446744073709551614-", u64::MAX, Some((u64::MAX - 1, u64::MAX))),
        ("bytes=0-18446744073709551615", u64::MAX, Some((0, u64::MAX))),
    ] {
        check(value, size, span.as_slice());
    }
}

#[test]
fn several_ranges() {
    check("bytes=0-1,10-,-0", 10, &[(0, 2)]);
    check("bytes=10-,11-12,-0", 10, &[]);
    check("bytes=8-,0-1", 10, &[(8, 10), (0, 2)]);
    check("bytes=5-5,0-1,6-6", 10, &[(5, 7), (0, 2)]);
    check("bytes=5-5,0-1,4-4", 10, &[(4, 6), (0, 2)]);
    check("bytes=8-8,0-0,3-5,1-2", 10, &[(8, 9), (0, 6)]);
    check("bytes=0-0,2-2", 3, &[(0, 1), (2, 3)]);
    check("bytes=0-0,2-2,1-1", 3, &[(0, 3)]);
    check("bytes=0-4,0-4", 10, &[(0, 5)]);
    check("bytes=0-5,2-3,5-5", 10, &[(0, 6)]);
}

#[test]
fn an_empty_file_has_no_range() {
    check("bytes=0-", 0, &[]);
    check("bytes=0-0,5-", 0, &[]);
    check("bytes=-0", 0, &[]);
    check_whole(b"bytes=-5", 0);
    check_whole(b"bytes=0-0,-5", 0);
}

#[test]
fn invalid_and_excessive_ranges_are_ignored() {
    for value in [
        &b""[..],
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes=-",
        b"bytes=5",
        b"bytes=5-4",
        b"bytes=0-1,5-4",
        b"bytes=+5-6",
        b"bytes=5-+6",
        b"bytes=-+5",
        b"bytes=--5",
        b"bytes=1-2-3",
        b"bytes=0x1-2",
        b"bytes=1 -2",
        b"bytes=a-b",
        b"bytes =0-1",
        b"bytes:0-1",
        b"bytes=0-1;2-3",
        b"bytes=0-1, bytes=2-3",
        b"bytes=\xd9\xa1-2",
        b"bytes=0-1\xff",
        b"items=0-1",
        b"0-1",
        // More bytes than the file has.
        b"bytes=0-,0-",
        b"bytes=0-5,5-9",
        b"bytes=0-9,-1",
    ] {
        check_whole(value, 10);
    }
    check_whole(b"bytes=0-18446744073709551614,0-0", u64::MAX);
}

#[test]
fn sets_are_bounded() {
    let set = |ranges: usize| format!("bytes={}", "0-0,".repeat(ranges));
    check(&set(MAX_RANGES), 1_000, &[(0, 1)]);
    check_whole(set(MAX_RANGES + 1).as_bytes(), 1_000);
    let long = |length: usize| format!("bytes={:0>1$}-", 1, length - "bytes=-".len());
    check(&long(MAX_BYTES), 10, &[(1, 10)]);
    check_whole(long(MAX_BYTES + 1).as_bytes(), 10);
}

/// A range: first and last position, first position, or length of the suffix.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

impl Asked {
    fn write(self) -> String {
        match self {
            Asked::Between(first, last) => format!("{first}-{last}"),
            Asked::From(first) => format!("{first}-"),
            Asked::Last(length) => format!("-{length}"),
        }
    }

    fn holds(self, byte: u64, size: u64) -> bool {
        match self {
            Asked::Between(first, last) => (first..=last).contains(&byte),
            Asked::From(first) => first <= byte,
            Asked::Last(length) => size - byte <= length,
        }
    }

    fn is_satisfiable(self, size: u64) -> bool {
        match self {
            Asked::Between(first, _) | Asked::From(first) => first < size,
            Asked::Last(length) => length > 0,
        }
    }
}

/// The expected spans, computed byte by byte: runs of requested bytes, in the order of the first range of each.
fn model(asked: &[Asked], size: u64) -> Ranged {
    let satisfiable = asked.iter().any(|asked| asked.is_satisfiable(size));
    let sum: usize = asked.iter().map(|asked| (0..size).filter(|&byte| asked.holds(byte, size)).count()).sum();
    if asked.iter().any(|asked| matches!(asked, Asked::Between(first, last) if last < first)) {
        return Ranged::Whole;
    }
    if !satisfiable {
        return Ranged::NotSatisfiable;
    }
    if sum as u64 > size || size == 0 {
        return Ranged::Whole;
    }
    let place = |byte: u64| asked.iter().position(|asked| asked.holds(byte, size));
    let mut runs: Vec<(usize, Span)> = Vec::new();
    for byte in 0..size {
        match (place(byte), runs.last_mut()) {
            (Some(place), Some((first, run))) if run.end == byte => {
                *first = place.min(*first);
                run.end = byte + 1;
            }
            (Some(place), _) => runs.push((place, Span { start: byte, end: byte + 1 })),
            (None, _) => {}
        }
    }
    runs.sort_by_key(|run| run.0);
    let spans: Vec<Span> = runs.into_iter().map(|(_, span)| span).collect();
    if let [span] = spans[..] { Ranged::Part(span) } else { Ranged::Parts(spans) }
}

fn asked() -> impl Strategy<Value = Asked> {
    let between = (0..30_u64, 0..6_u64).prop_map(|(first, more)| Asked::Between(first, first + more));
    let any_two = (0..30_u64, 0..30_u64).prop_map(|(first, last)| Asked::Between(first, last));
    let (from, last) = ((0..30_u64).prop_map(Asked::From), (0..12_u64).prop_map(Asked::Last));
    prop_oneof![24 => between, 1 => any_two, 1 => from, 3 => last]
}

/// Properties of every result.
fn sound(value: &[u8], size: u64) -> Result<(), TestCaseError> {
    let spans = match ranged(value, size) {
        Ranged::Whole | Ranged::NotSatisfiable => return Ok(()),
        Ranged::Part(span) => vec![span],
        Ranged::Parts(spans) => {
            prop_assert!(spans.len() > 1);
            spans
        }
    };
    let mut sum = 0_u128;
    for span in &spans {
        prop_assert!(span.start < span.end && span.end <= size, "{:?}", span);
        sum += u128::from(span.end - span.start);
    }
    prop_assert!(sum <= u128::from(size));
    for (place, one) in spans.iter().enumerate() {
        prop_assert!(spans.iter().skip(place + 1).all(|other| one.end < other.start || other.end < one.start));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_bytes_do_harm(value: Vec<u8>, size: u64) {
        sound(&value, size)?;
    }

    #[test]
    fn no_set_does_harm(set in "[0-9]{0,21}-[0-9]{0,21}(,[ ]?[0-9]{0,3}-[0-9]{0,20}){0,9}", size: u64) {
        sound(format!("bytes={set}").as_bytes(), size)?;
    }

    #[test]
    fn a_range_within_the_file_is_sent_as_asked(start: u64, length in 1..=u64::MAX, more: u64) {
        let end = start.saturating_add(length).max(1);
        let (start, size) = (start.min(end - 1), end.saturating_add(more));
        check(&format!("bytes={start}-{}", end - 1), size, &[(start, end)]);
    }

    #[test]
    fn as_if_every_byte_were_asked(asked in prop::collection::vec(asked(), 1..8), size in 0..28_u64) {
        let value = format!("bytes={}", asked.iter().map(|asked| asked.write()).collect::<Vec<_>>().join(", "));
        prop_assert_eq!(ranged(value.as_bytes(), size), model(&asked, size), "{} of {}", value, size);
    }
}
