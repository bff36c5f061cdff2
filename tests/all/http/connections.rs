//! How long a connection lives, and the versions of HTTP on it.

use crate::http::hostile_clients::{serve, serve_with};
use crate::support::client::{BodyFraming, HttpConnection, HttpResponse, ask, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Setup, Stack, TestServer};
use std::thread;
use std::time::{Duration, Instant};

#[track_caller]
fn next(connection: &mut HttpConnection, method: &str) -> HttpResponse {
    connection.answer(method).unwrap_or_else(|error| panic!("the next answer: {error}"))
}

/// PY-75
#[test]
fn a_connection_is_kept() {
    let (_place, server) = serve();
    let mut connection = HttpConnection::open(server.address());
    for (target, status) in [("/hello.txt", 200), ("/sub", 301), ("/sub/", 200), ("/hello.txt", 200)] {
        connection.send(&request("GET", target, &[])).expect("the connection is kept");
        let answer = next(&mut connection, "GET");
        assert_eq!((answer.head.version.as_str(), answer.head.status), ("HTTP/1.1", status));
        assert!(!answer.head.closes(), "{target}: {:?}", answer.head);
    }
    connection.send(&request("GET", "/hello.txt", &[("Connection", "close")])).expect("the connection is kept");
    assert!(next(&mut connection, "GET").head.closes());
    assert!(connection.is_closed());
}

/// PY-75
#[test]
fn requests_may_be_sent_ahead() {
    let (_place, server) = serve();
    let order = [("GET", "/hello.txt"), ("HEAD", "/hello.txt"), ("GET", "/sub"), ("OPTIONS", "/"), ("GET", "/sub/")];
    let all: Vec<_> = order.into_iter().cycle().take(50).collect();
    let mut connection = HttpConnection::open(server.address());
    let bytes: Vec<u8> = all.iter().flat_map(|(method, target)| request(method, target, &[])).collect();
    connection.send(&bytes).expect("the server reads");
    for (method, target) in all {
        let answer = next(&mut connection, method);
        let expected = match (method, target) {
            (_, "/sub") => 301,
            ("OPTIONS", _) => 204,
            _ => 200,
        };
        assert_eq!(answer.head.status, expected, "{method} {target}");
        assert_eq!(answer.text() == "hello\n", (method, target) == ("GET", "/hello.txt"), "{method} {target}");
    }
}

/// A request, and the status of its answer.
type KeptConnectionCase<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

/// A response with 404, 405 or 304 keeps the connection, because the start of the next request is not in doubt.
/// PY-71
#[test]
fn an_answer_that_is_no_success_keeps_the_connection() {
    let (_place, server) = serve();
    let tag = get(server.address(), "/hello.txt").head.one("etag").expect("a file has a tag").to_owned();
    let unchanged = [("If-None-Match", tag.as_str())];
    let rows: &[KeptConnectionCase] = &[
        ("GET", "/none", &[], 404),
        ("HEAD", "/none", &[], 404),
        ("DELETE", "/hello.txt", &[], 405),
        ("POST", "/hello.txt", &[("Content-Length", "0")], 405),
        ("BREW", "/hello.txt", &[], 405),
        ("GET", "/hello.txt", &[("If-Match", "\"other\"")], 412),
        ("GET", "/hello.txt", &[("Range", "bytes=100-")], 416),
        ("GET", "/hello.txt", &unchanged, 304),
        ("GET", "/sub", &[], 301),
    ];
    let mut connection = HttpConnection::open(server.address());
    for (method, target, fields, status) in rows {
        for (method, target, fields, status) in
            [(method, target, fields, status), (&"GET", &"/hello.txt", &&[][..], &200)]
        {
            connection.send(&request(method, target, fields)).expect("the connection is kept");
            let answer = next(&mut connection, method);
            assert_eq!((answer.head.status, answer.head.closes()), (*status, false), "{method} {target} {fields:?}");
        }
    }
    // All of them sent ahead.
    let all = rows.iter().flat_map(|(method, target, fields, _)| request(method, target, fields));
    connection.send(&all.collect::<Vec<u8>>()).expect("the connection is kept");
    for (method, target, _, status) in rows {
        assert_eq!(next(&mut connection, method).head.status, *status, "{method} {target}");
    }
}

