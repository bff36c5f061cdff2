//! Entity tags (RFC 9110 8.8.3): created, written, read and compared.

use crate::http::date::HttpTime;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

/// Limits of a list of tags. No cache keeps more versions of a file.
const MAX_TAGS: usize = 1_000;
const MAX_BYTES: usize = 16 * 1024;

/// An entity tag. `==` compares all of it; HTTP compares with [`ETag::matches_strong`] and [`ETag::matches_weak`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag {
    weak: bool,
    opaque: String,
}

impl ETag {
    /// The strong tag of a file of `size` bytes with this modification time. Two versions with the same length share it
    /// if the time is a [placeholder](HttpTime::is_placeholder).
    pub fn of(size: u64, modified: HttpTime) -> ETag {
        let (seconds, nanoseconds) = (modified.seconds(), modified.nanoseconds());
        // The separators are not digits, so different values never give the same tag.
        ETag { weak: false, opaque: format!("{size:x}-{seconds:x}.{nanoseconds:x}") }
    }

    /// The strong tag of a file with a known digest. Every copy of the file has the same tag.
    pub fn of_digest(digest: u128) -> ETag {
        ETag { weak: false, opaque: format!("{digest:032x}") }
    }

    /// The strong tag of an archive of `length` bytes, by a hash of the metadata of its files.
    pub fn of_archive(length: u64, hash: u64) -> ETag {
        ETag { weak: false, opaque: format!("{length:x}-{hash:016x}") }
    }

    /// The tag of generated content that is sent in a coding of this name. It is weak, because it identifies the
    /// content before encoding. Another version of this program may give another tag.
    pub fn of_content(bytes: &[u8], coding: &str) -> ETag {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        let tag = ETag { weak: true, opaque: format!("{:016x}", hasher.finish()) };
        if coding.is_empty() { tag } else { tag.weakened(coding) }
    }

    /// The tag of a variant that is a separate file, distinguished by `suffix` (RFC 9110 8.8.3.3). It is as strong as
    /// this one. Of the suffix, only letters, digits, `.`, `_` and `-` are kept.
    pub fn variant(&self, suffix: &str) -> ETag {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let opaque = self.opaque.chars().chain(['-']).chain(suffix.chars().filter(plain)).collect();
        ETag { weak: self.weak, opaque }
    }

    /// The tag of a variant that is encoded while it is sent. It is weak, because encoders may write different bytes.
    pub fn weakened(&self, suffix: &str) -> ETag {
        ETag { weak: true, ..self.variant(suffix) }
    }

    /// Reads a value that is exactly one tag, as in If-Range (RFC 9110 13.1.5). `None` for a date, and for a tag that
    /// is not UTF-8, which this server never sends.
    pub fn parse(value: &[u8]) -> Option<ETag> {
        match scan(trim(value))? {
            (weak, opaque, []) => ETag::new(weak, opaque),
            _ => None,
        }
    }

    /// Strong comparison (RFC 9110 8.8.3.2). A weak tag matches no tag, not even itself.
    pub fn matches_strong(&self, other: &ETag) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (RFC 9110 8.8.3.2).
    pub fn matches_weak(&self, other: &ETag) -> bool {
        self.opaque == other.opaque
    }

    fn new(weak: bool, opaque: &[u8]) -> Option<ETag> {
        str::from_utf8(opaque).ok().map(|opaque| ETag { weak, opaque: opaque.to_owned() })
    }
}

/// The value of the field ETag: `"..."` or `W/"..."`.
impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

/// The value of If-Match or If-None-Match (RFC 9110 13.1.1 and 13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any current representation.
    Any,
    /// A list, without tags that are not UTF-8, which this server never sends.
    List(Vec<ETag>),
}

impl Tags {
    /// Reads all lines of the field, which form one list (RFC 9110 5.3). `None` only if the field is missing.
    ///
    /// An invalid field, or one beyond the limits, is an empty list, and matches nothing. So If-Match fails and
    /// If-None-Match passes, and both still take precedence over dates (RFC 9110 13.1.3 and 13.1.4). The client then
    /// gets the file, and never a 304 for a representation that it may not have.
    pub fn parse(values: &[Vec<u8>]) -> Option<Tags> {
        match values {
            [] => None,
            [value] if trim(value) == b"*" => Some(Tags::Any),
            values => Some(Tags::List(list(values).unwrap_or_default())),
        }
    }

    /// Whether If-Match holds for an existing representation, whose tag is `current` if it has one.
    pub fn matches_strong(&self, current: Option<&ETag>) -> bool {
        self.matches(current, ETag::matches_strong)
    }

    /// Whether If-None-Match names an existing representation, whose tag is `current` if it has one.
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

/// The tags of a list. Empty elements are skipped (RFC 9110 5.6.1.2). A tag may contain commas, so the text is not
/// split.
fn list(values: &[Vec<u8>]) -> Option<Vec<ETag>> {
    if values.iter().map(Vec::len).fold(0, usize::saturating_add) > MAX_BYTES {
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
            if !is_separate || tags.len() > MAX_TAGS {
                return None;
            }
        }
    }
    Some(tags.into_iter().flatten().collect())
}

/// Reads the tag at the start of `text`: whether it is weak, its opaque part, and the rest of the text.
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

/// The text without optional whitespace (RFC 9110 5.6.3) at both ends.
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

    fn time(seconds: i64, nanoseconds: u32) -> HttpTime {
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
                ETag::of(size, time(seconds, nanoseconds)).to_string(),
                written,
                "{size} {seconds} {nanoseconds}"
            );
        }
    }

    #[test]
    fn a_variant_has_its_own_weak_tag() {
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

    /// Compares the tags that are read; `*` stands for any.
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
    fn an_invalid_field_names_nothing() {
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
        assert_eq!(read(&"\"a\",".repeat(MAX_TAGS)), MAX_TAGS);
        assert_eq!(read(&"\"a\",".repeat(MAX_TAGS + 1)), 0);
        assert_eq!(read(&format!("\"{}\"", "a".repeat(MAX_BYTES - 2))), 1);
        assert_eq!(read(&format!("\"{}\"", "a".repeat(MAX_BYTES - 1))), 0);
        let half = format!("\"{}\"", "a".repeat(MAX_BYTES / 2)).into_bytes();
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
            let tag = |(size, seconds, nanoseconds)| ETag::of(size, time(seconds, nanoseconds));
            prop_assert_eq!(tag(one).matches_weak(&tag(other)), one == other);
            prop_assert!(tag(one).matches_strong(&tag(one)));
            prop_assert_eq!(ETag::parse(tag(one).to_string().as_bytes()), Some(tag(one)));
            let (brotli, gzip) = (tag(one).weakened("br"), tag(one).weakened("gz"));
            prop_assert!(!brotli.matches_weak(&gzip) && !brotli.matches_weak(&tag(other)));
        }

        #[test]
        fn written_tags_are_read_again(opaque in prop::collection::vec("[!#-~é]{0,6}", 1..8), weak: bool) {
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
