//! Long bodies: complete at any length and any speed of the client, in bounded memory, and never with a wrong byte
//! while the file changes.

use crate::support::client::{BodyFraming, HttpConnection, ResponseHead, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::proc::memory;
use crate::support::server::{Setup, Stack, TestServer};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

crate::support::on_every_stack!(whole, slow, truncated, truncated_while_encoded, grown, replaced, deleted);

/// Longer than what 32 bits can count.
const HUGE: u64 = 3 << 30;

/// Where the huge file is not zero.
const MARKERS: [(u64, &[u8]); 4] = [
    (0, b"the first bytes"),
    ((2 << 30) - 4, b"across the end of 31 bits"),
    ((3 << 29) + 1, b"at an odd place"),
    (HUGE - 4096, b"before the end"),
];

fn whole(stack: Stack) {
    let place = fixture::place();
    let file = File::create(place.path().join("huge")).expect("a file can be made");
    file.set_len(HUGE).expect("the file system has sparse files");
    for (offset, marker) in MARKERS {
        file.write_all_at(marker, offset).expect("a marker can be written");
    }
    let server = TestServer::start(stack, place.path());
    let mut connection = HttpConnection::open(server.address());
    let head = ask(&mut connection, "/huge");
    assert_eq!(head.one("content-length"), Some("3221225472"));
    let mut offset = 0;
    let got = connection.body(BodyFraming::Length(HUGE), |bytes| {
        assert!(is_huge(offset, bytes), "a wrong byte from {offset} to {}", offset + bytes.len() as u64);
        offset += bytes.len() as u64;
    });
    assert_eq!(got.map_err(|error| error.to_string()), Ok(HUGE));
    let bound = if stack.is_ours() { 160 << 10 } else { 400 << 10 };
    if let Some(peak) = peak_memory(&server) {
        assert!(peak < bound, "the server took {peak} KiB, which is more than {bound}");
    }
}

/// Whether these are the bytes of the huge file at `offset`.
fn is_huge(offset: u64, bytes: &[u8]) -> bool {
    const ZEROS: &[u8] = &[0; 1 << 20];
    let end = offset + bytes.len() as u64;
    let inside = |(at, marker): &(u64, &[u8])| *at < end && at + marker.len() as u64 > offset;
    if !MARKERS.iter().any(inside) {
        return bytes == &ZEROS[..bytes.len()];
    }
    let expected = |at: u64| {
        let found =
            MARKERS.iter().find_map(|(start, marker)| marker.get(usize::try_from(at.checked_sub(*start)?).ok()?));
        found.copied().unwrap_or(0)
    };
    (offset..end).map(expected).eq(bytes.iter().copied())
}

/// The peak memory of the server in KiB, as Linux reports it.
fn peak_memory(server: &TestServer) -> Option<u64> {
    memory(server, "VmHWM:")
}

/// Longer than what the sockets between server and client can hold, so that a part of it is still to be read from the
/// disk when the client has seen the first bytes.
const LONG: u64 = 64 << 20;

/// What the client has read when something happens to the file.
const FIRST: u64 = 64 << 10;

/// A body under way.
struct Download {
    server: TestServer,
    connection: HttpConnection,
    got: u64,
}

impl Download {
    /// Asks for the long file, and reads its first bytes and no more.
    #[track_caller]
    fn begin(stack: Stack, root: &Path) -> Download {
        let file = File::create(root.join("long")).expect("a file can be made");
        write_pattern(&file, 0..LONG);
        put(&root.join("after.txt"), b"after", MODIFIED);
        let server = TestServer::start(stack, root);
        let mut connection = HttpConnection::open(server.address());
        let head = ask(&mut connection, "/long");
        assert_eq!(head.one("content-length"), Some(LONG.to_string().as_str()));
        let mut download = Download { server, connection, got: 0 };
        download.read(FIRST).expect("the first bytes arrive");
        download
    }

    /// Reads more of the body, all of which must be the bytes that the file began with.
    fn read(&mut self, length: u64) -> io::Result<u64> {
        let got = &mut self.got;
        self.connection.body(BodyFraming::Length(length), |bytes| {
            assert!(is_pattern(*got, bytes), "a wrong byte from {got} to {}", *got + bytes.len() as u64);
            *got += bytes.len() as u64;
        })
    }

    /// Reads to the end that was announced, and then asks for something else on the same connection: a byte too many
    /// would be taken for the next answer.
    #[track_caller]
    fn end(mut self) {
        let rest = self.read(LONG - FIRST);
        assert_eq!((rest.map_err(|error| error.to_string()), self.got), (Ok(LONG - FIRST), LONG));
        self.connection.send(&request("GET", "/after.txt", &[])).expect("the connection is kept");
        let answer = self.connection.answer("GET").expect("the connection is kept");
        assert_eq!(answer.text(), "after");
    }
}

/// Longer than any host keeps an idle instance.
const IDLE: Duration = Duration::from_millis(2500);

/// A client that pauses for longer than any host keeps an idle instance gets the rest all the same.
fn slow(stack: Stack) {
    let place = fixture::place();
    let download = Download::begin(stack, place.path());
    clock::wait_until(Instant::now() + IDLE);
    download.end();
}

fn truncated(stack: Stack) {
    let place = fixture::place();
    let mut download = Download::begin(stack, place.path());
    open(place.path()).set_len(1 << 20).expect("the file can be cut");
    let rest = download.read(LONG - FIRST);
    assert!(rest.is_err() && download.got < LONG, "{} bytes of a file that was cut", download.got);
    let kind = rest.map_err(|error| error.kind());
    assert!(matches!(kind, Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)), "{kind:?}");
    assert_eq!(get(download.server.address(), "/after.txt").text(), "after");
    assert_eq!(get(download.server.address(), "/long").body.len(), 1 << 20);
}

