//! The command line as a person or a script meets it. Unexpected text on standard output or standard error fails a
//! test.

use crate::support::client::{HttpConnection, ask, get, request};
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::html;
use crate::support::server::{Done, TestServer, Version, glasshouse, handler, run};
use rustix::process::Signal;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A command that serves a small tree.
fn command(arguments: &[&str]) -> (TempDir, Command) {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    put(&place.path().join("noext"), b"x\n", MODIFIED);
    put(&place.path().join(".hidden"), b"hidden\n", MODIFIED);
    put(&place.path().join("sub/start.html"), b"<p>start\n", MODIFIED);
    let mut command = glasshouse();
    command.current_dir(place.path()).args(arguments);
    (place, command)
}

fn serve(arguments: &[&str]) -> (TempDir, TestServer) {
    let (place, command) = command(arguments);
    (place, TestServer::spawn(command))
}

/// Ends a server as a service manager does, and requires that it leaves without a word.
#[track_caller]
fn end(server: TestServer) -> Done {
    let done = server.stop(Signal::TERM);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(done.stderr, "");
    done
}

/// A command that must fail before it serves, with a word about it.
#[track_caller]
fn fails(arguments: &[&str], variables: &[(&str, &str)], code: i32, words: &[&str]) {
    let (_place, mut command) = command(arguments);
    command.envs(variables.iter().copied());
    let done = run(command);
    assert_eq!(done.status.code(), Some(code), "{arguments:?} {variables:?}: {done:?}");
    assert_eq!(done.stdout, "", "{arguments:?} {variables:?}");
    for word in words {
        assert!(done.stderr.contains(word), "{arguments:?} {variables:?}: no {word:?} in {}", done.stderr);
    }
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

/// A port that is free now. It may be taken before its use, so the caller must retry.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port().to_string()
}

/// Whether this machine has the loopback of IPv6.
pub fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        fixture::skipped("IPv6, which this machine does not have");
    }
    has
}

/// PY-1
#[test]
fn help_lists_every_option() {
    let (_place, command) = command(&["--help"]);
    let done = run(command);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(0), ""));
    let options =
        "PORT --bind --directory --protocol --header --content-type --index --hidden --threads --handler --quiet";
    for word in options.split(' ').chain(["[default: 8000]", "[default: HTTP/1.1]", "glasshouse handler"]) {
        assert!(done.stdout.contains(word), "no {word} in {}", done.stdout);
    }
}

#[test]
fn help_is_a_command_too() {
    let (_place, command) = command(&["help"]);
    let done = run(command);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout.contains("--directory") && done.stdout.contains("GLOB"), "{}", done.stdout);
}

