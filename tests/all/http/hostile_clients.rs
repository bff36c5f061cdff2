//! Hostile and broken clients: each bad request costs that request and nothing more.

use crate::support::client::{HttpConnection, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::proc::{descriptors, descriptors_return};
use crate::support::random::Random;
use crate::support::server::{Setup, Stack, TestServer};
use std::fs;
use std::io;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A tree with one small and one long file, served.
pub fn serve() -> (TempDir, TestServer) {
    serve_with(&[])
}

/// The same, with further arguments.
pub fn serve_with(arguments: &[&str]) -> (TempDir, TestServer) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("sub/x"), b"x", MODIFIED);
    let long = fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(64 << 20).expect("a file can be long");
    let directory = place.path();
    let server =
        TestServer::launch(Setup { stack: Stack::Host, directory, options: &[], arguments, unprivileged: false });
    (place, server)
}

/// What is sent, and the status that may come back; 0 stands for a close without an answer.
type RawRequest = (&'static str, Vec<u8>, &'static [u16]);

const HELLO: &str = "GET /hello.txt HTTP/1.1\r\n";

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// A GET of the small file with this text in place of its fields.
fn with_fields(fields: &str) -> Vec<u8> {
    format!("{HELLO}{fields}\r\n").into_bytes()
}

/// Requests that must not be answered with a file.
fn refused() -> Vec<RawRequest> {
    let many = |count: usize| (0..count).map(|index| format!("X-{index}: y\r\n")).collect::<String>();
    let host = "Host: localhost\r\n";
    vec![
        ("no Host", with_fields(""), &[400]),
        ("two Hosts", with_fields("Host: a\r\nHost: b\r\n"), &[400]),
        ("the same Host twice", with_fields("Host: a\r\nHost: a\r\n"), &[400]),
        ("Host with a blank", with_fields("Host: a b\r\n"), &[400]),
        ("Host with a path", with_fields("Host: a/b\r\n"), &[400]),
        ("Host with a user", with_fields("Host: me@a\r\n"), &[400]),
        ("Host with a bad port", with_fields("Host: a:b\r\n"), &[400]),
        ("two Hosts in HTTP/1.0", raw("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), &[400]),
        ("PY-78 101 fields", with_fields(&format!("{host}{}", many(100))), &[431]),
        ("PY-78 20,000 fields", with_fields(&format!("{host}{}", many(20_000))), &[431]),
        ("PY-78 a line beyond 64 KiB", with_fields(&format!("{host}X: {}\r\n", "y".repeat(65_540))), &[431]),
        ("PY-78 a line of 1 MiB", with_fields(&format!("{host}X: {}\r\n", "y".repeat(1 << 20))), &[431]),
        ("PY-78 a name of 1 MiB", with_fields(&format!("{host}{}: y\r\n", "y".repeat(1 << 20))), &[400, 431]),
        ("PY-77 a target beyond 64 KiB", raw(&format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(65_540))), &[414]),
        ("PY-77 a target of 1 MiB", raw(&format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(1 << 20))), &[414, 431]),
        ("PY-79 version", raw("GET /hello.txt HTTP/1.1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("PY-79 another version", raw("GET /hello.txt HTTP/2.0\r\nHost: a\r\n\r\n"), &[400, 505]),
        ("PY-79 another protocol", raw("GET /hello.txt FOO/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("PY-79 four words", raw("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("PY-79 one word", raw("GET\r\n\r\n"), &[400]),
        ("PY-76 HTTP/0.9", raw("GET /hello.txt\r\n\r\n"), &[400]),
        ("no method", raw(" /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("a method that is not a token", raw("G(T /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("a control character in the target", raw("GET /\x07 HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("NUL in the target", raw("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("blank before the colon", with_fields("Host : a\r\n"), &[400]),
        ("a field without colon", with_fields("Host: a\r\nX\r\n"), &[400]),
        ("a folded field", with_fields("Host: a\r\nX: y\r\n z\r\n"), &[400]),
        ("a bare CR", with_fields("Host: a\r\nX: y\rz\r\n"), &[400]),
        ("NUL in a field", with_fields("Host: a\r\nX: y\0z\r\n"), &[400]),
        ("lengths that differ", with_fields("Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n"), &[400]),
        ("a signed length", with_fields("Host: a\r\nContent-Length: +5\r\n"), &[400]),
        ("a negative length", with_fields("Host: a\r\nContent-Length: -1\r\n"), &[400]),
        ("a length beyond 64 bits", with_fields("Host: a\r\nContent-Length: 99999999999999999999\r\n"), &[400]),
        ("a length with a blank", with_fields("Host: a\r\nContent-Length: 5 5\r\n"), &[400]),
        ("a list of lengths", with_fields("Host: a\r\nContent-Length: 5, 5\r\n"), &[400]),
        ("a list of lengths that differ", with_fields("Host: a\r\nContent-Length: 5, 6\r\n"), &[400]),
        ("a length and such a list", with_fields("Host: a\r\nContent-Length: 5\r\nContent-Length: 5, 5\r\n"), &[400]),
        ("a hexadecimal length", with_fields("Host: a\r\nContent-Length: 0x5\r\n"), &[400]),
        ("a length with an exponent", with_fields("Host: a\r\nContent-Length: 1e1\r\n"), &[400]),
        ("no length", with_fields("Host: a\r\nContent-Length:\r\n"), &[400]),
        ("a folded length", with_fields("Host: a\r\nContent-Length: 5\r\n 6\r\n"), &[400]),
        ("a length behind a blank", with_fields("Host: a\r\n Content-Length: 5\r\n"), &[400]),
        ("a length before a blank", with_fields("Host: a\r\nContent-Length : 5\r\n"), &[400]),
        ("a length with NUL in its name", with_fields("Host: a\r\nContent-Length\0: 5\r\n"), &[400]),
        ("a folded coding", with_fields("Host: a\r\nTransfer-Encoding:\r\n chunked\r\n"), &[400]),
        ("a coding before a blank", with_fields("Host: a\r\nTransfer-Encoding : chunked\r\n"), &[400]),
        ("a coding behind a vertical tab", with_fields("Host: a\r\nTransfer-Encoding:\x0bchunked\r\n"), &[400]),
        ("a coding like chunked", with_fields("Host: a\r\nTransfer-Encoding: xchunked\r\n"), &[400, 501]),
        ("a coding with a parameter", with_fields("Host: a\r\nTransfer-Encoding: chunked;q=1\r\n"), &[400, 501]),
        ("a coding in quotes", with_fields("Host: a\r\nTransfer-Encoding: \"chunked\"\r\n"), &[400, 501]),
        ("no coding", with_fields("Host: a\r\nTransfer-Encoding:\r\n"), &[400, 501]),
        ("a coding that does nothing", with_fields("Host: a\r\nTransfer-Encoding: identity\r\n"), &[400, 501]),
        (
            "chunked and then nothing",
            with_fields("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
            &[400, 501],
        ),
        ("chunks in HTTP/1.0", raw("GET /hello.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &[400]),
        ("authority form", raw("GET localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"), &[400]),
        ("a path that begins with no slash", raw("GET hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("absolute form without a host", raw("GET http:///hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("absolute form with another scheme", raw("GET ftp://a/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), &[400]),
        ("absolute form, no Host", raw("GET http://a/hello.txt HTTP/1.1\r\n\r\n"), &[400]),
        ("another coding", with_fields("Host: a\r\nTransfer-Encoding: gzip\r\n"), &[400, 501]),
        ("chunked is not last", with_fields("Host: a\r\nTransfer-Encoding: chunked, gzip\r\n"), &[400, 501]),
        ("nearly the preface of HTTP/2", raw("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"), &[400, 505]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("CONNECT", raw("CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n"), &[400, 404, 405]),
    ]
}

/// PY-76, PY-77, PY-78, PY-79
#[test]
fn bad_requests_are_refused_and_end_the_connection() {
    let (_place, mut server) = serve();
    let mut wrong = Vec::new();
    for (what, bytes, allowed) in refused() {
        let status = match answer_to(&server, &bytes) {
            Ok(status) => status,
            Err(error) => {
                wrong.push(format!("{what}: {error}"));
                continue;
            }
        };
        if !allowed.contains(&status) {
            wrong.push(format!("{what}: {status}, not {allowed:?}"));
        }
    }
    assert!(server.is_alive());
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The status of the only answer on a connection that the server must end.
fn answer_to(server: &TestServer, bytes: &[u8]) -> io::Result<u16> {
    let mut connection = HttpConnection::open(server.address());
    // A server may refuse while it is still being sent to.
    drop(connection.send(bytes));
    let answer = match connection.answer("GET") {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
        answer => answer?,
    };
    let rest = connection.rest()?;
    let head = &answer.head;
    match (rest.is_empty(), head.closes(), head.one("date").is_some()) {
        (true, true, true) => Ok(head.status),
        (true, false, _) => Err(io::Error::other(format!("{} does not say that the connection ends", head.status))),
        (true, true, false) => Err(io::Error::other(format!("{} has no date", head.status))),
        (false, ..) => Err(io::Error::other(format!("behind the answer: {:?}", String::from_utf8_lossy(&rest)))),
    }
}

/// Good requests at the edge of what is refused.
/// PY-77, PY-78
#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let (_place, server) = serve();
    let many: String = (0..99).map(|index| format!("X-{index}: y\r\n")).collect();
    let rows = [
        ("PY-78 100 fields", with_fields(&format!("Host: a\r\n{many}")), 200),
        ("PY-78 a line of 64 KiB", with_fields(&format!("Host: a\r\nX: {}\r\n", "y".repeat(65_536 - 5))), 200),
        ("PY-77 a long target", raw(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(65_000))), 404),
        ("absolute form out of the root", raw("GET http://a/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"), 404),
        ("an empty Host", with_fields("Host:\r\n"), 200),
        ("a Host with port", with_fields("Host: [::1]:8000\r\n"), 200),
        ("empty lines before the request", raw(&format!("\r\n\r\n{HELLO}Host: a\r\n\r\n")), 200),
        ("an upgrade without an offer", with_fields("Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"), 200),
        ("absolute form with another host", raw("GET http://b/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), 200),
        ("absolute form of a proxy for TLS", raw("GET https://a/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"), 200),
        (
            "fields that are like framing",
            with_fields("Host: a\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n"),
            200,
        ),
    ];
    for (what, bytes, status) in rows {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&bytes).expect("the server reads");
        let answer = connection.answer("GET").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.head.status, status, "{what}");
        assert_eq!(answer.text() == "hello\n", status == 200, "{what}");
    }
}

/// A request with content whose end is not beyond doubt is answered, and nothing behind its head is taken for another
/// request.
#[test]
fn content_is_never_run_as_a_request() {
    let (_place, server) = serve();
    let inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = inner.len();
    let chunk = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
    let longer = "x".repeat(65_536);
    let rows = [
        ("chunks", format!("Transfer-Encoding: chunked\r\n\r\n{chunk}")),
        ("chunks with trailers", format!("Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n{inner}")),
        ("chunks and a length", format!("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
        ("a length and chunks", format!("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunk}")),
        ("codings twice", format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
        ("a coding with a tab", format!("Transfer-Encoding:\tchunked\r\n\r\n{chunk}")),
        (
            "a chunk extension of 64 KiB",
            format!("Transfer-Encoding: chunked\r\n\r\n1;{longer}\r\nx\r\n0\r\n\r\n{inner}"),
        ),
        ("a chunk size that overflows", format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{inner}")),
        ("a chunk size with a sign", format!("Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n{inner}")),
        ("a chunk size in another notation", format!("Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n{inner}")),
        ("a chunk size below zero", format!("Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n{inner}")),
        ("no chunk size", format!("Transfer-Encoding: chunked\r\n\r\n\r\n1\r\nx\r\n0\r\n\r\n{inner}")),
        ("chunk lines without CR", format!("Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n{inner}")),
        ("a chunk extension with LF", format!("Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n{inner}")),
        ("a chunk longer than its size", format!("Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n{inner}")),
        ("a chunk shorter than its size", format!("Transfer-Encoding: chunked\r\n\r\n2\r\nx\r\n0\r\n\r\n{inner}")),
        ("a folded trailer", format!("Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n z\r\n\r\n{inner}")),
        ("a coding before chunked", format!("Transfer-Encoding: identity, chunked\r\n\r\n{chunk}")),
        ("an empty coding before chunked", format!("Transfer-Encoding: ,chunked\r\n\r\n{chunk}")),
        ("a length behind zeros", format!("Content-Length: 000{length}\r\n\r\n{inner}")),
        ("a longer length", format!("Content-Length: 2000000\r\n\r\n{inner}")),
    ];
    for method in ["GET", "HEAD", "POST"] {
        for (what, rest) in &rows {
            let mut connection = HttpConnection::open(server.address());
            let head = format!("{method} /hello.txt HTTP/1.1\r\nHost: a\r\n{rest}");
            drop(connection.send(head.as_bytes()));
            let bytes = connection.rest().unwrap_or_else(|error| panic!("{method}, {what}: {error}"));
            let text = String::from_utf8_lossy(&bytes);
            assert!(text.starts_with("HTTP/1.1 "), "{method}, {what}: {text}");
            assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{method}, {what}: {text}");
            assert!(text.to_lowercase().contains("connection: close\r\n"), "{method}, {what}: {text}");
        }
    }
    assert!(!server.stderr().contains("/inner"), "{}", server.stderr());
}

#[test]
fn garbage_never_stops_the_server() {
    let (_place, mut server) = serve();
    let mut dice = Random(0x9e37_79b9_7f4a_7c15);
    let good = request("GET", "/hello.txt?a=b", &[("X-Field", "value"), ("Range", "bytes=0-1"), ("Expect", "x")]);
    for round in 0..400 {
        let bytes: Vec<u8> = if round % 2 == 0 {
            (0..dice.below(600)).map(|_| dice.byte()).collect()
        } else {
            let mut bytes = good.clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len());
                bytes[at] = dice.byte();
            }
            bytes
        };
        let mut connection = HttpConnection::open(server.address());
        drop(connection.send(&bytes));
        drop(connection.finish_sending());
        let answer =
            connection.rest().unwrap_or_else(|error| panic!("{error} after {:?}", bytes.escape_ascii().to_string()));
        assert!(!answer.starts_with(b"HTTP/1.1 5"), "{:?}", bytes.escape_ascii().to_string());
    }
    assert!(server.is_alive());
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
}

/// The descriptors of a server all of whose threads have begun.
fn descriptors_at_work(server: &TestServer) -> Option<usize> {
    for _ in 0..16 {
        assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    }
    descriptors(server)
}

#[test]
fn connections_and_files_are_given_back() {
    let (_place, server) = serve();
    let before = descriptors_at_work(&server);
    for round in 0..1000 {
        let target = ["/hello.txt", "/sub/", "/none", "/sub"][round % 4];
        get(server.address(), target);
    }
    descriptors_return(&server, before);
    for _ in 0..100 {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request("GET", "/long", &[])).expect("the server reads");
        connection.head().expect("an answer begins");
    }
    descriptors_return(&server, before);
}

/// Others are served while many clients hold a connection and say nothing, or half of something.
/// PY-15
#[test]
fn idle_clients_delay_no_other() {
    let (_place, server) = serve();
    let before = descriptors_at_work(&server);
    let begun: [&[u8]; 3] = [b"", b"GET /hello.txt HT", b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX"];
    let idle: Vec<HttpConnection> = (0..300)
        .map(|index| {
            let mut connection = HttpConnection::open(server.address());
            connection.send(begun[index % begun.len()]).expect("the server reads");
            connection
        })
        .collect();
    let stalled: Vec<HttpConnection> = (0..30)
        .map(|_| {
            let mut connection = HttpConnection::open(server.address());
            connection.send(&request("GET", "/long", &[])).expect("the server reads");
            connection.head().expect("an answer begins");
            connection
        })
        .collect();
    let start = Instant::now();
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
    drop((idle, stalled));
    descriptors_return(&server, before);
}