/// PY-71
#[test]
fn an_error_in_the_head_ends_the_connection() {
    let (_place, server) = serve();
    let twice = [("Host", "b")];
    for (method, target, fields, status) in
        [("GET", "/%00", &[][..], 400), ("GET", "/hello.txt", &twice, 400), ("CONNECT", "localhost:22", &[], 405)]
    {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request(method, target, fields)).expect("the server reads");
        let answer = next(&mut connection, method);
        assert_eq!((answer.head.status, answer.head.one("connection")), (status, Some("close")), "{method} {target}");
        assert!(connection.is_closed(), "{method} {target}");
    }
    // A client of HTTP/1.0 is served as one.
    let mut connection = HttpConnection::open(server.address());
    connection.send(b"GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").expect("the server reads");
    assert_eq!(next(&mut connection, "GET").head.status, 404);
    assert!(connection.is_closed());
}

/// Content that was read to its end does not end the connection, and is never taken for the next request.
#[test]
fn content_that_was_read_keeps_the_connection() {
    let (_place, server) = serve();
    let inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
    let with = |method: &str, target: &str| {
        let length = inner.len();
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{inner}")
    };
    // A server that accepts this takes it for one length (RFC 9112 6.3).
    let twice = with("POST", "/none").replacen(
        "Content-Length",
        &format!("Content-Length: {}\r\nContent-Length", inner.len()),
        1,
    );
    let plain = "GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n".to_owned();
    let order = [
        ("GET", plain.clone(), 200),
        ("GET", with("GET", "/none"), 404),
        ("GET", plain.clone(), 200),
        ("POST", with("POST", "/hello.txt"), 405),
        ("GET", with("GET", "/hello.txt"), 200),
        ("PUT", with("PUT", "/hello.txt"), 405),
        ("POST", twice, 405),
        ("GET", plain, 200),
    ];
    for sent_ahead in [false, true] {
        let mut connection = HttpConnection::open(server.address());
        if sent_ahead {
            let all: String = order.iter().map(|(_, bytes, _)| bytes.as_str()).collect();
            connection.send(all.as_bytes()).expect("the server reads");
        }
        for (method, bytes, status) in &order {
            if !sent_ahead {
                connection.send(bytes.as_bytes()).expect("the connection is kept");
            }
            let answer = next(&mut connection, method);
            assert_eq!((answer.head.status, answer.head.closes()), (*status, false), "{bytes}");
            assert_eq!(answer.text() == "hello\n", *status == 200, "{bytes}");
        }
    }
    assert!(!server.stderr().contains("/inner"), "{}", server.stderr());
}

#[test]
fn content_that_was_not_read_ends_the_connection() {
    let (_place, server) = serve_with(&["--max-content", "4"]);
    for fields in ["Content-Length: 5\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"] {
        for method in ["GET", "POST"] {
            let mut connection = HttpConnection::open(server.address());
            let bytes = format!("{method} /none HTTP/1.1\r\nHost: a\r\n{fields}");
            connection.send(bytes.as_bytes()).expect("the server reads");
            let answer = next(&mut connection, method);
            assert!(answer.head.closes() && connection.is_closed(), "{bytes}: {:?}", answer.head);
        }
    }
    let mut connection = HttpConnection::open(server.address());
    for _ in 0..2 {
        connection.send(b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234").expect("it is kept");
        assert!(!next(&mut connection, "POST").head.closes());
    }
}

/// PY-75
#[test]
fn old_clients_are_served() {
    let (_place, server) = serve();
    let mut connection = HttpConnection::open(server.address());
    connection.send(b"GET /hello.txt HTTP/1.0\r\n\r\n").expect("the server reads");
    assert_eq!(next(&mut connection, "GET").text(), "hello\n");
    assert!(connection.is_closed());

    let mut connection = HttpConnection::open(server.address());
    for _ in 0..2 {
        let asked = b"GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        connection.send(asked).expect("the connection is kept");
        assert_eq!(next(&mut connection, "GET").text(), "hello\n");
    }
}

/// PY-74
#[test]
fn http_1_0_answers_once() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("sub/x"), b"x", MODIFIED);
    let arguments = &["-p", "HTTP/1.0"];
    let server = TestServer::launch(Setup {
        stack: Stack::Host,
        directory: place.path(),
        options: &[],
        arguments,
        unprivileged: false,
    });
    let keep = [("Connection", "keep-alive")];
    for (method, target, fields) in [
        ("GET", "/hello.txt", &[][..]),
        ("GET", "/hello.txt", &keep),
        ("HEAD", "/hello.txt", &[]),
        ("GET", "/sub/", &[]),
        ("GET", "/sub", &[]),
        ("GET", "/none", &[]),
    ] {
        let mut connection = HttpConnection::open(server.address());
        let twice = [request(method, target, fields), request(method, target, fields)].concat();
        connection.send(&twice).expect("the server reads");
        let answer = next(&mut connection, method);
        assert_eq!(answer.head.version, "HTTP/1.0", "{method} {target}");
        assert_eq!(answer.head.all("transfer-encoding").count(), 0, "{method} {target}");
        let rest = connection.rest().expect("the connection ends");
        assert_eq!(String::from_utf8_lossy(&rest), "", "{method} {target}: nothing behind the answer");
    }
    // A client of HTTP/1.0 does not expect a 100 (RFC 9110 10.1.1).
    let expect = [("Expect", "100-continue"), ("Content-Length", "1")];
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", "/hello.txt", &expect)).expect("the server reads");
    assert_eq!(connection.head().expect("an answer").map(|head| head.status), Some(200));
}