#[test]
fn the_version_is_printed() {
    let (_place, command) = command(&["--version"]);
    let done = run(command);
    let expected = concat!("glasshouse ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((done.status.code(), done.stdout.as_str(), done.stderr.as_str()), (Some(0), expected, ""));
}

/// PY-2, PY-12
#[test]
fn the_banner_is_one_line_with_the_real_port() {
    let (_place, server) = serve(&["0", "--bind", "127.0.0.1"]);
    let port = server.address().port();
    assert_ne!(port, 0);
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    server.wait_for_stderr("its line", |text| text.contains("hello.txt").then_some(()));
    let done = server.stop(Signal::TERM);
    assert_eq!(done.stdout, format!("Serving HTTP on 127.0.0.1 port {port} (http://127.0.0.1:{port}/) ...\n"));
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

/// PY-2
#[test]
fn the_port_is_the_first_word() {
    for _ in 0..5 {
        let port = free_port();
        let (_place, command) = command(&[&port, "-b", "127.0.0.1"]);
        let Some(server) = TestServer::try_spawn(command) else { continue };
        assert_eq!(server.address().port().to_string(), port);
        end(server);
        return;
    }
    panic!("no port stayed free");
}

/// PY-3, PY-7, PY-8
#[test]
fn what_cannot_be_understood_exits_2() {
    fails(&["65536"], &[], 2, &["65536"]);
    fails(&["--port", "abc"], &[], 2, &["abc", "--port"]);
    fails(&["-1"], &[], 2, &["-1"]);
    fails(&["0", "0"], &[], 2, &["0"]);
    fails(&["0", "--no-such-option"], &[], 2, &["--no-such-option"]);
    fails(&["0", "-p", "HTTP/2"], &[], 2, &["HTTP/2", "HTTP/1.1"]);
    fails(&["0", "-b"], &[], 2, &["--bind"]);
    fails(&["0", "-b", ""], &[], 2, &["--bind"]);
    fails(&["0", "--threads", "0"], &[], 2, &["--threads"]);
    fails(&["0", "--content-type", "nonsense"], &[], 2, &["--content-type", "nonsense"]);
    fails(&["0", "--index", "a/b"], &[], 2, &["--index", "a/b"]);
    fails(&["0", "--redirect", "/sp ace", "/n"], &[], 2, &["--redirect", "'ace'", "%20"]);
    fails(&["0", "--redirect", "/a?b", "/n"], &[], 2, &["--redirect", "'/a?b'", "%3F"]);
    let round = "is a redirect loop";
    fails(&["0", "--redirect", "/a", "/a"], &[], 2, &["--redirect: '/a /a'", round]);
    fails(&["0", "--redirect", "/*", "/x/*"], &[], 2, &["--redirect: '/* /x/*'", round]);
    fails(&["0", "--redirect", "/docs/", "/docs"], &[], 2, &["--redirect: '/docs/ /docs'", round, "'/docs.html'"]);
    fails(&["0"], &[("GLASSHOUSE_REDIRECT", "/a /b\n/b /a 302")], 2, &["GLASSHOUSE_REDIRECT: '/a /b'", "'/b /a 302'"]);
    fails(&["handler"], &[], 2, &["--output"]);
    // PY-8: Python removed it as well.
    fails(&["0", "--cgi"], &[], 2, &["--cgi"]);
}

/// PY-4
#[test]
fn all_addresses_are_listened_on() {
    let (_place, server) = serve(&["0"]);
    let banner = server.stdout();
    let first = banner.lines().next().unwrap_or_default();
    assert!(first.contains(" on :: port ") || first.contains(" on 0.0.0.0 port "), "{banner}");
    let port = server.address().port();
    assert_eq!(get(SocketAddr::from(([127, 0, 0, 1], port)), "/hello.txt").text(), "hello\n");
    if has_ipv6() {
        assert_eq!(get(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), "/hello.txt").text(), "hello\n");
    }
    // PY-83: a client that connects over IPv4 is logged by its IPv4 address. Entries of two connections have no order.
    let is_logged = |text: &str| text.lines().any(|line| line.starts_with("127.0.0.1 - - "));
    server.wait_for_stderr("the address", |text| is_logged(text).then_some(()));
}

/// PY-5
#[test]
fn one_address_is_listened_on() {
    let (_place, server) = serve(&["0", "-b", "localhost"]);
    assert!(server.stdout().contains(" on 127.0.0.1 port "), "{}", server.stdout());
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");

    let (_place, server) = serve(&["0", "-b", "127.0.0.1"]);
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], server.address().port()));
    if cfg!(target_os = "linux") {
        let refused = TcpStream::connect_timeout(&elsewhere, Duration::from_secs(1)).map(|_| ());
        assert!(refused.is_err(), "{elsewhere} answers too");
    }
    fails(&["0", "-b", "203.0.113.1"], &[], 1, &["203.0.113.1"]);
    fails(&["0", "-b", "no-such-name.invalid"], &[], 1, &["no-such-name.invalid"]);
}

/// PY-5
#[test]
fn addresses_of_ipv6_are_listened_on() {
    if !has_ipv6() {
        return;
    }
    for bind in ["::1", "[::1]"] {
        let (_place, server) = serve(&["0", "--bind", bind]);
        let port = server.address().port();
        assert_eq!(server.stdout(), format!("Serving HTTP on ::1 port {port} (http://[::1]:{port}/) ...\n"));
        assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    }
    let (_place, server) = serve(&["0", "-b", "127.0.0.1", "-b", "::1"]);
    let banner = server.stdout();
    assert_eq!(banner.matches("Serving HTTP on ").count(), 2, "{banner}");
    let ports: Vec<u16> =
        banner.lines().filter_map(|line| line.rsplit_once(":")?.1.split('/').next()?.parse().ok()).collect();
    for (address, port) in ["127.0.0.1", "::1"].into_iter().zip(ports) {
        let address = SocketAddr::new(address.parse().expect("an address"), port);
        assert_eq!(get(address, "/hello.txt").text(), "hello\n", "{address}");
    }
}

