//! Entity tags (RFC 9110 8.8.3): how they are made, written, read and compared. This module refuses to know what
//! follows from a match.

use crate::http::date::HttpTime;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

/// Bounds of a list of tags. No cache keeps that many versions of one file.
const MOST_TAGS: usize = 1_000;
const MOST_BYTES: usize = 16 * 1024;

/// An entity tag. `==` is identity; HTTP compares with [`ETag::matches_strong`] and [`ETag::matches_weak`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag {
    weak: bool,
    opaque: String,
}

impl ETag {
    /// The strong tag of a file of `size` bytes that was last changed at `modified`. Where that time
    /// [tells nothing](HttpTime::is_placeholder), two versions of one length would share it.
    pub fn of(size: u64, modified: HttpTime) -> ETag {
        let (seconds, nanoseconds) = (modified.seconds(), modified.nanoseconds());
        // Numbers without padding between two marks that are no digits: different facts never give the same tag.
        ETag { weak: false, opaque: format!("{size:x}-{seconds:x}.{nanoseconds:x}") }
    }

    /// The tag of content that is made here and sent in a coding of this name: weak, for it is the tag of what is shown,
    /// and not of its bytes. Another version of this program may give another.
    pub fn of_content(bytes: &[u8], coding: &str) -> ETag {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        let tag = ETag { weak: true, opaque: format!("{:016x}", hasher.finish()) };
        if coding.is_empty() { tag } else { tag.weakened(coding) }
    }

    /// The tag of a variant that lies in a file of its own, apart from the tags of all others by `suffix`
    /// (RFC 9110 8.8.3.3): as strong as this one. Of a suffix only the letters, digits and `.`, `_` and `-` are kept.
    pub fn variant(&self, suffix: &str) -> ETag {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let opaque = self.opaque.chars().chain(['-']).chain(suffix.chars().filter(plain)).collect();
        ETag { weak: self.weak, opaque }
    }

    /// The tag of a variant that is made on the way: weak, for another encoder may write other bytes.
    pub fn weakened(&self, suffix: &str) -> ETag {
        ETag { weak: true, ..self.variant(suffix) }
    }

    /// Reads a value that is one tag and nothing else, as in If-Range (RFC 9110 13.1.5). `None` for a date, and for a
    /// tag that is not UTF-8, which none of ours is.
    pub fn parse(value: &[u8]) -> Option<ETag> {
        match scan(trim(value))? {
            (weak, opaque, []) => ETag::new(weak, opaque),
            _ => None,
        }
    }

    /// Strong comparison (RFC 9110 8.8.3.2): the same bytes. A weak tag matches nothing, itself included.
    pub fn matches_strong(&self, other: &ETag) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (RFC 9110 8.8.3.2): as good as the same.
    pub fn matches_weak(&self, other: &ETag) -> bool {
        self.opaque == other.opaque
    }

    fn new(weak: bool, opaque: &[u8]) -> Option<ETag> {
        str::from_utf8(opaque).ok().map(|opaque| ETag { weak, opaque: opaque.to_owned() })
    }
}

/// As the field ETag has it: `"..."` or `W/"..."`.
impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

/// What If-Match and If-None-Match name (RFC 9110 13.1.1 and 13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever there is.
    Any,
    /// These, as far as they are UTF-8: no other could be ours.
    List(Vec<ETag>),
}

impl Tags {
    /// Reads all lines of the field, which are one list (RFC 9110 5.3). `None` only where there is none.
    ///
    /// A field that cannot be read, or is out of bounds, is a list of no tags, and matches nothing. So If-Match fails
    /// and If-None-Match passes, and the dates of both still yield to them (RFC 9110 13.1.3 and 13.1.4): a client whose
    /// condition is not understood is sent the file, and never a 304 for a version that it may not have.
    pub fn parse(values: &[Vec<u8>]) -> Option<Tags> {
        match values {
            [] => None,
            [value] if trim(value) == b"*" => Some(Tags::Any),
            values => Some(Tags::List(list(values).unwrap_or_default())),
        }
    }

    /// Whether If-Match holds for a representation that exists, `current` being its tag if it has one.
    pub fn matches_strong(&self, current: Option<&ETag>) -> bool {
        self.matches(current, ETag::matches_strong)
    }

    /// Whether If-None-Match names a representation that exists, `current` being its tag if it has one.
    pub fn matches_weak(&self, current: Option<&ETag>) -> bool {
        self.matches(current, ETag::matches_weak)
    }

    fn matches(&self, current: Option<&ETag>, same: fn(&ETag, &ETag) -> bool) -> bool {
        match self {
            Tags::Any => true,
            Tags::List(tags) => current.is_some_and(|current| tags.iter().any(|tag| same(tag, current))),
        }
    }
}

