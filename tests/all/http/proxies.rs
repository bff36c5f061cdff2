//! Trusted proxies, which name the address of their client, and other clients that send the same headers.

use crate::http::auth::{ALICE, AuthFixture};
use crate::support::certs;
use crate::support::client::{HttpConnection, ask, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Setup, Stack, TestServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use tempfile::TempDir;

fn serve(stack: Stack, arguments: &[&str]) -> (TempDir, TestServer) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let server =
        TestServer::launch(Setup { stack, directory: place.path(), options: &[], arguments, unprivileged: false });
    (place, server)
}

/// The client at the start of the line of a request.
#[track_caller]
fn client_of(server: &TestServer, bytes: &[u8]) -> String {
    let seen = server.stderr().len();
    let mut connection = HttpConnection::open(server.address());
    connection.send(bytes).expect("the server reads");
    let _ = connection.answer("GET");
    server.wait_for_stderr("the line of a request", |text| {
        let line = text.get(seen..)?.strip_suffix('\n')?.lines().last()?;
        line.contains("] \"").then(|| line.split(' ').next().unwrap_or_default().to_owned())
    })
}

#[test]
fn a_trusted_proxy_names_its_client() {
    let asked = request("GET", "/hello.txt", &[("X-Forwarded-For", "203.0.113.9, 192.0.2.1, 127.0.0.9")]);
    let (_place, server) = serve(Stack::Host, &["--trust", "127.0.0.0/8"]);
    assert_eq!(client_of(&server, &asked), "192.0.2.1");
    assert_eq!(client_of(&server, &request("GET", "/hello.txt", &[])), "127.0.0.1");
    for arguments in [&[][..], &["--trust", "10.0.0.0/8,::1"]] {
        let (_place, server) = serve(Stack::Host, arguments);
        assert_eq!(client_of(&server, &asked), "127.0.0.1", "{arguments:?}");
    }
}

#[test]
fn the_proxy_protocol_is_for_trusted_proxies() {
    let asked = request("GET", "/hello.txt", &[]);
    let (_place, server) =
        serve(Stack::Host, &["--trust", "127.0.0.1", "--proxy-protocol", "--header-timeout", "500ms"]);
    let one = [b"PROXY TCP4 192.0.2.1 127.0.0.1 9 80\r\n", &asked[..]].concat();
    assert_eq!(client_of(&server, &one), "192.0.2.1");
    let addresses = [192, 0, 2, 2, 127, 0, 0, 1, 0, 9, 0, 80];
    let two = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses, &asked].concat();
    assert_eq!(client_of(&server, &two), "192.0.2.2");
    // Without the header the response is 400, and a silent client gets none.
    let mut bare = HttpConnection::open(server.address());
    bare.send(&asked).expect("the server reads");
    assert_eq!(bare.answer("GET").expect("an answer").head.status, 400);
    let mut silent = HttpConnection::open(server.address());
    assert!(silent.is_closed());

    // From an untrusted address it is an invalid request.
    let (_place, server) = serve(Stack::Host, &["--trust", "10.0.0.0/8", "--proxy-protocol"]);
    let mut connection = HttpConnection::open(server.address());
    connection.send(&one).expect("the server reads");
    assert_eq!(connection.answer("GET").expect("an answer").head.status, 400);
    assert_eq!(client_of(&server, &asked), "127.0.0.1");
}

/// A proxy that has not said yet for whom it asks is not waited for when the server ends.
#[test]
fn a_proxy_that_says_nothing_keeps_no_server() {
    let (_place, server) = serve(Stack::Host, &["--trust", "127.0.0.1", "--proxy-protocol", "--grace", "1h", "-vv"]);
    let silent = HttpConnection::open(server.address());
    server.wait_for_stderr("the connection", |text| text.contains("connection opened").then_some(()));
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    drop(silent);
}

/// A proxy that passes TLS on says for whom before the handshake, which is none of its business.
#[test]
fn the_proxy_protocol_comes_before_tls() {
    let (_place, server) = serve(Stack::HostTls, &["--trust", "127.0.0.1", "--proxy-protocol"]);
    let first = b"PROXY TCP6 2001:db8::7 ::1 9 443\r\n";
    let mut connection = HttpConnection::secure_after(first, server.address(), certs::client(&[b"http/1.1"]));
    connection.send(&request("GET", "/hello.txt", &[])).expect("the server reads");
    assert_eq!(connection.answer("GET").expect("an answer").body, b"hello\n");
    server.wait_for_stderr("its address", |text| text.starts_with("2001:db8::7 - - [").then_some(()));
}

/// Guesses are counted for the client that a trusted proxy names, so one client does not block another. Names from an
/// untrusted client do not count, so they do not avoid the limit.
#[test]
fn guesses_are_counted_for_the_named_client() {
    let place = AuthFixture::new(ALICE);
    let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("alice:{password}")));
    let try_for = |server: &TestServer, client: &str, password: &str| {
        let fields = [("Authorization", &*basic(password)), ("X-Forwarded-For", client)];
        ask(server.address(), "GET", "/hello.txt", &fields).expect("an answer").head.status
    };
    let server = place.serve_with(&["--trust", "127.0.0.0/8"]);
    for _ in 0..10 {
        assert_eq!(try_for(&server, "192.0.2.1", "a guess"), 401);
    }
    assert_eq!(try_for(&server, "192.0.2.1", "a guess"), 429);
    assert_eq!(try_for(&server, "203.0.113.7, 192.0.2.1", "a guess"), 429, "what a client says is not believed");
    assert_eq!(try_for(&server, "192.0.2.2", "open sesame"), 200);

    let server = place.serve_with(&["--trust", "10.0.0.0/8"]);
    for last in 0..10 {
        assert_eq!(try_for(&server, &format!("192.0.2.{last}"), "a guess"), 401);
    }
    assert_eq!(try_for(&server, "192.0.2.99", "a guess"), 429);
}