/// Without an announced length, the client notices the missing end.
fn truncated_while_encoded(stack: Stack) {
    const LENGTH: u64 = 8 << 20;
    let place = fixture::place();
    let path = place.path().join("long.txt");
    write_pattern(&File::create(&path).expect("a file can be made"), 0..LENGTH);
    let options = &[("GLASSHOUSE_COMPRESS", "1")];
    let server =
        TestServer::launch(Setup { stack, directory: place.path(), options, arguments: &[], unprivileged: false });
    for cut in [false, true] {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request("GET", "/long.txt", &[("Accept-Encoding", "gzip")])).expect("the server reads");
        let head = connection.head().expect("an answer").expect("an answer");
        assert_eq!((head.one("content-encoding"), head.one("content-length")), (Some("gzip"), None));
        if cut {
            File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(1 << 20))
                .expect("the file can be cut");
        }
        let mut got = 0;
        let read = connection.body(BodyFraming::Chunked, |bytes| got += bytes.len());
        let broken = matches!(
            read.as_ref().map_err(io::Error::kind),
            Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
        );
        assert_eq!(broken, cut, "{got} bytes, and then {read:?}");
    }
}

fn grown(stack: Stack) {
    let place = fixture::place();
    let download = Download::begin(stack, place.path());
    open(place.path()).write_all_at(&[0xff; 1 << 20], LONG).expect("the file can grow");
    download.end();
}

/// What was opened is what is sent, whatever gets its name.
fn replaced(stack: Stack) {
    let place = fixture::place();
    let download = Download::begin(stack, place.path());
    put(&place.path().join("new"), b"new", MODIFIED);
    std::fs::rename(place.path().join("new"), place.path().join("long")).expect("a file can be replaced");
    assert_eq!(get(download.server.address(), "/long").text(), "new");
    download.end();
}

/// A file that goes between its listing and its opening, and one that goes while it is sent.
fn deleted(stack: Stack) {
    let place = fixture::place();
    let download = Download::begin(stack, place.path());
    assert!(get(download.server.address(), "/").text().contains("long"));
    std::fs::remove_file(place.path().join("long")).expect("a file can be removed");
    assert_eq!(get(download.server.address(), "/long").head.status, 404);
    download.end();
}

#[track_caller]
fn ask(connection: &mut HttpConnection, target: &str) -> ResponseHead {
    connection.send(&request("GET", target, &[])).expect("the server reads");
    let head = connection.head().expect("an answer").expect("an answer");
    assert_eq!(head.status, 200, "{target}");
    head
}

#[track_caller]
fn open(root: &Path) -> File {
    File::options().write(true).open(root.join("long")).expect("the file is there")
}

/// Bytes that reveal their offset: each word is a scrambled count of the words before it.
fn word(index: u64) -> [u8; 8] {
    (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

fn pattern(range: Range<u64>) -> Vec<u8> {
    let length = usize::try_from(range.end - range.start).expect("a pattern fits into memory");
    let words = (range.start / 8..range.end.div_ceil(8)).flat_map(word);
    words.skip(usize::from((range.start % 8).to_le_bytes()[0])).take(length).collect()
}

pub fn write_pattern(file: &File, range: Range<u64>) {
    let mut file = BufWriter::with_capacity(1 << 20, file);
    for start in range.step_by(1 << 20) {
        file.write_all(&pattern(start..start + (1 << 20))).expect("the file can be written");
    }
    file.flush().expect("the file can be written");
}

fn is_pattern(offset: u64, bytes: &[u8]) -> bool {
    pattern(offset..offset + bytes.len() as u64) == bytes
}
