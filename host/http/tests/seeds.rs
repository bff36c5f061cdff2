//! The seeds of the fuzz targets: those of `socket` as they are and in pieces, those of `htpasswd`, `http2` and
//! `proxy` cut off anywhere and with each byte changed.

mod checks;

use checks::{PAUSE, htpasswd, http2, proxy, socket};
use std::fs;
use std::path::Path;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = fs::read_dir(directory).expect("there are seeds");
    entries.map(|entry| fs::read(entry.expect("a directory can be read").path()).expect("a seed is a file")).collect()
}

#[test]
fn what_is_sent_at_once_is_answered_in_order() {
    assert!(seeds("socket").len() > 8);
    for seed in seeds("socket") {
        socket(&seed);
    }
}

#[test]
fn pieces_make_no_difference() {
    for seed in seeds("socket") {
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
    for seed in seeds("socket") {
        for end in 0..seed.len() {
            socket(&seed[..end]);
        }
    }
}

fn try_all(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() > 4, "{target}");
    for seed in seeds {
        for end in 0..=seed.len() {
            check(&seed[..end]);
        }
        for at in 0..seed.len() {
            for byte in [0, b' ', b':', 0x7f, 0xff] {
                let mut changed = seed.clone();
                changed[at] = byte;
                check(&changed);
            }
        }
    }
}

#[test]
fn headers_of_proxies() {
    try_all("proxy", proxy);
}

#[test]
fn files_of_users() {
    try_all("htpasswd", htpasswd);
}

#[test]
fn connections_of_http2() {
    try_all("http2", http2);
}
