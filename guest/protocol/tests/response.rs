//! What one side encodes, the other side parses.

mod checks;

use glasshouse_protocol::{CompleteResponse, Piece, RESPONSE};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

proptest! {
    #[test]
    fn a_response_is_parsed_as_it_was_encoded(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::response(&bytes);
    }

    /// Values that often match the grammar.
    #[test]
    fn a_form_that_is_parsed_is_encoded_as_the_same_response(
        form in "[0-9]{3}\n([a-c]{0,2}:?.{0,3}\n){0,3}\n?(file:[0-9]{1,3}:[0-9]{1,3}-[0-9]{1,3}\n|text:[0-3]\n.{0,3}){0,3}",
    ) {
        checks::response(form.as_bytes());
    }
}

#[test]
fn the_form_is_stable() {
    let fields = [("content-length".to_owned(), b"4".to_vec()), ("x".to_owned(), b"a: b\xff".to_vec())];
    let pieces = [Piece::Text(b"\n\xff"), Piece::File { number: 7, start: 2, end: 4 }];
    let form = CompleteResponse::encode(206, &fields, &pieces);
    assert_eq!(form.as_deref(), Some(&b"206\ncontent-length:4\nx:a: b\xff\n\ntext:2\n\n\xfffile:7:2-4\n"[..]));
    assert_eq!(RESPONSE, RESPONSE.to_ascii_lowercase());
    assert_eq!(CompleteResponse::encode(99, &[], &[]), None);
    assert_eq!(CompleteResponse::encode(1000, &[], &[]), None);
}

#[test]
fn a_form_outside_the_grammar_is_rejected() {
    for form in
        ["", "200", "200\n", "20\n\n", "+20\n\n", "0200\n\n", "099\n\n", "200\r\n\r\n", "200\na\n\n", "200\n:a\n\n"]
    {
        assert_eq!(CompleteResponse::parse(form.as_bytes()), None, "{form:?}");
    }
    for piece in [
        "5",
        "gap:5\n",
        "File:1:0-1\n",
        "file:\n",
        "file:0-5\n",
        "file::0-5\n",
        "file:1:\n",
        "file:1:-5\n",
        "file:1:5-\n",
        "file:1:5-0\n",
        "file:1:0-5x\n",
        "file:1:+0-5\n",
        "file:+1:0-5\n",
        "file:1: 0-5\n",
        "file:1:0-5",
        "file:1:0-18446744073709551616\n",
        "file:18446744073709551616:0-1\n",
        "file:1:\u{660}-5\n",
        "text\n",
        "text:\n",
        "text:2\na",
        "text:+1\na",
        "text:1",
        "text:18446744073709551616\n",
    ] {
        assert_eq!(CompleteResponse::parse(format!("200\n\n{piece}").as_bytes()), None, "{piece:?}");
    }
    let whole = CompleteResponse { status: 200, fields: vec![(b"a", b"")], pieces: vec![Piece::Text(b"")] };
    assert_eq!(CompleteResponse::parse(b"200\na:\n\ntext:0\n"), Some(whole));
}

/// The seeds of the fuzz target `response`, cut off anywhere and with each byte changed.
#[test]
fn seeds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/response");
    let entries = fs::read_dir(directory).expect("there are seeds");
    let seeds =
        entries.map(|entry| fs::read(entry.expect("a directory can be read").path()).expect("a seed is a file"));
    let seeds: Vec<_> = seeds.collect();
    assert!(seeds.len() > 4);
    for seed in seeds {
        for at in 0..=seed.len() {
            checks::response(&seed[..at]);
            for byte in [0, b'\n', b'-', b'0', 0xff] {
                let mut changed = seed.clone();
                changed.splice(at..seed.len().min(at + 1), [byte]);
                checks::response(&changed);
            }
        }
    }
}
