//! Invalid and abusive HTTP/2 over plain TCP: what RFC 9113 makes a server reject, and what costs memory and time.

use crate::support::client::{self, HttpConnection};
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::frames::*;
use crate::support::proc::memory;
use crate::support::server::{Setup, Stack, TestServer};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What an attack may leave a server with, in KiB.
const GROWTH: u64 = 32 << 10;

/// A server with a short file and one of 8 MiB.
#[track_caller]
fn serve(arguments: &[&str]) -> (TempDir, TestServer) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("long"), &vec![b'x'; 8 << 20], MODIFIED);
    let server = launch(&place, arguments);
    (place, server)
}

#[track_caller]
fn launch(place: &TempDir, arguments: &[&str]) -> TestServer {
    TestServer::launch(Setup {
        stack: Stack::Host,
        directory: place.path(),
        options: &[],
        arguments,
        unprivileged: false,
    })
}

#[test]
fn both_versions_are_understood_on_one_port() {
    let (_place, server) = serve(&[]);
    let mut raw = FrameClient::open(server.address());
    for (stream, path, status) in [(1, "/hello.txt", 200), (3, "/none", 404), (5, "/hello.txt", 200), (7, "/%00", 400)]
    {
        raw.send(&asking(stream, path)).expect("an error does not end the connection");
        assert_eq!(raw.status(stream), status, "{path}");
    }
    raw.check_alive();
    assert_eq!(client::get(server.address(), "/hello.txt").text(), "hello\n");
    let lines =
        ["\"GET /hello.txt HTTP/2.0\" 200 6", "\"GET /none HTTP/2.0\" 404 ", "\"GET /hello.txt HTTP/1.1\" 200 6"];
    for line in lines {
        server.wait_for_stderr(line, |text| text.contains(line).then_some(()));
    }
}

#[test]
fn the_preface_may_come_in_pieces() {
    let (_place, server) = serve(&[]);
    let mut raw = FrameClient::silent(server.address());
    for byte in PREFACE {
        raw.send(&[*byte]).expect("the server reads");
        // Lets the server read each piece by itself, as far as the kernel schedules it.
        std::thread::yield_now();
    }
    raw.send(&frame(SETTINGS, 0, 0, &[])).expect("the server reads");
    raw.send(&asking(1, "/hello.txt")).expect("the server reads");
    assert_eq!(raw.status(1), 200);
}

/// PY-7
#[test]
fn http_10_has_no_streams() {
    let (_place, server) = serve(&["--protocol", "HTTP/1.0"]);
    let mut connection = HttpConnection::open(server.address());
    connection.send(PREFACE).expect("the server reads");
    let rest = connection.rest().expect("the connection ends");
    assert!(!rest.starts_with(&[0, 0]), "{rest:?}");
}

/// What is sent after the beginning, and the code of RFC 9113 for it. h2 knows most of it as PROTOCOL_ERROR, which is
/// no lie.
type InvalidFrames<'a> = (&'a str, Vec<u8>, u32);

