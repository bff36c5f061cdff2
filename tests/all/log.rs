//! The access log of glasshouse on standard error: S81 to S83.

use crate::cli::has_ipv6;
use crate::client::{Connection, Framing, get, request};
use crate::fixture::{self, MODIFIED, put};
use crate::server::{Server, Setup, Stack};
use rustix::process::Signal;
use tempfile::TempDir;

fn serve(arguments: &[&str]) -> (TempDir, Server) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("empty"), b"", MODIFIED);
    put(&place.path().join("sub/x"), b"x", MODIFIED);
    let setup = Setup { stack: Stack::Host, directory: place.path(), options: &[], arguments, unprivileged: false };
    let server = Server::launch(setup);
    (place, server)
}

/// What a line says behind `ADDRESS - - [TIME] `.
#[track_caller]
fn message(line: &str) -> &str {
    let (time, message) =
        line.strip_prefix("127.0.0.1 - - [").and_then(|line| line.split_once("] ")).unwrap_or_default();
    // As in 22/Nov/2026 19:06:58.
    let shape: String = time.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let month = time.get(3..6).unwrap_or_default();
    assert!("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".contains(month), "{line:?}");
    assert_eq!(shape, format!("00/{month}/0000 00:00:00"), "{line:?}");
    message
}

/// The lines of these requests, each on a connection of its own and waited for before the next one.
#[track_caller]
fn lines(server: &Server, requests: &[(&str, &[u8])]) -> Vec<String> {
    let mut seen = server.stderr().len();
    let mut lines = Vec::new();
    for (method, bytes) in requests {
        let mut connection = Connection::open(server.address());
        connection.send(bytes).expect("the server reads");
        // What is answered is not asked here, only what is said about it.
        let _ = connection.answer(method);
        let entry = server.wait_for_stderr("the line of a request", |text| {
            let new =
                text.get(seen..).filter(|new| new.lines().any(|line| line.contains("] \"")) && new.ends_with('\n'))?;
            Some(new.to_owned())
        });
        seen += entry.len();
        lines.extend(entry.lines().map(|line| message(line).to_owned()));
    }
    lines
}

