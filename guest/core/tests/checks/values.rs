//! Properties of the parsers of single values: target, Range, entity tags, Accept-Encoding and Accept, dates.

use super::{assert_own_origin, lines, resolve, without_end_of_file};
use glasshouse_core::body::multipart::Multipart;
use glasshouse_core::http::accept::{AcceptEncoding, Choice, Coding, accepts};
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::etag::{ETag, Tags};
use glasshouse_core::http::range::{Ranged, ranged};
use glasshouse_core::http::target::{Name, Target, encode_path};
use glasshouse_core::media_type::MediaType;
use glasshouse_core::{Refusal, Span};

/// A request target: its names are valid, and every notation of a path gives the same target.
pub fn target(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(without_end_of_file(bytes));
    let target = match Target::parse(&raw) {
        Ok(target) => target,
        Err(refusal) => {
            assert!(matches!(refusal, Refusal::BadRequest | Refusal::NotFound), "{raw:?}: {refusal:?}");
            return;
        }
    };
    for name in target.names() {
        let text = name.as_str();
        assert!(!matches!(text, "" | "." | "..") && !text.contains(['/', '\0']), "{raw:?}: {text:?}");
        assert_eq!(Name::new(text).as_ref(), Some(name), "{raw:?}");
    }
    let texts: Vec<&str> = target.names().iter().map(Name::as_str).collect();
    assert_eq!(target.path(), texts.join("/"), "{raw:?}");
    assert!(target.is_directory() || !texts.is_empty(), "{raw:?}: the root is a directory");
    assert!(target.title().starts_with(&format!("/{}", texts.join("/"))), "{raw:?}: {:?}", target.title());

    let path = raw.split(['?', '#']).next().unwrap_or_default();
    for (same, is_directory) in [
        (format!("/{path}"), target.is_directory()),
        (format!("{path}?a=/../b#/c"), target.is_directory()),
        (format!("{path}/"), true),
        (format!("{path}/."), true),
        (format!("{path}/%2E/x/.%2e"), true),
        (format!("/{}", encode_path(&target.path())), texts.is_empty()),
    ] {
        let read = Target::parse(&same).map(|same| (same.path(), same.is_directory()));
        assert_eq!(read, Ok((target.path(), is_directory)), "{raw:?} as {same:?}");
    }
    locations(&target);
    references(if path.is_empty() { "/" } else { path }, &target);
}

/// The location of a target leads to it.
fn locations(target: &Target) {
    let location = target.location();
    assert_own_origin(&location);
    let again = Target::parse(&location).expect("a location is a target");
    assert_eq!((again.path(), again.is_directory()), (target.path(), true), "{location:?}");
    assert_eq!(again.location(), location);
    let inside = target.below(target).expect("it begins with itself");
    assert!(inside.names().is_empty() && inside.location() == location, "{location:?}");
}

/// A reference from a path leads to the named path on this server, whatever the notation of the path.
fn references(raw: &str, target: &Target) {
    let other = || Name::new("a:b").into_iter().collect::<Vec<_>>();
    for (names, is_directory) in
        [(target.names().to_vec(), true), (other(), false), ([target.names(), &other()].concat(), false)]
    {
        let reference = target.reference(&names, is_directory);
        let location = resolve(raw, &reference);
        assert!(location.starts_with('/') && !location.starts_with("//"), "{raw:?}: {reference:?}");
        assert!(!reference.starts_with("//") && !reference.contains([':', '\\']), "{raw:?}: {reference:?}");
        let there = Target::parse(&location).map(|there| (there.names().to_vec(), there.is_directory()));
        assert_eq!(there, Ok((names, is_directory || location == "/")), "{raw:?}: {reference:?}");
        if target.is_canonical() {
            // A proxy removes a prefix, and the reference works below it.
            assert_eq!(resolve(&format!("/p{raw}"), &reference), format!("/p{location}"), "{raw:?}: {reference:?}");
        }
    }
}