#[test]
fn a_connection_that_breaks_the_rules_ends_with_the_reason() {
    let (_place, server) = serve(&[]);
    let open = asking(1, "/long");
    let rows: &[InvalidFrames] = &[
        ("4.2 a frame that is too long", frame(DATA, 0, 1, &[0; 16_385]), FRAME_SIZE_ERROR),
        ("4.3 fields that cannot be read", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 8]), COMPRESSION_ERROR),
        ("5.1 content on a stream that is not open", frame(DATA, 0, 1, b"x"), PROTOCOL_ERROR),
        ("5.1.1 a stream of the server's", asking(2, "/"), PROTOCOL_ERROR),
        (
            "5.1.1 a stream before the last one",
            [asking(5, "/hello.txt"), asking(3, "/hello.txt")].concat(),
            PROTOCOL_ERROR,
        ),
        ("6.1 content of no stream", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
        ("6.1 more padding than there is", [open.clone(), frame(DATA, 8, 1, &[9, 0])].concat(), PROTOCOL_ERROR),
        ("6.2 a request of no stream", asking(0, "/"), PROTOCOL_ERROR),
        ("6.4 a reset of no stream", frame(RST_STREAM, 0, 0, &[0; 4]), PROTOCOL_ERROR),
        ("6.4 a reset of a stream that is not open", frame(RST_STREAM, 0, 1, &[0; 4]), PROTOCOL_ERROR),
        ("6.4 a reset without a code", [open.clone(), frame(RST_STREAM, 0, 1, &[0; 3])].concat(), FRAME_SIZE_ERROR),
        ("6.5 half a setting", frame(SETTINGS, 0, 0, &[0; 3]), FRAME_SIZE_ERROR),
        ("6.5 settings of a stream", frame(SETTINGS, 0, 1, &[]), PROTOCOL_ERROR),
        ("6.5 an acknowledgement that says something", frame(SETTINGS, ACK, 0, &[0; 6]), FRAME_SIZE_ERROR),
        ("6.5.2 push is on or off", setting(2, 2), PROTOCOL_ERROR),
        ("6.5.2 a window beyond measure", setting(4, 1 << 31), FLOW_CONTROL_ERROR),
        ("6.5.2 frames shorter than everybody may send", setting(5, 16_383), PROTOCOL_ERROR),
        ("6.6 a client that pushes", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]), PROTOCOL_ERROR),
        ("6.7 a PING of seven bytes", frame(PING, 0, 0, &[0; 7]), FRAME_SIZE_ERROR),
        ("6.7 a PING of a stream", frame(PING, 0, 1, &[0; 8]), PROTOCOL_ERROR),
        ("6.9 room for nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), PROTOCOL_ERROR),
        ("6.9.1 a window that overflows", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), FLOW_CONTROL_ERROR),
        ("6.10 the rest of nothing", frame(CONTINUATION, END_HEADERS, 1, &get("/")), PROTOCOL_ERROR),
        (
            "6.10 something amid the fields",
            [frame(HEADERS, END_STREAM, 1, &get("/")), frame(PING, 0, 0, &[0; 8])].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "6.10 fields of two streams at once",
            [frame(HEADERS, END_STREAM, 1, &get("/")), frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
            PROTOCOL_ERROR,
        ),
    ];
    let mut wrong = Vec::new();
    for (id, sent, expected) in rows {
        let mut raw = FrameClient::open(server.address());
        raw.send(sent).expect("the server reads");
        let code = raw.end();
        if !code.is_some_and(|code| code == *expected || code == PROTOCOL_ERROR) {
            wrong.push(format!("{id}: {code:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(client::get(server.address(), "/hello.txt").head.status, 200);
}

/// An identifier, the fields of a request, and whether it ends alone or takes the connection with it, as it may (RFC
/// 9113 5.4.2).
type Malformed<'a> = (&'a str, Vec<u8>, bool);

#[test]
fn a_request_that_breaks_the_rules_is_not_answered() {
    let (_place, server) = serve(&[]);
    let base = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/hello.txt")];
    let with = |more: &[(&str, &str)]| fields(&[base.as_slice(), more].concat());
    let rows: &[Malformed] = &[
        ("8.2.1 a name in capitals", with(&[("X-A", "b")]), false),
        ("8.2.1 a name with a space", with(&[("x a", "b")]), false),
        ("8.2.1 a line break in a value", with(&[("x-a", "b\r\nc: d")]), false),
        ("8.2.2 a field of the connection", with(&[("connection", "close")]), true),
        ("8.2.2 another one", with(&[("transfer-encoding", "chunked")]), true),
        ("8.2.2 TE of HTTP/1", with(&[("te", "gzip")]), true),
        ("8.3 a pseudo-field behind others", fields(&[base[0], base[1], base[2], ("x-a", "b"), base[3]]), true),
        ("8.3 a pseudo-field that there is none of", with(&[(":other", "b")]), false),
        ("8.3 a pseudo-field of answers", with(&[(":status", "200")]), true),
        ("8.3.1 a method twice", with(&[base[0]]), true),
        ("8.3.1 no method", fields(&base[1..]), true),
        ("8.3.1 no scheme", fields(&[base[0], base[2], base[3]]), true),
        ("8.3.1 no path", fields(&base[..3]), true),
        ("8.3.1 an empty path", fields(&[base[0], base[1], base[2], (":path", "")]), true),
    ];
    let mut wrong = Vec::new();
    for (id, block, is_alone) in rows {
        let mut raw = FrameClient::open(server.address());
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, block)).expect("the server reads");
        let end = raw.wait(id, |frame| frame.stream == 1 || frame.kind == GOAWAY);
        let expected = if *is_alone { RST_STREAM } else { GOAWAY };
        if (end.kind, end.code()) != (expected, Some(PROTOCOL_ERROR)) {
            wrong.push(format!("{id}: {end:?} {:?}", end.status()));
        } else if *is_alone {
            raw.send(&asking(3, "/hello.txt")).expect("the connection goes on");
            assert_eq!(raw.status(3), 200, "{id}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_request_names_one_host() {
    let (_place, server) = serve(&[]);
    let rows: &[(&[(&str, &str)], u16)] = &[
        (&[(":authority", "localhost")], 200),
        (&[(":authority", "localhost"), ("host", "localhost")], 200),
        (&[(":authority", "[::1]:80")], 200),
        (&[("host", "localhost")], 200),
        (&[], 400),
        (&[(":authority", "localhost"), ("host", "example.com")], 400),
        (&[(":authority", "localhost"), ("host", "localhost"), ("host", "localhost")], 400),
        (&[(":authority", "user@localhost")], 400),
        (&[("host", "a/b")], 400),
    ];
    let mut raw = FrameClient::open(server.address());
    for (stream, (hosts, status)) in (1..).step_by(2).zip(rows) {
        let mut request = [&[(":method", "GET"), (":scheme", "http"), (":path", "/hello.txt")], *hosts].concat();
        // Pseudo-fields come first.
        request.sort_by_key(|(name, _)| !name.starts_with(':'));
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(&request))).expect("the connection goes on");
        assert_eq!(raw.status(stream), *status, "{hosts:?}");
    }
}

#[test]
fn content_is_not_waited_for_for_long_and_ends_no_connection() {
    let (_place, server) = serve(&[]);
    let mut raw = FrameClient::open(server.address());
    raw.send(&frame(HEADERS, END_HEADERS, 1, &get("/hello.txt"))).expect("the server reads");
    raw.send(&frame(DATA, END_STREAM, 1, &[b'x'; 1000])).expect("the server reads");
    assert_eq!(raw.status(1), 200);
    raw.send(&asking(3, "/hello.txt")).expect("the connection goes on");
    assert_eq!(raw.status(3), 200);
}

#[test]
fn a_head_has_a_measure() {
    let (_place, server) = serve(&[]);
    let value = "x".repeat(4000);
    let bomb = {
        // One field that the table of the other side keeps, and then its number over and over (RFC 7541 7.3).
        let mut block = get("/hello.txt");
        block.push(0x40);
        block.extend(fields(&[("x-a", &value)]).split_off(1));
        block.extend([0xbe; 8000]);
        block
    };
    let long = [get("/hello.txt"), fields(&[("x-a", value.as_str()); 20])].concat();
    let rows: &[(&str, Vec<u8>, Option<u16>)] = &[
        ("80 KB", long, Some(431)),
        ("32 MB in 12 KB, which are not unpacked", bomb, None),
        ("many fields", [get("/hello.txt"), fields(&[("x-a", "b"); 101])].concat(), Some(431)),
    ];
    for (id, block, status) in rows {
        let mut raw = FrameClient::open(server.address());
        let mut pieces = block.chunks(16_384).peekable();
        let mut kind = HEADERS;
        while let Some(piece) = pieces.next() {
            let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
            let flags = last | if kind == HEADERS { END_STREAM } else { 0 };
            raw.send(&frame(kind, flags, 1, piece)).expect("the server reads");
            kind = CONTINUATION;
        }
        let Some(status) = status else {
            assert_eq!(raw.end(), Some(ENHANCE_YOUR_CALM), "{id}");
            continue;
        };
        assert_eq!(raw.status(1), *status, "{id}");
        raw.send(&asking(3, "/hello.txt")).expect("the connection goes on");
        assert_eq!(raw.status(3), 200, "{id}");
    }
}

/// Sends the same again and again until the server has had enough, and says how it ended.
#[track_caller]
fn flood(raw: &mut FrameClient, most: usize, mut piece: impl FnMut(usize) -> Vec<u8>) -> Option<u32> {
    for count in 0..most {
        if raw.send(&piece(count)).is_err() {
            break;
        }
    }
    raw.end()
}

#[test]
fn fields_without_an_end_end_the_connection() {
    let (_place, server) = serve(&[]);
    for payload in [fields(&[("x-a", "b"); 1000]), Vec::new()] {
        let mut raw = FrameClient::open(server.address());
        raw.send(&frame(HEADERS, END_STREAM, 1, &get("/"))).expect("the server reads");
        let code = flood(&mut raw, 100_000, |_| frame(CONTINUATION, 0, 1, &payload));
        // A client that is still sending may lose the reason together with the connection.
        assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM | PROTOCOL_ERROR | COMPRESSION_ERROR)), "{code:?}");
    }
    let most = memory(&server, "VmHWM:");
    assert!(most < Some(160 << 10), "{most:?} KiB");
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() {
    let (_place, server) = serve(&[]);
    client::get(server.address(), "/hello.txt");
    let before = memory(&server, "VmRSS:");
    for _ in 0..20 {
        let mut raw = FrameClient::open(server.address());
        let code = flood(&mut raw, 1000, |count| {
            let ids = (0..50).map(|more| u32::try_from(count * 50 + more).expect("an id") * 2 + 1);
            ids.flat_map(|id| [asking(id, "/long"), frame(RST_STREAM, 0, id, &CANCEL.to_be_bytes())].concat()).collect()
        });
        assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM)), "{code:?}");
    }
    let after = memory(&server, "VmRSS:");
    assert!(after <= before.map(|before| before + GROWTH), "{before:?} KiB before, {after:?} KiB after");
    assert_eq!(client::get(server.address(), "/hello.txt").head.status, 200);
}

