//! Listening addresses beyond an address and a port: Unix sockets, IPv6 interfaces, the next free port, the browser and
//! the QR code. Common clients connect to them.

use crate::support::client::get;
use crate::support::clock;
use crate::support::fixture::{self, MODIFIED, put, skipped};
use crate::support::server::{Done, TestServer, glasshouse, glasshouse_in, run};
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn tree() -> TempDir {
    let place = fixture::place();
    put(&place.path().join("www/hello.txt"), b"hello\n", MODIFIED);
    place
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = glasshouse();
    command.arg("-d").arg(place.join("www")).current_dir(place).args(arguments);
    command
}

/// What curl fetches.
#[track_caller]
fn curl(arguments: &[&str]) -> Done {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]).args(arguments);
    run(command)
}

#[test]
fn a_unix_socket_is_an_address() {
    let place = tree();
    let socket = place.path().join("socket");
    let path = socket.to_str().expect("the path is UTF-8");
    for (arguments, signals) in [(&["--require-harden"][..], 1), (&["--no-harden"], 1), (&["--grace", "1h"], 2)] {
        let binds = ["0", "-b", "127.0.0.1", "-b", "unix:socket", "--unix-mode", "640"];
        let server = TestServer::spawn(command(place.path(), &[&binds, arguments].concat()));
        assert!(server.stdout().contains(&format!("Serving HTTP on unix:{path} ...\n")), "{}", server.stdout());
        let metadata = fs::symlink_metadata(&socket).expect("the socket is there");
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
        let done = curl(&["--unix-socket", path, "http://localhost/hello.txt"]);
        assert_eq!((done.status.code(), done.stdout.as_str()), (Some(0), "hello\n"), "{done:?}");
        assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
        for _ in 1..signals {
            server.signal(Signal::TERM);
        }
        assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
        assert!(fs::symlink_metadata(&socket).is_err(), "{arguments:?}: it goes with its server");
    }
}

#[test]
fn only_an_unused_socket_is_replaced() {
    let place = tree();
    let path = place.path().join("socket");
    let binds = ["0", "-b", "127.0.0.1", "-b", "unix:socket"];
    // What a server leaves behind that was killed.
    drop(UnixListener::bind(&path).expect("a socket can be made"));
    let server = TestServer::spawn(command(place.path(), &binds));
    let again = run(command(place.path(), &binds));
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(again.stderr.contains("in use"), "{again:?}");
    // What has come in the place of a socket is not the server's to remove.
    fs::remove_file(&path).expect("a socket can be removed");
    put(&path, b"precious", MODIFIED);
    assert_eq!(server.stop(Signal::TERM).status.code(), Some(0));
    let done = run(command(place.path(), &binds));
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.stderr.contains("a file is there that is not a socket"), "{done:?}");
    assert_eq!(fs::read(&path).expect("the file is there"), b"precious");
    let done = run(command(place.path(), &["-b", "unix:nowhere/socket"]));
    assert!(done.status.code() == Some(1) && done.stderr.contains("no such directory"), "{done:?}");
}

#[test]
fn the_next_free_port_is_taken_where_it_is_asked_for() {
    let place = tree();
    let holder = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = holder.local_addr().expect("it has an address").port();
    let server = TestServer::spawn(command(place.path(), &[&port.to_string(), "-b", "127.0.0.1", "--port-fallback"]));
    assert!(server.address().port() > port, "{}", server.address());
    assert_eq!(server.stderr(), format!("glasshouse: port in use: {port}; using the next free port\n"));
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
}

/// Every printed address responds.
#[test]
fn the_addresses_that_are_printed_are_served() {
    let place = tree();
    let rows: &[(&[&str], &str)] = &[
        (&["-d", "www"], "/"),
        (&["-d", "www", "--prefix", "/our site"], "/our%20site/"),
        (&["--mount", "/a/b=www"], "/a/b/"),
        (&["--mount", "/a/b=www", "-d", "www", "--prefix", "p"], "/p/"),
        (&["-d", "www", "--mount", "/a=www"], "/"),
    ];
    for (arguments, path) in rows {
        let server = TestServer::spawn(glasshouse_in(place.path(), arguments));
        let address = server.address();
        assert!(server.stdout().contains(&format!("(http://{address}{path})")), "{arguments:?}: {}", server.stdout());
        assert_eq!(get(address, path).head.status, 200, "{arguments:?}");
    }
    let mut command = glasshouse();
    command.current_dir(place.path()).args(["0", "-d", "www", "--prefix", "/p", "-b", "0.0.0.0"]);
    let reported = TestServer::spawn(command).stdout();
    assert!(reported.lines().count() > 1 && reported.lines().all(|line| line.contains("/p/")), "{reported}");
}