/// The tags of a list. Empty elements are skipped (RFC 9110 5.6.1.2); a tag may hold commas, so nothing is split.
fn list(values: &[Vec<u8>]) -> Option<Vec<ETag>> {
    if values.iter().map(Vec::len).fold(0, usize::saturating_add) > MOST_BYTES {
        return None;
    }
    let mut tags = Vec::new();
    for value in values {
        let mut rest = trim(value);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b",") {
                rest = trim(after);
                continue;
            }
            let (weak, opaque, after) = scan(rest)?;
            tags.push(ETag::new(weak, opaque));
            rest = trim(after);
            let is_separate = matches!(rest, [] | [b',', ..]);
            if !is_separate || tags.len() > MOST_TAGS {
                return None;
            }
        }
    }
    Some(tags.into_iter().flatten().collect())
}

/// Reads the tag at the start of `text`: whether it is weak, what its quotes hold, and what follows.
fn scan(text: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let open = quoted.strip_prefix(b"\"")?;
    let end = open.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))?;
    let (opaque, closing) = open.split_at_checked(end)?;
    Some((weak, opaque, closing.strip_prefix(b"\"")?))
}

/// Without the optional whitespace (RFC 9110 5.6.3) at both ends.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::http::etag::*;
    use proptest::prelude::*;

    fn stamp(seconds: i64, nanoseconds: u32) -> HttpTime {
        HttpTime::new(seconds, nanoseconds).expect("a date of HTTP")
    }

    fn tag(text: &str) -> ETag {
        ETag::parse(text.as_bytes()).expect("a tag")
    }

    fn lines(values: &[&[u8]]) -> Vec<Vec<u8>> {
        values.iter().map(|value| value.to_vec()).collect()
    }

    #[test]
    fn a_tag_is_made_of_size_and_time() {
        for (size, seconds, nanoseconds, written) in [
            (0, 2, 0, "\"0-2.0\""),
            (4_096, 784_111_777, 999_999_999, "\"1000-2ebc98a1.3b9ac9ff\""),
            (u64::MAX, 253_402_300_799, 1, "\"ffffffffffffffff-3afff4417f.1\""),
        ] {
            assert_eq!(
                ETag::of(size, stamp(seconds, nanoseconds)).to_string(),
                written,
                "{size} {seconds} {nanoseconds}"
            );
        }
    }

    #[test]
    fn a_variant_has_a_weak_tag_of_its_own() {
        let file = tag("\"5-2.0\"");
        for (suffix, written) in
            [("br", "W/\"5-2.0-br\""), ("gz", "W/\"5-2.0-gz\""), ("", "W/\"5-2.0-\""), ("\"\r\né", "W/\"5-2.0-\"")]
        {
            let variant = file.weakened(suffix);
            assert_eq!(variant.to_string(), written);
            assert!(!variant.matches_weak(&file) && !variant.matches_strong(&variant), "{suffix}");
        }
    }

    #[test]
    fn one_tag_is_read_or_refused() {
        for (value, written) in [
            (&b"\"xyzzy\""[..], Some("\"xyzzy\"")),
            (b"W/\"xyzzy\"", Some("W/\"xyzzy\"")),
            (b"\"\"", Some("\"\"")),
            (b" \t\"a\" ", Some("\"a\"")),
            (b"\"a,b\\\"", Some("\"a,b\\\"")),
            (b"\"!#~\xc3\xa9\"", Some("\"!#~é\"")),
            (b"\"\xff\"", None),
            (b"", None),
            (b"*", None),
            (b"W/", None),
            (b"w/\"a\"", None),
            (b"W/ \"a\"", None),
            (b"a", None),
            (b"\"a", None),
            (b"\"a b\"", None),
            (b"\"a\x7f\"", None),
            (b"\"a\"b", None),
            (b"\"a\", \"b\"", None),
            (b"Sun, 06 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(ETag::parse(value).map(|tag| tag.to_string()).as_deref(), written, "{}", value.escape_ascii());
        }
    }

    /// The table of RFC 9110 8.8.3.2.
    #[test]
    fn strong_and_weak_comparison() {
        for (one, other, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
            ("\"a\"", "\"A\"", false, false),
        ] {
            for (one, other) in [(tag(one), tag(other)), (tag(other), tag(one))] {
                assert_eq!((one.matches_strong(&other), one.matches_weak(&other)), (strong, weak), "{one} {other}");
            }
        }
    }

    /// What is read, written down again; `*` for any.
    #[track_caller]
    fn check(values: &[&[u8]], expected: Option<&[&str]>) {
        let read = Tags::parse(&lines(values)).map(|tags| match tags {
            Tags::Any => vec!["*".to_owned()],
            Tags::List(tags) => tags.iter().map(ETag::to_string).collect(),
        });
        let expected = expected.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
        assert_eq!(read, expected, "{:?}", values.iter().map(|value| value.escape_ascii().to_string()));
    }

    #[test]
    fn lines_are_one_list() {
        check(&[], None);
        check(&[b"*"], Some(&["*"]));
        check(&[b"\t* "], Some(&["*"]));
        check(&[b"\"xyzzy\""], Some(&["\"xyzzy\""]));
        check(&[b"\"xyzzy\", \"r2d2xxxx\", W/\"c3\""], Some(&["\"xyzzy\"", "\"r2d2xxxx\"", "W/\"c3\""]));
        check(&[b"\"a\",\"b\"", b"\"c\""], Some(&["\"a\"", "\"b\"", "\"c\""]));
        check(&[b" , \"a\" ,\t, \"b\",", b"", b","], Some(&["\"a\"", "\"b\""]));
        check(&[b"\"a,b\"  ,W/\"*\""], Some(&["\"a,b\"", "W/\"*\""]));
        check(&[b"\"\xff\", \"a\""], Some(&["\"a\""]));
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        for values in [
            &[&b""[..]][..],
            &[b","],
            &[b"*", b"*"],
            &[b"*, \"a\""],
            &[b"*,"],
            &[b"\"a\"", b"*"],
            &[b"\"a\" \"b\""],
            &[b"\"a\"\"b\""],
            &[b"\"a\", b"],
            &[b"\"a\";q=1"],
            &[b"\"a\"", b"\"b"],
            &[b"\"a", b"b\""],
        ] {
            check(values, Some(&[]));
        }
    }

    #[test]
    fn lists_are_bounded() {
        let read = |value: &str| match Tags::parse(&lines(&[value.as_bytes()])) {
            Some(Tags::List(tags)) => tags.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&"\"a\",".repeat(MOST_TAGS)), MOST_TAGS);
        assert_eq!(read(&"\"a\",".repeat(MOST_TAGS + 1)), 0);
        assert_eq!(read(&format!("\"{}\"", "a".repeat(MOST_BYTES - 2))), 1);
        assert_eq!(read(&format!("\"{}\"", "a".repeat(MOST_BYTES - 1))), 0);
        let half = format!("\"{}\"", "a".repeat(MOST_BYTES / 2)).into_bytes();
        assert_eq!(Tags::parse(&[half.clone(), half]), Some(Tags::List(Vec::new())));
    }

    #[test]
    fn a_list_matches_the_tag_and_any_matches_without() {
        for (value, current, strong, weak) in [
            ("*", None, true, true),
            ("*", Some("W/\"a\""), true, true),
            ("\"a\"", None, false, false),
            ("\"b\", \"a\"", Some("\"a\""), true, true),
            ("\"b\", W/\"a\"", Some("\"a\""), false, true),
            ("\"a\"", Some("W/\"a\""), false, true),
            ("W/\"a\", \"a\"", Some("\"a\""), true, true),
            ("\"b\"", Some("\"a\""), false, false),
            ("\"\"", Some("\"a\""), false, false),
            ("a", Some("\"a\""), false, false),
        ] {
            let tags = Tags::parse(&lines(&[value.as_bytes()])).expect("a field");
            let current = current.map(tag);
            let matched = (tags.matches_strong(current.as_ref()), tags.matches_weak(current.as_ref()));
            assert_eq!(matched, (strong, weak), "{value} {current:?}");
        }
    }

    proptest! {
        #[test]
        fn different_facts_have_different_tags(
            one in (0..300_u64, 2..300_i64, 0..300_u32), other in (0..300_u64, 2..300_i64, 0..300_u32)
        ) {
            let made = |(size, seconds, nanoseconds)| ETag::of(size, stamp(seconds, nanoseconds));
            prop_assert_eq!(made(one).matches_weak(&made(other)), one == other);
            prop_assert!(made(one).matches_strong(&made(one)));
            prop_assert_eq!(ETag::parse(made(one).to_string().as_bytes()), Some(made(one)));
            let (brotli, gzip) = (made(one).weakened("br"), made(one).weakened("gz"));
            prop_assert!(!brotli.matches_weak(&gzip) && !brotli.matches_weak(&made(other)));
        }

        #[test]
        fn what_is_written_is_read_again(opaque in prop::collection::vec("[!#-~é]{0,6}", 1..8), weak: bool) {
            let tags: Vec<ETag> = opaque.into_iter().map(|opaque| ETag { weak, opaque }).collect();
            let written = tags.iter().map(ETag::to_string).collect::<Vec<_>>().join(" , ");
            prop_assert_eq!(Tags::parse(&[written.into_bytes()]), Some(Tags::List(tags)));
        }

        #[test]
        fn no_bytes_do_harm(values in prop::collection::vec(prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"\"\"\",W/ \t*a".to_vec())], 0..24), 0..4)) {
            let tags = Tags::parse(&values);
            prop_assert_eq!(tags.is_none(), values.is_empty());
            for read in values.iter().filter_map(|value| ETag::parse(value)) {
                prop_assert_eq!(ETag::parse(read.to_string().as_bytes()), Some(read));
            }
        }
    }
}