#[test]
fn unread_pings_and_settings_take_no_memory() {
    let (_place, server) = serve(&[]);
    client::get(server.address(), "/hello.txt");
    let before = memory(&server, "VmRSS:");
    for piece in [frame(PING, 0, 0, &[7; 8]), setting(4, 1000), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])] {
        let mut raw = FrameClient::open(server.address());
        let many = piece.repeat(1000);
        raw.write_at_most(Duration::from_millis(500));
        for _ in 0..500 {
            // A server that waits for its answers to be read reads no more itself.
            if raw.send(&many).is_err() {
                break;
            }
        }
        assert_eq!(client::get(server.address(), "/hello.txt").head.status, 200, "others are served meanwhile");
    }
    let after = memory(&server, "VmRSS:");
    assert!(after <= before.map(|before| before + GROWTH), "{before:?} KiB before, {after:?} KiB after");
}

/// Content that never comes to an end and never comes to a byte (RUSTSEC-2026-0258).
#[test]
fn empty_content_takes_no_memory() {
    let (_place, server) = serve(&[]);
    client::get(server.address(), "/hello.txt");
    let before = memory(&server, "VmRSS:");
    let mut raw = FrameClient::open(server.address());
    raw.send(&frame(HEADERS, END_HEADERS, 1, &get("/hello.txt"))).expect("the server reads");
    let many = frame(DATA, 0, 1, &[]).repeat(1000);
    raw.write_at_most(Duration::from_millis(500));
    // As long as the server takes them.
    let _ = (0..2000).take_while(|_| raw.send(&many).is_ok()).count();
    let most = memory(&server, "VmHWM:");
    assert!(most <= before.map(|before| before + GROWTH), "{before:?} KiB before, {most:?} KiB at most");
    assert_eq!(client::get(server.address(), "/hello.txt").head.status, 200);
}