/// PY-6
#[test]
fn a_directory_is_served() {
    // The current one is that of the start.
    let (_place, server) = serve(&["0", "-b", "127.0.0.1"]);
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    let (_place, server) = serve(&["0", "-b", "127.0.0.1", "-d", "sub"]);
    assert_eq!(get(server.address(), "/start.html").text(), "<p>start\n");
    assert_eq!(get(server.address(), "/../hello.txt").head.status, 404);
    // By itself, before and behind the port; one that is called as a number by its path.
    let (place, by_itself) = command(&["sub", "0", "-b", "127.0.0.1"]);
    assert_eq!(get(TestServer::spawn(by_itself).address(), "/start.html").text(), "<p>start\n");
    put(&place.path().join("8080/x"), b"x\n", MODIFIED);
    for words in [&["0", "./8080"][..], &["0", "-d", "8080"], &["--port", "0", "./8080/../8080"]] {
        let mut numbered = glasshouse();
        numbered.current_dir(place.path()).args(words).args(["-b", "127.0.0.1"]);
        assert_eq!(get(TestServer::spawn(numbered).address(), "/x").text(), "x\n", "{words:?}");
    }
    let (place, through_link) = command(&["0", "-b", "127.0.0.1", "-d", "link"]);
    fixture::link(Path::new("sub"), &place.path().join("link"));
    let server = TestServer::spawn(through_link);
    assert_eq!(get(server.address(), "/start.html").text(), "<p>start\n");
    fails(&["nowhere"], &[], 1, &["'nowhere'", "no such directory"]);
    fails(&["0", "-d", "nowhere"], &[], 1, &["'nowhere'", "no such directory"]);
    fails(&["0", "-d", "/dev/null"], &[], 1, &["'/dev/null'", "not a directory or a file"]);
    fails(&["0", "-d", "hello.txt/sub"], &[], 1, &["'hello.txt/sub'"]);
}

/// PY-10
#[test]
fn fields_are_added_to_what_is_found() {
    let fields = ["-H", "X-One", "1", "-H", "X-Two", "a: b", "-H", "x-one", "2"];
    let (_place, server) = serve(&[&["0", "-b", "127.0.0.1"], &fields[..]].concat());
    for (target, ones) in [("/hello.txt", 2), ("/sub/", 2), ("/sub", 0), ("/none", 0)] {
        let head = get(server.address(), target).head;
        assert_eq!(head.all("x-one").count(), ones, "{target}: {head:?}");
        assert_eq!(head.one("x-two").is_some(), ones > 0, "{target}: {head:?}");
    }
    fails(&["0", "-H", "X-One"], &[], 2, &["--header"]);
    // What would not be sent is refused.
    fails(&["0", "-H", "Server", "zzz"], &[], 2, &["--header: only the server sets 'Server'"]);
    fails(&["0", "-H", "etag", "\"a\""], &[], 2, &["--header: the server sets 'etag' from the file"]);
    fails(&["0", "-H", "Content-Type", "a/b"], &[], 2, &["--header: 'Content-Type'", "use mime and content-type"]);
    fails(
        &["0", "--header-for", "*", "Last-Modified", "x"],
        &[],
        2,
        &["--header-for: the server sets 'Last-Modified' from the file"],
    );
    fails(&["0"], &[("GLASSHOUSE_HEADER", "X-Content-Type-Options: x")], 2, &["GLASSHOUSE_HEADER: ", "always sent"]);
    let both = ["0", "-H", "Cache-Control", "no-cache", "--cache", "60"];
    fails(&both, &[], 2, &["--header: 'Cache-Control' would never be sent, because the option 'cache' sets it"]);
    let both = ["0", "--header-for", "*", "Access-Control-Allow-Origin", "*", "--cors"];
    fails(
        &both,
        &[],
        2,
        &["--header-for: 'Access-Control-Allow-Origin' would never be sent, because the option 'cors' sets it"],
    );
    let both = ["0", "-H", "Cross-Origin-Opener-Policy", "unsafe-none", "--isolate"];
    fails(
        &both,
        &[],
        2,
        &["--header: 'Cross-Origin-Opener-Policy' would never be sent, because the option 'isolate' sets it"],
    );
    // PY-10: Python takes the port for the value.
    fails(&["-H", "X-One: 1", "8199"], &[], 2, &["--header", "X-One: 1"]);
    fails(&["0", "-H", "Connection", "close"], &[], 2, &["Connection"]);
    fails(&["0", "-H", "X-One", "1\r\nX-Two: 2"], &[], 2, &["--header"]);
}

