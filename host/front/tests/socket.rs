//! The seeds of the fuzz target `socket`, as they are and in pieces.

mod checks;

use checks::{PAUSE, socket};
use std::fs;
use std::path::Path;

fn seeds() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/socket");
    let entries = fs::read_dir(directory).expect("there are seeds");
    entries.map(|entry| fs::read(entry.expect("a directory can be read").path()).expect("a seed is a file")).collect()
}

#[test]
fn what_is_sent_at_once_is_answered_in_order() {
    assert!(seeds().len() > 8);
    for seed in seeds() {
        socket(&seed);
    }
}

#[test]
fn pieces_make_no_difference() {
    for seed in seeds() {
        for at in 0..seed.len() {
            let (first, second) = seed.split_at(at);
            socket(&[first, &[PAUSE], second].concat());
        }
        let bytes: Vec<u8> = seed.iter().flat_map(|byte| [*byte, PAUSE]).collect();
        socket(&bytes);
    }
}

#[test]
fn a_connection_may_end_anywhere() {
    for seed in seeds() {
        for end in 0..seed.len() {
            socket(&seed[..end]);
        }
    }
}
