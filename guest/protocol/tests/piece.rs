//! What one side encodes, the other side parses.

mod checks;

use glasshouse_protocol::{PIECE_HEADER, Piece};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn piece() -> impl Strategy<Value = Piece<'static>> {
    prop_oneof![
        any::<(u64, u64)>().prop_map(|(one, other)| Piece::File { start: one.min(other), end: one.max(other) }),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Piece::Text(bytes.into())),
    ]
}

/// Values that often match the grammar.
const VALUE: &str = "(file:[0-9]{1,3}-[0-9]{1,3}|text:(%[0-9a-f]{2}|[!-~]){0,9}|.{0,9})";

proptest! {
    #[test]
    fn a_piece_is_parsed_as_it_was_encoded(piece in piece()) {
        let value = piece.encode();
        // A space at either end of a header value is lost, and other bytes are not valid in one.
        prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
        prop_assert_eq!(Piece::parse(&value), Some(piece));
    }

    #[test]
    fn a_value_that_is_parsed_is_encoded_as_the_same_piece(value in VALUE) {
        if let Some(piece) = Piece::parse(&value) {
            prop_assert_eq!(Piece::parse(&piece.encode()), Some(piece));
        }
    }
}

#[test]
fn encoded_pieces_are_stable() {
    let multipart = Piece::Text(b"--x\r\nRange: 50%".into());
    assert_eq!(multipart.encode(), "text:--x%0D%0ARange:%2050%25");
    assert_eq!(Piece::File { start: 2, end: 4 }.encode(), "file:2-4");
    assert_eq!(PIECE_HEADER, PIECE_HEADER.to_ascii_lowercase(), "header names of HTTP/2 are in lower case");
}

#[test]
fn a_value_outside_the_grammar_is_rejected() {
    for value in [
        "",
        "5",
        "gap:5",
        "File:0-1",
        "file:",
        "file:-5",
        "file:5-",
        "file:5-0",
        "file:0-5x",
        "file:+0-5",
        "file: 0-5",
        "file:0-18446744073709551616",
        "text",
        "text:%",
        "text:%4",
        "text:%4g",
        "text:%+4",
        "text:a b",
        "text:\u{e9}",
        "text:\n",
    ] {
        assert_eq!(Piece::parse(value), None, "{value:?}");
    }
    assert_eq!(Piece::parse("text:"), Some(Piece::Text([].as_slice().into())));
    assert_eq!(Piece::parse("file:7-7"), Some(Piece::File { start: 7, end: 7 }));
}

/// The seeds of the fuzz target `piece`, cut off anywhere and with each byte changed.
#[test]
fn seeds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/piece");
    let entries = fs::read_dir(directory).expect("there are seeds");
    let seeds =
        entries.map(|entry| fs::read(entry.expect("a directory can be read").path()).expect("a seed is a file"));
    let seeds: Vec<_> = seeds.collect();
    assert!(seeds.len() > 4);
    for seed in seeds {
        for at in 0..=seed.len() {
            checks::piece(&seed[..at]);
            for byte in [0, b'%', b'-', b'0', 0xff] {
                let mut changed = seed.clone();
                changed.splice(at..seed.len().min(at + 1), [byte]);
                checks::piece(&changed);
            }
        }
    }
}
