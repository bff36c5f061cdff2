//! Content negotiation: the examples of RFC 9110, fields of browsers, and rows for each rule.

use crate::http::accept::*;
use Coding::{Brotli, Gzip, Zstd};
use proptest::prelude::*;

const ALL: &[Coding] = &Coding::ALL;

fn lines(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.as_bytes().to_vec()).collect()
}

#[track_caller]
fn check(values: &[&str], available: &[Coding], coding: Option<Coding>) {
    let choice = AcceptEncoding::parse(&lines(values)).choose(available);
    assert_eq!(choice, coding.map_or(Choice::Identity, Choice::Coded), "{values:?} {available:?}");
}

/// RFC 9110 12.5.3, all examples.
#[test]
fn codings_of_the_rfc() {
    check(&["compress, gzip"], ALL, Some(Gzip));
    check(&[""], ALL, None);
    check(&["*"], ALL, Some(Brotli));
    check(&["compress;q=0.5, gzip;q=1.0"], ALL, Some(Gzip));
    check(&["gzip;q=1.0, identity; q=0.5, *;q=0"], ALL, Some(Gzip));
    check(&["gzip;q=1.0, identity; q=0.5, *;q=0"], &[Brotli, Zstd], None);
}

#[test]
fn the_heaviest_available_coding_is_chosen() {
    for (value, available, coding) in [
        // Browsers and curl.
        ("gzip, deflate, br, zstd", ALL, Some(Brotli)),
        ("gzip, deflate, br, zstd", &[Gzip, Zstd], Some(Zstd)),
        ("deflate, gzip", ALL, Some(Gzip)),
        ("gzip, deflate, br, zstd", &[], None),
        ("br", &[Gzip], None),
        // Weights.
        ("br;q=0.5, gzip", ALL, Some(Gzip)),
        ("br;q=0.001, gzip;q=0.002", ALL, Some(Gzip)),
        ("br;q=0.5, gzip", &[Brotli], Some(Brotli)),
        ("gzip;q=0", ALL, None),
        ("gzip;q=0.001", ALL, Some(Gzip)),
        ("zstd;q=0.8, br;q=0.80, gzip;q=0.800", ALL, Some(Brotli)),
        // `*`.
        ("*;q=0.5", &[Zstd], Some(Zstd)),
        ("br;q=0, *", ALL, Some(Zstd)),
        ("gzip, *;q=0", &[Brotli, Zstd], None),
        ("gzip;q=0.2, *;q=0.5", &[Gzip], None),
        // Identity is last among equals, and always available.
        ("gzip, identity", ALL, Some(Gzip)),
        ("gzip;q=0.5, identity;q=0.8", ALL, None),
        ("identity", ALL, None),
        ("identity;q=0", ALL, None),
        ("identity;q=0, br", &[Gzip], None),
        ("*;q=0", ALL, None),
        ("identity;q=0, *", &[Gzip], Some(Gzip)),
        // Names and spaces.
        ("GZIP;Q=1", ALL, Some(Gzip)),
        ("x-gzip", ALL, Some(Gzip)),
        ("\tgzip ;\tq=0.5 ,, br ; q=0.4,", ALL, Some(Gzip)),
        ("gzip;q=0, x-gzip;q=1", ALL, None),
        // Invalid elements.
        ("br;q=2, gzip", ALL, Some(Gzip)),
        ("br;q=, gzip;q=0.1", ALL, Some(Gzip)),
        ("br;q, gzip;q=0.1", ALL, Some(Gzip)),
        ("br;q =0.5, zstd;q= 0.5, gzip;q=0.1;", ALL, Some(Gzip)),
        ("br q=1, gzip", ALL, Some(Gzip)),
        ("\"br\", gzip", ALL, Some(Gzip)),
        ("br;q=\"1\", gzip", ALL, Some(Gzip)),
    ] {
        check(&[value], available, coding);
    }
}

#[test]
fn lines_are_one_list_and_none_is_identity() {
    check(&[], ALL, None);
    check(&["gzip;q=0.5", "br;q=0.4"], ALL, Some(Gzip));
    check(&["", "gzip"], ALL, Some(Gzip));
    let choice = AcceptEncoding::parse(&[b"br\xff, gzip".to_vec()]).choose(ALL);
    assert_eq!(choice, Choice::Coded(Gzip));
}

#[test]
fn fields_are_bounded() {
    let after = |elements: usize| format!("{}gzip", "a,,".repeat(elements));
    check(&[&after(MAX_ELEMENTS - 1)], ALL, Some(Gzip));
    check(&[&after(MAX_ELEMENTS)], ALL, None);
    let long = |bytes: usize| format!("gzip{}", " ".repeat(bytes - "gzip".len()));
    check(&[&long(MAX_BYTES - 1)], ALL, Some(Gzip));
    check(&[&long(MAX_BYTES)], ALL, None);
}