/// Streams that the server has to reset, as their client breaks a rule on each, count like those that the client resets
/// (CVE-2025-8671).
#[test]
fn streams_that_the_server_must_reset_end_the_connection() {
    let (_place, server) = serve(&[]);
    client::get(server.address(), "/hello.txt");
    let before = memory(&server, "VmRSS:");
    // A window that grows by nothing, a window beyond measure, and content behind the end.
    let wrongs: [fn(u32) -> Vec<u8>; 3] = [
        |id| frame(WINDOW_UPDATE, 0, id, &[0; 4]),
        |id| frame(WINDOW_UPDATE, 0, id, &0x7fff_ffff_u32.to_be_bytes()),
        |id| frame(DATA, 0, id, b"x"),
    ];
    for (at, wrong) in wrongs.into_iter().enumerate() {
        let mut raw = FrameClient::open(server.address());
        let code = flood(&mut raw, 1000, |count| {
            let ids = (0..50).map(|more| u32::try_from(count * 50 + more).expect("an id") * 2 + 1);
            ids.flat_map(|id| [asking(id, "/long"), wrong(id)].concat()).collect()
        });
        assert!(code.is_none_or(|code| code != 0), "wrong {at}: {code:?}");
    }
    let after = memory(&server, "VmRSS:");
    assert!(after <= before.map(|before| before + GROWTH), "{before:?} KiB before, {after:?} KiB after");
    assert_eq!(client::get(server.address(), "/hello.txt").head.status, 200);
}