/// PY-11
#[test]
fn the_handlers_options_are_options() {
    let options = ["--content-type", "text/x-mine", "--hidden", "--index", "none", "--index", "start.html"];
    let (_place, server) = serve(&[&["0", "-b", "127.0.0.1"], &options[..]].concat());
    assert_eq!(get(server.address(), "/noext").head.one("content-type"), Some("text/x-mine"));
    assert_eq!(get(server.address(), "/.hidden").text(), "hidden\n");
    assert_eq!(get(server.address(), "/sub/").text(), "<p>start\n");
    assert!(html::links(&get(server.address(), "/").text()).iter().any(|(href, _)| href == ".hidden"));
}

#[test]
fn dotfiles_are_shown_by_patterns() {
    let first = ["0", "-b", "127.0.0.1"];
    let ask = |words: &[&str]| {
        let (_place, server) = serve(&[&first[..], words].concat());
        get(server.address(), "/.hidden").head.status
    };
    assert_eq!(ask(&["--hidden=/none/.x", "--hidden=.hid*"]), 200);
    assert_eq!(ask(&["--hidden=/none/.x", "--hidden=.git/**"]), 404);
    fails(&["0", "--hidden=.git/{a"], &[], 2, &["--hidden", "unclosed brace"]);
    fails(&["0", "--hidden=hidden"], &[], 2, &["--hidden", "'hidden' is neither 'true' nor 'false' nor a pattern"]);
}

#[test]
fn variables_stand_in_for_options() {
    let (place, mut command) = command(&["--index", "start.html"]);
    command.envs([
        ("GLASSHOUSE_PORT", "0"),
        ("GLASSHOUSE_BIND", "127.0.0.1"),
        ("GLASSHOUSE_DIRECTORY", place.path().to_str().expect("the path is UTF-8")),
        ("GLASSHOUSE_PROTOCOL", "HTTP/1.0"),
        ("GLASSHOUSE_HEADER", "X-One: 1\nX-Two: 2"),
        ("GLASSHOUSE_CONTENT_TYPE", "text/x-mine"),
        ("GLASSHOUSE_HIDDEN", "yes"),
        ("GLASSHOUSE_THREADS", "1"),
        // What is typed wins.
        ("GLASSHOUSE_INDEX", "hello.txt"),
    ]);
    let server = TestServer::spawn(command);
    let head = get(server.address(), "/noext").head;
    assert_eq!(head.version, "HTTP/1.0");
    assert_eq!((head.one("x-one"), head.one("x-two")), (Some("1"), Some("2")));
    assert_eq!(head.one("content-type"), Some("text/x-mine"));
    assert_eq!(get(server.address(), "/.hidden").head.status, 200);
    assert_eq!(get(server.address(), "/sub/").text(), "<p>start\n");
    fails(&["0"], &[("GLASSHOUSE_INDX", "x")], 2, &["GLASSHOUSE_INDX", "GLASSHOUSE_INDEX"]);
    fails(&["0"], &[("GLASSHOUSE_HIDDEN", "perhaps")], 2, &["GLASSHOUSE_HIDDEN", "perhaps"]);
    fails(&[], &[("GLASSHOUSE_PORT", "abc")], 2, &["abc", "GLASSHOUSE_PORT"]);
}

/// PY-13
#[test]
fn ctrl_c_ends_it_well() {
    const FAREWELL: &str = "\nKeyboard interrupt received, exiting.\n";
    for (signal, last) in [(Signal::INT, FAREWELL), (Signal::TERM, "")] {
        let (_place, server) = serve(&["0", "-b", "127.0.0.1"]);
        let banner = server.stdout();
        let done = server.stop(signal);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert_eq!((done.stdout, done.stderr.as_str()), (banner + last, ""));
    }
}