#[test]
fn s81_each_request_is_a_line() {
    let (_place, server) = serve(&[]);
    let rows: &[(&str, &str, &[&str])] = &[
        ("GET", "/hello.txt", &[r#""GET /hello.txt HTTP/1.1" 200 6"#]),
        ("HEAD", "/hello.txt", &[r#""HEAD /hello.txt HTTP/1.1" 200 0"#]),
        ("GET", "/empty", &[r#""GET /empty HTTP/1.1" 200 0"#]),
        ("GET", "/sub?a=b", &[r#""GET /sub?a=b HTTP/1.1" 301 0"#]),
        ("GET", "//hello.txt", &[r#""GET //hello.txt HTTP/1.1" 200 6"#]),
        ("GET", "/%68ello.txt", &[r#""GET /%68ello.txt HTTP/1.1" 200 6"#]),
        ("OPTIONS", "/", &[r#""OPTIONS / HTTP/1.1" 204 0"#]),
    ];
    for (method, target, expected) in rows {
        assert_eq!(lines(&server, &[(method, &request(method, target, &[]))]), *expected, "{method} {target}");
    }
    let old = b"GET /hello.txt HTTP/1.0\r\n\r\n";
    assert_eq!(lines(&server, &[("GET", old)]), [r#""GET /hello.txt HTTP/1.0" 200 6"#]);
}

#[test]
fn s81_the_bytes_are_those_of_the_body() {
    let (_place, server) = serve(&[]);
    for target in ["/", "/sub/", "/none"] {
        let length = get(server.address(), target).body.len();
        let end = format!(" {length}\n");
        server.wait_for_stderr("the length of the body", |text| text.ends_with(&end).then_some(()));
    }
}

/// S81: a failure has a line of its own before that of its request.
#[test]
fn s81_a_failure_is_two_lines() {
    let (_place, server) = serve(&[]);
    let none = lines(&server, &[("HEAD", &request("HEAD", "/none", &[]))]);
    assert_eq!(none, ["code 404, message Not Found", r#""HEAD /none HTTP/1.1" 404 0"#]);
    let post = lines(&server, &[("HEAD", &request("POST", "/hello.txt", &[]))]);
    assert_eq!(post[0], "code 405, message Method Not Allowed");
    assert!(post[1].starts_with(r#""POST /hello.txt HTTP/1.1" 405 "#), "{post:?}");
    let host = lines(&server, &[("GET", b"GET /hello.txt HTTP/1.1\r\n\r\n")]);
    assert_eq!(host[0], "code 400, message Bad Request");
    assert!(host[1].starts_with(r#""GET /hello.txt HTTP/1.1" 400 "#), "{host:?}");
    // A request that never became one has no line of its own.
    for (bytes, status) in [
        (b"GET\r\n\r\n".to_vec(), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(65_540)).into_bytes(), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100)).into_bytes(), 431),
    ] {
        let [code, line] = lines(&server, &[("GET", &bytes)]).try_into().expect("two lines");
        assert!(code.starts_with(&format!("code {status}, message ")), "{code}");
        assert_eq!(line, format!("\"\" {status} 0"));
    }
}

/// The line is written when the last byte is gone, and not before.
#[test]
fn s81_a_line_tells_what_was_sent() {
    const LENGTH: u64 = 64 << 20;
    let (place, server) = serve(&[]);
    let long = std::fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(LENGTH).expect("a file can be long");
    let begin = || {
        let mut connection = Connection::open(server.address());
        connection.send(&request("GET", "/long", &[])).expect("the server reads");
        connection.head().expect("an answer").expect("an answer");
        connection
    };
    let mut connection = begin();
    get(server.address(), "/hello.txt");
    let other = server.wait_for_stderr("a line", |text| text.ends_with('\n').then(|| text.to_owned()));
    assert_eq!(message(other.trim_end()), r#""GET /hello.txt HTTP/1.1" 200 6"#, "the long one is still being sent");
    connection.body(Framing::Length(LENGTH), |_| ()).expect("the whole body");
    let line = format!("\"GET /long HTTP/1.1\" 200 {LENGTH}\n");
    server.wait_for_stderr("the line of a long body", |text| text.ends_with(&line).then_some(()));

    // Cut by the client: less than all of it.
    drop(begin());
    let sent: u64 = server.wait_for_stderr("the line of a body that was cut", |text| {
        let (_, sent) = text.lines().filter_map(|line| line.split_once("\"GET /long HTTP/1.1\" 200 ")).nth(1)?;
        sent.parse().ok()
    });
    assert!(sent < LENGTH, "{sent} bytes to a client that took next to none");
}

#[test]
fn s82_nothing_that_is_sent_forges_a_line() {
    let (_place, server) = serve(&[]);
    let rows: &[(&[u8], &str)] = &[
        (b"/\" 200 6", r"/\x22 200 6"),
        (b"/\"", r"/\x22"),
        (b"/a\\x0a", r"/a\\x0a"),
        (b"/%0a127.0.0.1%1b[31m", "/%0a127.0.0.1%1b[31m"),
        ("/\u{e9}".as_bytes(), r"/\xc3\xa9"),
    ];
    let mut wrong = Vec::new();
    for (target, shown) in rows {
        let bytes = [b"GET ", *target, b" HTTP/1.1\r\nHost: a\r\nReferer: \x80\r\nUser-Agent: \"\x9b\r\n\r\n"].concat();
        let lines = lines(&server, &[("GET", &bytes)]);
        let expected = format!("\"GET {shown} HTTP/1.1\" ");
        // A target that is no URI never became a request.
        let refused = lines.last().is_some_and(|line| line.starts_with("\"\" 400 "));
        if !refused && !lines.last().is_some_and(|line| line.starts_with(&expected)) {
            wrong.push(format!("{lines:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for raw in [&b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"G\x1bT / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        assert_eq!(lines(&server, &[("GET", raw)]), ["code 400, message Bad Request", "\"\" 400 0"]);
    }
    let all = server.stderr();
    assert!(all.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{}", all.escape_debug());
}

#[test]
fn s83_a_client_is_its_address() {
    if !has_ipv6() {
        return;
    }
    let (_place, server) = serve(&["--bind", "::1"]);
    let second = server.stdout().lines().nth(1).and_then(|line| {
        let (_, rest) = line.split_once("(http://")?;
        rest.split('/').next()?.parse().ok()
    });
    get(second.expect("the second address is announced"), "/hello.txt");
    server.wait_for_stderr("the address", |text| text.starts_with("::1 - - [").then_some(()));
}

#[test]
fn the_log_is_complete_when_the_server_ends() {
    let (_place, server) = serve(&[]);
    get(server.address(), "/hello.txt");
    let done = server.stop(Signal::TERM);
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
}