#[test]
fn streams_beyond_the_most_are_refused() {
    let (_place, server) = serve(&[]);
    let mut raw = FrameClient::open(server.address());
    // No room for content, so that all of them stay open.
    raw.send(&setting(4, 0)).expect("the server reads");
    raw.wait("the settings to be taken", |frame| frame.kind == SETTINGS && frame.flags == ACK);
    for stream in (1..=201).step_by(2) {
        raw.send(&asking(stream, "/long")).expect("the connection goes on");
    }
    let refused = raw.wait("a refusal", |frame| frame.kind == RST_STREAM);
    assert_eq!((refused.stream, refused.code()), (201, Some(REFUSED_STREAM)));
    raw.check_alive();
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let (_place, server) = serve(&["--send-timeout", "300ms"]);
    let mut raw = FrameClient::open(server.address());
    raw.send(&setting(4, 0)).expect("the server reads");
    raw.send(&asking(1, "/long")).expect("the server reads");
    let end = raw.wait("a reset", |frame| frame.kind == RST_STREAM);
    assert_eq!((end.stream, end.code()), (1, Some(CANCEL)));
    // The others go on.
    raw.send(&setting(4, 65_535)).expect("the connection goes on");
    raw.send(&asking(3, "/hello.txt")).expect("the connection goes on");
    assert_eq!(raw.status(3), 200);
}

#[test]
fn a_connection_without_requests_ends_whatever_else_is_sent() {
    let (_place, server) = serve(&["--idle-timeout", "500ms", "--send-timeout", "500ms"]);
    let begun = Instant::now();
    let mut idle = FrameClient::open(server.address());
    let mut busy = FrameClient::open(server.address());
    busy.send(&frame(HEADERS, END_STREAM, 1, &get("/"))).expect("the server reads");
    assert_eq!(idle.end(), Some(0));
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(busy.end().is_none_or(|code| code == 0), "half a request is none");
    let mut pinging = FrameClient::open(server.address());
    let deadline = Instant::now() + Duration::from_secs(10);
    while pinging.send(&frame(PING, 0, 0, &[0; 8])).is_ok() {
        assert!(Instant::now() < deadline, "a PING keeps a connection");
        clock::wait_between_actions(Duration::from_millis(20));
    }
}