/// Clients who hold a connection, whatever they do with it, do not hold the server.
/// PY-13
#[test]
fn it_ends_in_time_with_clients_connected() {
    let (place, server) = serve(&["0", "-b", "127.0.0.1", "--grace", "2s"]);
    let long = std::fs::File::create(place.path().join("long")).expect("a file can be made");
    long.set_len(1 << 30).expect("a file can be long");
    let silent = HttpConnection::open(server.address());
    let mut half = HttpConnection::open(server.address());
    half.send(b"GET /hello.txt HTTP/1.1\r\nHo").expect("the server reads");
    let mut kept = HttpConnection::open(server.address());
    kept.send(&request("GET", "/hello.txt", &[])).expect("the server reads");
    assert_eq!(kept.answer("GET").expect("an answer").text(), "hello\n");
    let mut stalled = HttpConnection::open(server.address());
    stalled.send(&request("GET", "/long", &[])).expect("the server reads");
    stalled.head().expect("an answer begins");
    let start = Instant::now();
    let done = server.stop(Signal::INT);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    drop((silent, half, kept, stalled));
}

/// PY-14
#[test]
fn a_port_in_use_is_an_error() {
    let (_place, server) = serve(&["0", "-b", "127.0.0.1"]);
    let port = server.address().port().to_string();
    fails(&[&port, "-b", "127.0.0.1"], &[], 1, &["127.0.0.1", &port, "in use"]);
    fails(&[&port], &[], 1, &[&port, "in use"]);
    // The port is free again as soon as its server is gone, although clients were connected.
    let mut connection = HttpConnection::open(server.address());
    connection.send(&request("GET", "/hello.txt", &[])).expect("the server reads");
    assert_eq!(connection.answer("GET").expect("an answer").text(), "hello\n");
    drop(server.stop(Signal::TERM));
    let (_place, command) = command(&[&port, "-b", "127.0.0.1"]);
    assert_eq!(TestServer::spawn(command).address().port().to_string(), port);
}

/// PY-15
#[test]
fn silent_clients_delay_no_other() {
    let (_place, server) = serve(&["0", "-b", "127.0.0.1", "--threads", "1"]);
    let silent: Vec<HttpConnection> = (0..5).map(|_| HttpConnection::open(server.address())).collect();
    assert_eq!(get(server.address(), "/hello.txt").text(), "hello\n");
    drop(silent);
}

#[test]
fn quiet_says_nothing() {
    for _ in 0..5 {
        let port = free_port();
        let (_place, command) = command(&[&port, "-b", "127.0.0.1", "--quiet"]);
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
        let Some(server) = TestServer::try_spawn_at(command, address) else { continue };
        assert_eq!(get(address, "/hello.txt").text(), "hello\n");
        assert_eq!(ask(address, "GET", "/none", &[]).expect("an answer").head.status, 404);
        assert_eq!(end(server).stdout, "");
        return;
    }
    panic!("no port stayed free");
}

#[test]
fn the_handler_can_be_taken_out() {
    /// What every component begins with: the magic number, version 13, layer 1.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let read = |version| std::fs::read(handler(version)).expect("the handler was written");
    let (p2, p3) = (read(Version::P2), read(Version::P3));
    assert!(p2.starts_with(COMPONENT) && p3.starts_with(COMPONENT));
    assert_ne!(p2, p3);
    let written = glasshouse().args(["handler", "-o", "-"]).output().expect("glasshouse runs");
    assert!(written.status.success() && written.stderr.is_empty() && written.stdout == p3);

    let place = fixture::place();
    let mut command = glasshouse();
    command.arg("handler").arg("-o").arg(place.path().join("out.wasm"));
    let done = run(command);
    assert_eq!((done.status.code(), done.stdout.as_str(), done.stderr.as_str()), (Some(0), "", ""));
    fails(&["handler", "-o", "nowhere/out.wasm"], &[], 1, &["nowhere/out.wasm"]);
}

/// The messages of panics name source files. The bytes of a component must not depend on where it is built.
#[test]
fn the_handlers_contain_no_path_of_the_build_machine() {
    let root = env!("CARGO_MANIFEST_DIR").trim_end_matches("tests");
    for version in [Version::P2, Version::P3] {
        let component = std::fs::read(handler(version)).expect("the handler was written");
        for path in [root, "/registry/src/"] {
            assert!(!component.windows(path.len()).any(|part| part == path.as_bytes()), "{version:?} contains {path}");
        }
    }
}

#[test]
fn a_handler_that_is_none_is_refused() {
    fails(&["0", "-b", "127.0.0.1", "--handler", "nowhere.wasm"], &[], 1, &["nowhere.wasm", "--handler"]);
    fails(&["0", "-b", "127.0.0.1", "--handler", "hello.txt"], &[], 1, &["hello.txt"]);
    fails(&["0", "-b", "127.0.0.1", "--handler", "."], &[], 1, &["'.'"]);
}