/// `SIZE VALUE`, the size of a file and a Range field: the result has only requested and existing bytes, once.
pub fn range(bytes: &[u8]) {
    let text = without_end_of_file(bytes);
    let Some((size, value)) = text.iter().position(|byte| *byte == b' ').and_then(|at| text.split_at_checked(at))
    else {
        return;
    };
    let Some(size) = str::from_utf8(size).ok().and_then(|size| size.parse().ok()) else { return };
    let spans = match ranged(value, size) {
        Ranged::Whole | Ranged::NotSatisfiable => return,
        Ranged::Part(span) => vec![span],
        Ranged::Parts(spans) => {
            assert!(spans.len() > 1, "{spans:?}");
            spans
        }
    };
    assert_disjoint(&spans, size);
    let value = String::from_utf8_lossy(value);
    let ends = asked(&value, size);
    for span in &spans {
        let is_asked =
            ends.iter().any(|(start, _)| *start == span.start) && ends.iter().any(|(_, end)| *end == span.end);
        assert!(is_asked, "{span:?} of {value:?}");
    }
    let written: Vec<String> = spans.iter().map(|span| format!("{}-{}", span.start, span.end - 1)).collect();
    let again = ranged(format!("bytes={}", written.join(",")).as_bytes(), size);
    assert_eq!(again, ranged(value.as_bytes(), size), "{value:?}");
    assert_multipart(&Multipart::new(&spans, size, &MediaType::PLAIN, &value), size);
}

/// The spans of a valid range set in a file of `size` bytes.
fn asked(value: &str, size: u64) -> Vec<(u64, u64)> {
    let number = |digits: &str| digits.parse().unwrap_or(u64::MAX);
    let set = value.split_once('=').map_or("", |(_, set)| set);
    let ends = set.split(',').filter_map(|range| match range.trim_matches([' ', '\t']).split_once('-')? {
        ("", length) => Some((size.saturating_sub(number(length)), size)),
        (first, "") => Some((number(first), size)),
        (first, last) => Some((number(first), number(last).saturating_add(1).min(size))),
    });
    ends.collect()
}

/// No span is empty, leaves the file or touches another.
#[track_caller]
pub fn assert_disjoint(spans: &[Span], size: u64) {
    let mut sorted = spans.to_vec();
    sorted.sort_by_key(|span| span.start);
    assert!(sorted.iter().all(|span| span.start < span.end && span.end <= size), "{spans:?} of {size}");
    assert!(sorted.windows(2).all(|two| matches!(two, [one, next] if one.end < next.start)), "{spans:?}");
    let sum: u128 = sorted.iter().map(|span| u128::from(span.length())).sum();
    assert!(sum <= u128::from(size), "{spans:?} of {size}");
}

/// A message has its announced length, and each part has its Content-Range (RFC 9110 14.6).
#[track_caller]
pub fn assert_multipart(multipart: &Multipart, size: u64) {
    let media = multipart.content_type();
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
    let mut length = u64::try_from(multipart.end.len()).expect("a length");
    assert_eq!(multipart.end, format!("\r\n--{boundary}--\r\n").as_bytes());
    for part in &multipart.parts {
        let head = String::from_utf8_lossy(&part.head);
        let line = format!("\r\n--{boundary}\r\n");
        assert!(head.starts_with(&line) && head.ends_with("\r\n\r\n"), "{head:?}");
        let range = format!("\r\ncontent-range: bytes {}-{}/{size}\r\n", part.span.start, part.span.end - 1);
        assert!(head.contains(&range), "{head:?}");
        length = length.saturating_add(part.span.length()).saturating_add(u64::try_from(head.len()).expect("a length"));
    }
    assert_eq!(multipart.length(), length);
}

