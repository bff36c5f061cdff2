//! The accepted values of `Host`. A page in a browser can point its own name at this machine (DNS rebinding); its
//! requests then arrive with that name in `Host`, and the page can read the responses.

use crate::support::certs;
use crate::support::client::{HttpConnection, HttpResponse};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::frames::{FrameClient, asking_of};
use crate::support::server::{TestServer, glasshouse};
use std::net::SocketAddr;
use tempfile::TempDir;

/// What a page may call itself that means harm. Some begin or end like names of this machine.
const FOREIGN: &[&str] = &[
    "example.com",
    "example.com:8000",
    "EXAMPLE.COM.",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "notlocalhost",
    "example.com:localhost",
    "10.0.0.1",
    "192.168.1.5:8000",
    "0.0.0.0",
    "[::]",
    "[::ffff:10.0.0.1]",
    "a",
    "rbndr.us",
];

/// Names of this machine for itself.
const OWN: &[&str] = &[
    "localhost",
    "LOCALHOST:1",
    "localhost.",
    "app.localhost:8000",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.9.9.9",
    "127.1",
    "[::1]:8000",
    "[::ffff:127.0.0.1]",
    "",
];

#[track_caller]
fn serve(arguments: &[&str]) -> (TempDir, TestServer) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let mut command = glasshouse();
    command.arg("0").args(arguments).arg("-d").arg(place.path());
    (place, TestServer::spawn(command))
}

#[track_caller]
fn send(connection: &mut HttpConnection, head: &str) -> HttpResponse {
    connection.send(head.as_bytes()).expect("the server reads");
    connection.answer("GET").unwrap_or_else(|error| panic!("{head:?}: {error}"))
}

/// The status of an answer to a request of HTTP/1.1 with this host.
#[track_caller]
fn status(address: SocketAddr, host: &str) -> u16 {
    let head = format!("GET /hello.txt HTTP/1.1\r\nHost: {host}\r\n\r\n");
    send(&mut HttpConnection::open(address), &head).head.status
}

#[test]
fn on_loopback_another_host_is_not_answered_for() {
    for bind in [&["-b", "127.0.0.1"][..], &["-b", "localhost"], &["-b", "127.0.0.1", "-b", "127.0.0.2"]] {
        let (_place, server) = serve(bind);
        for host in OWN {
            assert_eq!(status(server.address(), host), 200, "{bind:?} {host:?}");
        }
        for host in FOREIGN {
            let status = status(server.address(), host);
            // An invalid host is a bad request, as before.
            assert_eq!(status, if host.ends_with(":localhost") { 400 } else { 421 }, "{bind:?} {host:?}");
        }
    }
}