#[test]
fn weights_are_thousandths() {
    for (text, weight) in [
        ("0", Some(0)),
        ("0.", Some(0)),
        ("0.000", Some(0)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.005", Some(5)),
        ("0.999", Some(999)),
        ("1", Some(1_000)),
        ("1.", Some(1_000)),
        ("1.000", Some(1_000)),
        ("1.001", None),
        ("0.0001", None),
        ("1.0000", None),
        ("", None),
        (".5", None),
        ("00", None),
        ("2", None),
        ("-1", None),
        ("+1", None),
        ("0.+5", None),
        ("0,5", None),
        ("0.5.", None),
        ("0.é", None),
    ] {
        assert_eq!(Weight::parse(text).map(|weight| weight.0), weight, "{text:?}");
    }
}

#[test]
fn the_most_specific_range_decides() {
    // Firefox and Chrome, for a page.
    let page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (values, kind, subtype, accepted) in [
        (&[][..], "text", "html", true),
        (&[page], "text", "html", true),
        (&["*/*"], "text", "html", true),
        (&["text/*"], "text", "html", true),
        (&["TEXT/HTML"], "text", "html", true),
        (&["image/avif,image/webp,image/*;q=0.8"], "text", "html", false),
        (&["application/json"], "text", "html", false),
        (&["application/json, */*;q=0.1"], "text", "html", true),
        (&["text/html;q=0, */*"], "text", "html", false),
        (&["text/*;q=0, */*"], "text", "html", false),
        (&["text/html, text/*;q=0, */*;q=0"], "text", "html", true),
        (&["*/*;q=0", "text/*"], "text", "html", true),
        (&["text/html;level=1;q=0, text/html;q=0.5"], "text", "html", true),
        (&["text/html;q=0;level=1"], "text", "html", false),
        (&["text/html;title=\"a,b;q=0\\\",;\";q=0.5"], "text", "html", true),
        (&["application/x;a=\"\\\", text/html, \""], "text", "html", false),
        (&["application/x;a=\\\"b\", text/html"], "text", "html", true),
        (&["text/html;q=0, text/*"], "text", "html", false),
        (&["text/html ; Q=0.000"], "text", "html", false),
        // RFC 9110 12.5.1.
        (&["audio/*; q=0.2, audio/basic"], "audio", "mpeg", true),
        (&["audio/*; q=0.2, audio/basic"], "text", "html", false),
        (&["text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c"], "text", "x-dvi", true),
        (&["text/plain; q=0.5, text/html, text/x-dvi; q=0.8, text/x-c"], "text", "css", false),
        // An empty field.
        (&[""], "text", "html", false),
        (&["text/html;q=x"], "text", "html", false),
        (&["*"], "text", "html", false),
        (&["*/html"], "text", "html", false),
        (&["text"], "text", "html", false),
        (&["text/html/"], "text", "html", false),
        (&["text /html"], "text", "html", false),
    ] {
        assert_eq!(accepts(&lines(values), (kind, subtype)), accepted, "{values:?} {kind}/{subtype}");
    }
}

fn coding() -> impl Strategy<Value = Coding> {
    prop::sample::select(ALL)
}

proptest! {
    #[test]
    fn no_bytes_do_harm_and_what_is_chosen_is_there(
        values in prop::collection::vec(prop_oneof![
            any::<Vec<u8>>(),
            "((br|gzip|x-gzip|zstd|identity|\\*|text/html|\"|\\\\)([;, ]|;q=[01]\\.?[0-9]{0,4}){0,3}){0,9}"
                .prop_map(String::into_bytes),
        ], 0..4),
        available in prop::collection::vec(coding(), 0..4),
    ) {
        accepts(&values, ("text", "html"));
        if let Choice::Coded(coding) = AcceptEncoding::parse(&values).choose(&available) {
            prop_assert!(available.contains(&coding));
            prop_assert!(!values.is_empty());
        }
    }

    /// No available and acceptable coding has a larger weight than the chosen one.
    #[test]
    fn no_better_choice_is_left(pairs in prop::collection::vec((coding(), 0..=1_000_u16), 0..4), others: bool) {
        let mut weights = vec![(None, 0)];
        for (coding, weight) in pairs {
            if !weights.iter().any(|(known, _)| *known == Some(coding)) {
                weights.push((Some(coding), weight));
            }
        }
        let elements = weights.iter().filter_map(|&(coding, weight)| {
            Some(format!("{};q={}.{:03}", coding?.token(), weight / 1_000, weight % 1_000))
        });
        let rest = others.then(|| "deflate, compress;q=0.5".to_owned());
        let value = elements.chain(rest).collect::<Vec<_>>().join(", ");
        let chosen = match AcceptEncoding::parse(&[value.into_bytes()]).choose(ALL) {
            Choice::Identity => None,
            Choice::Coded(coding) => Some(coding),
        };
        let most = weights.iter().map(|(_, weight)| *weight).max();
        prop_assert!(weights.iter().any(|&(coding, weight)| coding == chosen && Some(weight) == most));
        prop_assert_eq!(chosen.is_none(), most == Some(0));
    }
}