/// Lines of a field of entity tags: they are written as they were read, and compared as in the RFC.
pub fn etag(bytes: &[u8]) {
    let values = lines(bytes);
    for value in &values {
        let Some(tag) = ETag::parse(value) else { continue };
        let written = tag.to_string();
        assert_eq!(ETag::parse(written.as_bytes()).as_ref(), Some(&tag), "{written}");
        assert_eq!(tag.matches_strong(&tag), !written.starts_with("W/"), "{written}");
        assert!(tag.matches_weak(&tag), "{written}");
        let weak = tag.weakened("gz");
        assert!(!weak.matches_weak(&tag) && !weak.matches_strong(&weak), "{written} {weak}");
        assert_eq!(ETag::parse(weak.to_string().as_bytes()), Some(weak));
    }
    let tags = Tags::parse(&values);
    assert_eq!(tags.is_none(), values.is_empty());
    let Some(Tags::List(tags)) = tags else { return };
    let list = |tags: &[ETag]| vec![tags.iter().map(ETag::to_string).collect::<Vec<_>>().join(",").into_bytes()];
    assert_eq!(Tags::parse(&list(&tags)), Some(Tags::List(tags.clone())));
    for tag in &tags {
        let all = Tags::List(tags.clone());
        assert!(all.matches_weak(Some(tag)) && !all.matches_strong(None));
        assert!(!all.matches_strong(Some(tag)) || !tag.to_string().starts_with("W/"), "{tag}");
    }
}

/// Lines of Accept-Encoding or Accept: the choice is available and named, and neither case nor further elements matter.
pub fn accept(bytes: &[u8]) {
    let values = lines(bytes);
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let upper: Vec<Vec<u8>> = values.iter().map(|value| value.to_ascii_uppercase()).collect();
    let accept = AcceptEncoding::parse(&values);
    assert_eq!(AcceptEncoding::parse(&upper), accept, "{text:?}");
    let best = accept.choose(&Coding::ALL);
    for without in Coding::ALL {
        let rest: Vec<Coding> = Coding::ALL.into_iter().filter(|coding| *coding != without).collect();
        let choice = accept.choose(&rest);
        if best != Choice::Coded(without) {
            assert_eq!(choice, best, "{text:?} without {without:?}");
        }
        let alone = accept.choose(&[without]);
        assert!(alone == Choice::Identity || alone == Choice::Coded(without), "{text:?}");
        if alone != Choice::Identity {
            assert!(text.contains(without.token()) || text.contains('*'), "{text:?} {without:?}");
        }
    }
    let accepted = accepts(&values, ("text", "html"));
    assert_eq!(accepts(&upper, ("text", "html")), accepted, "{text:?}");
    assert!(!accepted || values.is_empty() || text.contains("text/html") || text.contains("/*"), "{text:?}");
    assert_eq!(accepts(&values, ("TEXT", "Html")), accepted, "{text:?}");
}

/// A date, or seconds since 1970: a written date is read as the same second.
pub fn date(bytes: &[u8]) {
    let text = String::from_utf8_lossy(without_end_of_file(bytes));
    let stamp = match text.parse() {
        Ok(seconds) => {
            let stamp = HttpTime::new(seconds, 999_999_999);
            assert_eq!(stamp.map(|stamp| i64::try_from(stamp.seconds())), stamp.map(|_| Ok(seconds)));
            assert_eq!(stamp.is_some(), (0..253_402_300_800).contains(&seconds), "{seconds}");
            stamp
        }
        Err(_) => HttpTime::parse(&text),
    };
    let Some(stamp) = stamp else { return };
    let written = stamp.to_string();
    assert!(written.len() == 29 && written.ends_with(" GMT"), "{text:?}: {written:?}");
    for same in [written.clone(), format!("\t{written} "), written.replace("GMT", "+0000")] {
        assert_eq!(HttpTime::parse(&same).map(HttpTime::seconds), Some(stamp.seconds()), "{text:?}: {same:?}");
    }
}
