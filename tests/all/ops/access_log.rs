//! The access log of glasshouse, on standard error and in files.

use crate::cli::program::has_ipv6;
use crate::support::certs;
use crate::support::client::{BodyFraming, HttpConnection, get, request};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::h2;
use crate::support::server::{Setup, Stack, TestServer};
use rustix::process::Signal;
use std::path::Path;
use tempfile::TempDir;

fn serve(arguments: &[&str]) -> (TempDir, TestServer) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("empty"), b"", MODIFIED);
    put(&place.path().join("sub/x"), b"x", MODIFIED);
    let setup = Setup { stack: Stack::Host, directory: place.path(), options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
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
fn lines(server: &TestServer, requests: &[(&str, &[u8])]) -> Vec<String> {
    let mut seen = server.stderr().len();
    let mut lines = Vec::new();
    for (method, bytes) in requests {
        let mut connection = HttpConnection::open(server.address());
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

/// PY-81
#[test]
fn each_request_is_a_line() {
    let (_place, server) = serve(&[]);
    let rows: &[(&str, &str, &[&str])] = &[
        ("GET", "/hello.txt", &[r#""GET /hello.txt HTTP/1.1" 200 6"#]),
        ("HEAD", "/hello.txt", &[r#""HEAD /hello.txt HTTP/1.1" 200 0"#]),
        ("GET", "/empty", &[r#""GET /empty HTTP/1.1" 200 0"#]),
        ("GET", "/sub?a=b", &[r#""GET /sub?a=b HTTP/1.1" 301 0"#]),
        ("GET", "//hello.txt", &[r#""GET //hello.txt HTTP/1.1" 200 6"#]),
        ("GET", "/%68ello.txt", &[r#""GET /%68ello.txt HTTP/1.1" 200 6"#]),
        ("OPTIONS", "/", &[r#""OPTIONS / HTTP/1.1" 204 0"#]),
        ("HEAD", "http://a/?b=c", &[r#""HEAD http://a/?b=c HTTP/1.1" 200 0"#]),
        ("HEAD", "http://a?b=c", &[r#""HEAD http://a?b=c HTTP/1.1" 200 0"#]),
    ];
    for (method, target, expected) in rows {
        assert_eq!(lines(&server, &[(method, &request(method, target, &[]))]), *expected, "{method} {target}");
    }
    let old = b"GET /hello.txt HTTP/1.0\r\n\r\n";
    assert_eq!(lines(&server, &[("GET", old)]), [r#""GET /hello.txt HTTP/1.0" 200 6"#]);
}

/// PY-81
#[test]
fn the_bytes_are_those_of_the_body() {
    let (_place, server) = serve(&[]);
    for target in ["/", "/sub/", "/none"] {
        let length = get(server.address(), target).body.len();
        let end = format!(" {length}\n");
        server.wait_for_stderr("the length of the body", |text| text.ends_with(&end).then_some(()));
    }
}

/// A failure has a line of its own before that of its request.
/// PY-81
#[test]
fn a_failure_is_two_lines() {
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
/// PY-81
#[test]
fn a_line_has_what_was_sent() {
    const LENGTH: u64 = 64 << 20;
    let (place, server) = serve(&[]);
    let long = std::fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(LENGTH).expect("a file can be long");
    let begin = || {
        let mut connection = HttpConnection::open(server.address());
        connection.send(&request("GET", "/long", &[])).expect("the server reads");
        connection.head().expect("an answer").expect("an answer");
        connection
    };
    let mut connection = begin();
    get(server.address(), "/hello.txt");
    let other = server.wait_for_stderr("a line", |text| text.ends_with('\n').then(|| text.to_owned()));
    assert_eq!(message(other.trim_end()), r#""GET /hello.txt HTTP/1.1" 200 6"#, "the long one is still being sent");
    connection.body(BodyFraming::Length(LENGTH), |_| ()).expect("the whole body");
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

/// PY-82
#[test]
fn nothing_that_is_sent_forges_a_line() {
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
        // A target that is not a URI never became a request.
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

/// PY-83
#[test]
fn a_client_is_its_address() {
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

/// The file of a log once it has so many lines.
#[track_caller]
fn logged(path: &Path, lines: usize) -> Vec<String> {
    clock::wait_for(&format!("{lines} lines in {}", path.display()), || {
        let text = std::fs::read_to_string(path).expect("the log can be read");
        (text.lines().count() >= lines && text.ends_with('\n')).then(|| text.lines().map(str::to_owned).collect())
    })
}

/// The log goes to the given file in the given format, also from a hardened process.
#[test]
fn a_file_is_added_to_in_each_form() {
    let logs = fixture::place();
    let path = logs.path().join("access.log");
    std::fs::write(&path, "before\n").expect("a file can be written");
    let sent = request("GET", "/hello.txt", &[("Referer", "http://a/\u{9b}"), ("User-Agent", "x\"\ty")]);
    for (at, form) in ["python", "common", "combined", "json"].into_iter().enumerate() {
        let (_place, server) = serve(&["--log", form, "--log-file", path.to_str().expect("a path in UTF-8")]);
        let mut connection = HttpConnection::open(server.address());
        connection.send(&sent).expect("the server reads");
        connection.answer("GET").expect("an answer");
        logged(&path, at + 2);
        assert_eq!(server.stop(Signal::TERM).stderr, "", "{form}");
    }
    let [before, python, common, combined, json] = logged(&path, 5).try_into().expect("five lines");
    assert_eq!((before.as_str(), message(&python)), ("before", r#""GET /hello.txt HTTP/1.1" 200 6"#));
    for (line, end) in [
        (&common, r#""GET /hello.txt HTTP/1.1" 200 6"#),
        (&combined, r#""GET /hello.txt HTTP/1.1" 200 6 "http://a/\xc2\x9b" "x\x22\x09y""#),
    ] {
        let (time, rest) = line.split_once("] ").expect("a time");
        let shape: String = time.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
        let shape = shape.replace('+', "-");
        assert!(shape.starts_with("000.0.0.0 - - [00/") && shape.ends_with("/0000:00:00:00 -0000"), "{line}");
        assert_eq!(rest, end);
    }
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["client"], &json["request"], &json["status"], &json["bytes"]),
        (&"127.0.0.1".into(), &"GET /hello.txt HTTP/1.1".into(), &200.into(), &6.into())
    );
    assert_eq!((&json["referer"], &json["user_agent"]), (&"http://a/\u{9b}".into(), &"x\"\ty".into()));
    assert!(json["duration_us"].is_u64() && json["user"].is_null() && json["tls"].is_null(), "{json}");
}

/// Answers to no request are in the log of every form.
#[test]
fn what_never_was_a_request_is_json_too() {
    let (_place, server) = serve(&["--log", "json", "--header-timeout", "200ms", "--max-connections-per-address", "1"]);
    let mut late = HttpConnection::open(server.address());
    late.send(b"GET / HT").expect("the server reads");
    let mut refused = HttpConnection::open(server.address());
    assert_eq!(refused.answer("GET").expect("an answer").head.status, 503);
    assert_eq!(late.answer("GET").expect("an answer").head.status, 408);
    let text = server.wait_for_stderr("two lines", |text| (text.lines().count() == 2).then(|| text.to_owned()));
    let mut statuses = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["request"].is_null() && line["duration_us"].is_null() && line["bytes"] == 0, "{line}");
        statuses.push(line["status"].as_u64());
    }
    statuses.sort();
    assert_eq!(statuses, [Some(408), Some(503)]);
}

#[test]
fn a_log_that_is_off_says_nothing() {
    let (_place, server) = serve(&["--log", "off"]);
    get(server.address(), "/hello.txt");
    assert_eq!(server.stop(Signal::TERM).stderr, "");
}

/// A log that clients could read is refused.
#[test]
fn a_log_is_not_served() {
    let place = fixture::place();
    let mut command = crate::support::server::glasshouse();
    command.args(["0", "-b", "127.0.0.1", "-d"]).arg(place.path()).arg("--log-file").arg(place.path().join("log"));
    let done = crate::support::server::run(command);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("it is in a served directory"), "{done:?}");
    assert!(!place.path().join("log").exists());
}

/// A program that rotates logs moves the file and sends a signal. The process may create the file again, and no other
/// file in its directory.
#[test]
fn a_moved_file_is_created_again() {
    let logs = fixture::place();
    let (path, moved) = (logs.path().join("access.log"), logs.path().join("access.log.1"));
    let (_place, server) = serve(&["--require-harden", "--log-file", path.to_str().expect("a path in UTF-8")]);
    let reloaded = |times: usize| {
        server.signal(Signal::HUP);
        server.wait_for_stderr("the answer to a signal", |text| {
            (text.matches("glasshouse: reloaded").count() == times).then_some(())
        });
    };
    get(server.address(), "/hello.txt");
    logged(&path, 1);
    std::fs::rename(&path, &moved).expect("a file can be moved");
    get(server.address(), "/empty");
    logged(&moved, 2);
    reloaded(1);
    get(server.address(), "/sub/x");
    let created = logged(&path, 1);
    assert!(created.len() == 1 && created[0].contains("GET /sub/x "), "{created:?}");
    let before = logged(&moved, 2);
    assert!(before.len() == 2 && before[1].contains("GET /empty "), "{before:?}");

    // Where that cannot be, nothing is lost.
    std::fs::remove_file(&moved).expect("a file can be removed");
    std::fs::rename(&path, &moved).expect("a file can be moved");
    std::fs::create_dir(&path).expect("a directory can be made");
    reloaded(2);
    assert!(server.stderr().contains("cannot open the log '"), "{}", server.stderr());
    get(server.address(), "/hello.txt");
    logged(&moved, 2);
}

/// The entries of JSON once there are so many.
#[track_caller]
fn entries(server: &TestServer, count: usize) -> Vec<serde_json::Value> {
    let text = server.wait_for_stderr("entries", |text| (text.lines().count() == count).then(|| text.to_owned()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The streams of a connection have an entry each, as the requests of HTTP/1 have, and all of them the version of TLS.
#[test]
fn each_stream_is_an_entry() {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let arguments = &["--log", "json"];
    let setup = Setup { stack: Stack::HostTls, directory: place.path(), options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    let mut client = h2::Http2Client::secure(server.address());
    for (method, target) in [("GET", "/hello.txt?a"), ("HEAD", "/hello.txt"), ("GET", "/none")] {
        client.ask(method, target, &[("referer", "https://a/"), ("user-agent", "b")]).expect("an answer");
    }
    let mut one = HttpConnection::secure(server.address(), certs::client(&[b"http/1.1"]));
    one.send(&request("GET", "/hello.txt", &[])).expect("the server reads");
    one.answer("GET").expect("an answer");
    let mut entries = entries(&server, 4);
    entries.sort_by_key(|entry| entry["request"].to_string());
    let rows = [
        ("GET /hello.txt HTTP/1.1", 200, Some(6), None),
        ("GET /hello.txt?a HTTP/2.0", 200, Some(6), Some("b")),
        ("GET /none HTTP/2.0", 404, None, Some("b")),
        ("HEAD /hello.txt HTTP/2.0", 200, Some(0), Some("b")),
    ];
    for (entry, (request, status, bytes, agent)) in entries.iter().zip(rows) {
        assert_eq!((entry["request"].as_str(), entry["status"].as_u64()), (Some(request), Some(status)), "{entry}");
        assert!(bytes.is_none_or(|bytes: u64| entry["bytes"] == bytes), "{entry}");
        assert_eq!((entry["tls"].as_str(), entry["user_agent"].as_str()), (Some("TLSv1.3"), agent), "{entry}");
    }
}

/// A client that speaks HTTP on a TLS port gets a response and an entry.
#[test]
fn a_client_without_tls_is_an_entry() {
    let place = fixture::place();
    let arguments = &["--log", "json"];
    let setup = Setup { stack: Stack::HostTls, directory: place.path(), options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    assert_eq!(get(server.address(), "/").head.status, 400);
    let entry = entries(&server, 1).remove(0);
    assert!(entry["status"] == 400 && entry["request"].is_null() && entry["tls"].is_null(), "{entry}");
}