/// PY-80
#[test]
fn a_client_that_asks_before_it_sends_is_answered() {
    let (_place, server) = serve();
    let mut connection = HttpConnection::open(server.address());
    let fields = [("Expect", "100-continue"), ("Content-Length", "4")];
    connection.send(&request("GET", "/hello.txt", &fields)).expect("the server reads");
    let first = connection.head().expect("an answer").expect("an answer");
    assert_eq!((first.version.as_str(), first.status), ("HTTP/1.1", 100));
    connection.send(b"1234").expect("the server reads");
    let answer = next(&mut connection, "GET");
    assert_eq!((answer.head.status, answer.text().as_str()), (200, "hello\n"));
    assert!(!answer.head.closes(), "{:?}", answer.head);
    connection.send(&request("GET", "/hello.txt", &[])).expect("the connection is kept");
    assert_eq!(next(&mut connection, "GET").text(), "hello\n");
}

#[test]
fn a_client_that_has_said_everything_is_answered() {
    let (_place, server) = serve();
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", "/long", &[])).expect("the server reads");
    connection.finish_sending().expect("a half can be closed");
    let head = connection.head().expect("an answer").expect("an answer");
    let framing = BodyFraming::of("GET", &head).expect("a framed answer");
    assert_eq!(connection.body(framing, |_| ()).map_err(|error| error.to_string()), Ok(64 << 20));
    assert!(connection.is_closed());
}

/// A kept connection outlives neither its timeout nor the server: it is closed, not forgotten.
/// PY-84
#[test]
fn a_head_comes_in_time_or_not_at_all() {
    /// What the client is given for a head, and some time for a busy machine.
    const BOUND: Duration = Duration::from_secs(10);
    let (_place, server) = serve_with(&["--header-timeout", "1s", "--idle-timeout", "2s"]);
    let start = Instant::now();
    let begin = |bytes: &[u8]| {
        let mut connection = HttpConnection::open(server.address());
        connection.wait_at_most(BOUND);
        connection.send(bytes).expect("the server reads");
        connection
    };
    let half = begin(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n");
    let line = begin(b"GET /hel");
    let silent = begin(b"");
    let mut kept = begin(&request("GET", "/hello.txt", &[]));
    assert_eq!(next(&mut kept, "GET").text(), "hello\n");
    let mut drip = begin(b"GET /hello.txt HTTP/1.1\r\n");
    thread::scope(|scope| {
        for (what, mut connection) in [("half a head", half), ("half a line", line), ("silent", silent), ("kept", kept)]
        {
            scope.spawn(move || {
                let rest = connection.rest().unwrap_or_else(|error| panic!("{what}: {error}"));
                let text = String::from_utf8_lossy(&rest);
                // Who has not begun did nothing wrong.
                let is_right =
                    if what.starts_with("half") { text.starts_with("HTTP/1.1 408 ") } else { text.is_empty() };
                assert!(is_right, "{what}: {text}");
                assert!(start.elapsed() < BOUND, "{what} lived for {:?}", start.elapsed());
            });
        }
        // A byte from time to time does not count as progress.
        while drip.send(b"X").is_ok() {
            assert!(start.elapsed() < BOUND, "a head that drips lived for {:?}", start.elapsed());
            clock::wait_between_actions(Duration::from_millis(200));
        }
    });
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
}

/// What a host cannot know about the handler of its choice: it is the same server with any.
#[test]
fn the_other_handler_keeps_connections_too() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let server = TestServer::start(Stack::HostP2, place.path());
    let mut connection = HttpConnection::open(server.address());
    for _ in 0..3 {
        connection.send(&request("GET", "/hello.txt", &[])).expect("the connection is kept");
        assert_eq!(next(&mut connection, "GET").text(), "hello\n");
    }
    connection.send(b"GET /hello.txt HTTP/1.0\r\n\r\n").expect("the connection is kept");
    assert_eq!(next(&mut connection, "GET").text(), "hello\n");
    let missing = ask(server.address(), "GET", "/none", &[]).expect("an answer");
    assert_eq!((missing.head.status, missing.head.closes()), (404, false));
}