#[test]
fn the_port_without_tls_is_printed() {
    let place = tree();
    for bind in ["127.0.0.1", "localhost"] {
        let arguments = ["0", "-b", bind, "--tls-self-signed", "--redirect-http", "0"];
        let server = TestServer::spawn(command(place.path(), &arguments));
        let reported = server.stdout();
        let from = reported.lines().find_map(|line| line.strip_prefix("Redirecting HTTP on 127.0.0.1 port "));
        let (port, url) = from.and_then(|from| from.split_once(' ')).unwrap_or_else(|| panic!("{reported}"));
        assert_eq!(url, format!("(http://127.0.0.1:{port}/)"));
        let answer = get(format!("127.0.0.1:{port}").parse().expect("an address"), "/hello.txt");
        let location = format!("https://localhost:{}/hello.txt", server.address().port());
        assert_eq!((answer.head.status, answer.head.one("location")), (308, Some(location.as_str())));
    }
}

/// A link-local address of this machine, and its interface.
fn link_local() -> Option<(String, String)> {
    const LINK: &str = "20";
    let table = fs::read_to_string("/proc/net/if_inet6").ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, _, LINK, _, name] = fields[..] else { return None };
        let groups: Vec<&str> = (0..8).filter_map(|at| address.get(at * 4..at * 4 + 4)).collect();
        let address: std::net::Ipv6Addr = groups.join(":").parse().ok()?;
        Some((address.to_string(), name.to_owned()))
    })
}

#[test]
fn a_link_local_address_has_an_interface() {
    let place = tree();
    let Some((address, interface)) = link_local() else {
        return skipped("link-local addresses, of which this machine has none");
    };
    let server =
        TestServer::spawn(command(place.path(), &["0", "-b", "127.0.0.1", "-b", &format!("{address}%{interface}")]));
    let url = format!("http://[{address}%25{interface}]:{}/", server.address().port());
    let line = format!("Serving HTTP on {address}%{interface} port {} ({url}) ...\n", server.address().port());
    assert!(server.stdout().contains(&line), "{line} in {}", server.stdout());
    let done = curl(&["--globoff", &format!("{url}hello.txt")]);
    assert_eq!((done.status.code(), done.stdout.as_str()), (Some(0), "hello\n"), "{done:?}");
    let done = run(command(place.path(), &["0", "-b", &address]));
    assert!(done.status.code() == Some(1) && done.stderr.contains("fe80::1%eth0"), "{done:?}");
}

#[test]
fn a_browser_is_opened_although_rights_are_given_up() {
    let place = tree();
    let browser = place.path().join("browser");
    put(&browser, b"#!/bin/sh\nprintf %s \"$1\" >opened.part && mv opened.part opened\n", MODIFIED);
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("a file can be made a program");
    let mut serve = command(place.path(), &["0", "--open", "--require-harden", "--prefix", "our site"]);
    serve.env("BROWSER", &browser);
    let server = TestServer::spawn(serve);
    let opened = clock::wait_for("a browser is opened", || fs::read_to_string(place.path().join("opened")).ok());
    assert_eq!(opened, format!("http://127.0.0.1:{}/our%20site/", server.address().port()));

    let mut serve = command(place.path(), &["0", "--open"]);
    serve.env("BROWSER", "/nowhere/browser");
    let server = TestServer::spawn(serve);
    server.wait_for_stderr("why there is none", |text| text.contains("cannot open a browser").then_some(()));
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
}

#[test]
fn the_address_is_shown_in_squares() {
    let place = tree();
    let server = TestServer::spawn(command(place.path(), &["0", "-b", "127.0.0.1", "--qr"]));
    server.wait_for_stderr("why there is none", |text| {
        text.contains("no QR code: only this machine can reach the server").then_some(())
    });
    let server = TestServer::spawn(command(place.path(), &["0", "--qr"]));
    if server
        .stdout()
        .lines()
        .filter(|line| line.contains("http://"))
        .all(|line| line.contains("127.0.0.1") || line.contains("::"))
    {
        return skipped("QR codes, because this machine has no network");
    }
    let done = server.stop(Signal::TERM);
    let rows: Vec<&str> = done.stdout.lines().filter(|line| line.contains(['█', '▀', '▄'])).collect();
    let width = rows.first().map_or(0, |row| row.chars().count());
    // Versions of the code have 17 + 4 N squares a side, beside four of margin on both sides; two squares are one
    // character high.
    assert!(width >= 29 && (width - 25).is_multiple_of(4) && rows.len() == width.div_ceil(2), "{}", done.stdout);
    assert!(rows.iter().all(|row| row.chars().count() == width), "{}", done.stdout);
    assert!(
        rows.first().is_some_and(|row| row.chars().all(|square| square == '█')),
        "a margin that is light: {}",
        done.stdout
    );
}
