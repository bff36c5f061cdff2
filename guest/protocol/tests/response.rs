//! What one side encodes, the other side parses.

mod checks;

use glasshouse_protocol::{PIECE, Piece};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn piece() -> impl Strategy<Value = Piece<'static>> {
    prop_oneof![
        any::<(u64, u64, u64)>().prop_map(|(number, one, other)| Piece::File {
            number,
            start: one.min(other),
            end: one.max(other)
        }),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Piece::Text(bytes.into())),
    ]
}

/// Values that often match the grammar.
const VALUE: &str = "(file:[0-9]{1,3}:[0-9]{1,3}-[0-9]{1,3}|text:.{0,9}|.{0,9})";

proptest! {
    #[test]
    fn a_piece_is_parsed_as_it_was_encoded(piece in piece()) {
        let value = piece.encode();
        prop_assert_eq!(Piece::parse(&value), Some(piece));
    }

    #[test]
    fn a_value_that_is_parsed_is_encoded_as_the_same_piece(value in VALUE) {
        if let Some(piece) = Piece::parse(value.as_bytes()) {
            let encoded = piece.encode();
            prop_assert_eq!(Piece::parse(&encoded), Some(piece));
        }
    }
}

#[test]
fn encoded_pieces_are_stable() {
    let multipart = Piece::Text(b"--x\r\nRange: 50%".into());
    assert_eq!(multipart.encode(), b"text:--x\r\nRange: 50%");
    assert_eq!(Piece::File { number: 7, start: 2, end: 4 }.encode(), b"file:7:2-4");
    assert_eq!(PIECE, PIECE.to_ascii_lowercase());
}

#[test]
fn a_value_outside_the_grammar_is_rejected() {
    for value in [
        "",
        "5",
        "gap:5",
        "File:1:0-1",
        "file:",
        "file:0-5",
        "file::0-5",
        "file:1:",
        "file:1:-5",
        "file:1:5-",
        "file:1:5-0",
        "file:1:0-5x",
        "file:1:+0-5",
        "file:+1:0-5",
        "file:1: 0-5",
        "file:1:0-18446744073709551616",
        "file:18446744073709551616:0-1",
        "file:1:\u{660}-5",
        "text",
        "Text:",
    ] {
        assert_eq!(Piece::parse(value.as_bytes()), None, "{value:?}");
    }
    assert_eq!(Piece::parse(b"file:1:0-\xff"), None);
    assert_eq!(Piece::parse(b"text:"), Some(Piece::Text([].as_slice().into())));
    assert_eq!(Piece::parse(b"text:\0\xff "), Some(Piece::Text(b"\0\xff ".into())));
    assert_eq!(Piece::parse(b"file:1:7-7"), Some(Piece::File { number: 1, start: 7, end: 7 }));
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