#[test]
fn the_refusal_says_the_way_out_and_ends_the_connection() {
    let (_place, server) = serve(&["-b", "127.0.0.1"]);
    let mut connection = HttpConnection::open(server.address());
    let answer = send(&mut connection, "GET /hello.txt HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert!(answer.text().contains("--host NAME") && !answer.text().contains("hello"), "{}", answer.text());
    assert!(answer.head.closes() && connection.is_closed());
    server.wait_for_stderr("its line", |text| text.contains("\"GET /hello.txt HTTP/1.1\" 421 ").then_some(()));
}

/// Whatever form a request has, the host is the one that counts for HTTP.
#[test]
fn every_form_of_a_request_is_looked_at() {
    let (_place, server) = serve(&["-b", "127.0.0.1"]);
    let rows = [
        ("GET http://example.com/hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET http://localhost/hello.txt HTTP/1.1\r\nHost: example.com\r\n\r\n", 200),
        ("GET http://localhost@example.com/hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET /hello.txt HTTP/1.0\r\nHost: example.com\r\n\r\n", 421),
        // No browser leaves the field out.
        ("GET /hello.txt HTTP/1.0\r\n\r\n", 200),
        ("GET /none HTTP/1.1\r\nHost: example.com\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 421),
        ("GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: example.com\r\n\r\n", 200),
        ("GET /hello.txt HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-Host: localhost\r\n\r\n", 421),
        ("GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n", 400),
    ];
    for (head, expected) in rows {
        assert_eq!(send(&mut HttpConnection::open(server.address()), head).head.status, expected, "{head:?}");
    }
    for (authority, expected) in [("localhost", 200), ("example.com", 421), ("[::1]:80", 200)] {
        let mut raw = FrameClient::open(server.address());
        raw.send(&asking_of(1, authority, "/hello.txt")).expect("the server reads");
        assert_eq!(raw.status(1), expected, "{authority}");
    }
}

#[test]
fn hosts_can_be_named() {
    for (arguments, host, expected) in [
        (&["-b", "127.0.0.1", "--host", "example.com"][..], "example.com:8000", 200),
        (&["-b", "127.0.0.1", "--host", "example.com"], "www.example.com", 421),
        (&["-b", "127.0.0.1", "--host", "a.test,*.example.com"], "www.example.com", 200),
        (&["-b", "127.0.0.1", "--host", "a.test", "--host", "b.test"], "b.test", 200),
        (&["-b", "127.0.0.1", "--host", "*"], "anything", 200),
        (&["-b", "127.0.0.1", "--host", "a.test"], "localhost", 200),
        // Named, they count on every address.
        (&["--host", "a.test"], "example.com", 421),
        (&["--host", "a.test"], "a.test", 200),
        (&["--host", "a.test"], "127.0.0.1", 200),
    ] {
        let (_place, server) = serve(arguments);
        assert_eq!(status(server.address(), host), expected, "{arguments:?} {host}");
    }
}

/// Where names mean nothing, or others look at them, every host is answered for.
#[test]
fn elsewhere_every_host_is_answered_for() {
    for arguments in [&[][..], &["-b", "0.0.0.0"], &["-b", "127.0.0.1", "--trust", "127.0.0.0/8"]] {
        let (_place, server) = serve(arguments);
        assert_eq!(status(server.address(), "example.com"), 200, "{arguments:?}");
    }
    // A proxy that is trusted, but somewhere else, is not the one that asks.
    let (_place, server) = serve(&["-b", "127.0.0.1", "--trust", "10.0.0.0/8"]);
    assert_eq!(status(server.address(), "example.com"), 421);
    // Over TLS the browser compares the name with the certificate.
    let pair = certs::pair();
    let [cert, key] = [&pair.cert, &pair.key].map(|path| path.to_str().expect("the path is UTF-8"));
    let (_place, server) = serve(&["-b", "127.0.0.1", "--tls-cert", cert, "--tls-key", key]);
    let mut connection = HttpConnection::secure(server.address(), certs::client(&[]));
    assert_eq!(send(&mut connection, "GET /hello.txt HTTP/1.1\r\nHost: example.com\r\n\r\n").head.status, 200);
}

#[test]
fn the_admin_address_is_as_strict() {
    for (arguments, expected) in [
        (&["--admin", "0"][..], 421),
        (&["-b", "127.0.0.1", "--admin", "0"], 421),
        (&["-b", "127.0.0.1", "--trust", "127.0.0.1", "--admin", "0"], 421),
        (&["--host", "example.com", "--admin", "0"], 200),
        (&["--admin", "0.0.0.0:0"], 200),
    ] {
        let (_place, server) = serve(arguments);
        let stdout = server.stdout();
        let line = stdout.lines().find_map(|line| line.strip_prefix("Admin on ")?.split_once("(http://"));
        let announced = line.and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        let mut admin: SocketAddr = announced.expect("the admin address is announced");
        admin.set_ip([127, 0, 0, 1].into());
        for path in ["/healthz", "/metrics"] {
            for (host, expected) in [("example.com", expected), ("localhost", 200), ("127.0.0.1:1", 200)] {
                let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                let answer = send(&mut HttpConnection::open(admin), &head);
                assert_eq!(answer.head.status, expected, "{arguments:?} {path} {host}");
            }
        }
    }
}
