//! Precompressed siblings: how often one is read, and the log line for one that does not fit. Rows test the selection.

use crate::ops::admin::{figures, serve, wait_until_stored};
use crate::support::client::{HttpResponse, ask};
use crate::support::fixture::{MODIFIED, put};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

fn put_encoded(path: &Path, content: &[u8], seconds: i64) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes all");
    put(path, &encoder.finish().expect("memory takes all"), (seconds, 0));
}

fn csv(address: SocketAddr) -> HttpResponse {
    ask(address, "GET", "/t.csv", &[("Accept-Encoding", "gzip")]).expect("an answer")
}

/// Answers that came from reading a file that has just changed are not given again; those that came from what is known
/// of it are.
#[test]
fn each_version_is_read_once() {
    let (place, server, admin) = serve(&["--threads", "1"]);
    let (original, sibling) = (place.path().join("t.csv"), place.path().join("t.csv.gz"));
    put(&original, b"1,2,3,4\n\n", MODIFIED);
    put_encoded(&sibling, b"1,2,3,4\n\n", MODIFIED.0 + 1);
    for _ in 0..4 {
        assert_eq!(csv(server.address()).head.one("content-encoding"), Some("gzip"));
        wait_until_stored(admin);
    }
    figures(admin, |of| of("replay_hits_total") >= 2.0);

    // Of another export, and newer.
    put_encoded(&sibling, b"5,6,7\n", MODIFIED.0 + 9);
    for _ in 0..4 {
        let answer = csv(server.address());
        assert_eq!((answer.head.one("content-encoding"), answer.body.as_slice()), (None, &b"1,2,3,4\n\n"[..]));
        wait_until_stored(admin);
    }
    figures(admin, |of| of("replay_hits_total") >= 4.0);

    // The original follows.
    put(&original, b"5,6,7\n", (MODIFIED.0 + 9, 0));
    assert_eq!(csv(server.address()).head.one("content-encoding"), Some("gzip"));
    let text = server.stop(Signal::TERM).stderr;
    let reported: Vec<&str> = text.lines().filter(|line| line.contains("t.csv.gz")).collect();
    let expected = "\"t.csv.gz\" is not sent: its trailer declares 6 bytes, but the file next to it has 9";
    assert!(matches!(reported.as_slice(), [line] if line.ends_with(expected)), "{text}");
}
