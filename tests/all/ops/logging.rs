//! The messages of the program on standard error: levels and colours.

use crate::support::client::{HttpConnection, get};
use crate::support::fixture::{self, MODIFIED, is_there, put};
use crate::support::server::{Setup, Stack, TestServer, glasshouse, run};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

/// What is on standard error after one request with these arguments and variables.
#[track_caller]
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let place = fixture::place();
    put(&place.path().join("hello.txt"), b"hello\n", MODIFIED);
    let arguments = &[&["--log", "off"], arguments].concat();
    let setup =
        Setup { stack: Stack::Host, directory: place.path(), options: variables, arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    get(server.address(), "/hello.txt");
    server.stop(Signal::TERM).stderr
}

/// Arguments, variables, and the levels of what is said then.
type LoggingCase<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn as_much_is_said_as_was_asked_for() {
    let levels = |text: &str| {
        let lines = text.lines().map(|line| line.strip_prefix("glasshouse: ").expect("each line has a prefix"));
        let levels = lines.map(|line| line.split_once(": ").expect("a level").0.to_owned());
        let mut levels: Vec<String> = levels.collect();
        levels.sort();
        levels.dedup();
        levels
    };
    let rows: &[LoggingCase] = &[
        (&[], &[], &[]),
        (&["-v"], &[], &["info"]),
        (&["-vv"], &[], &["debug", "info"]),
        (&["--verbose=debug"], &[], &["debug", "info"]),
        (&[], &[("GLASSHOUSE_LOG", "info")], &["info"]),
        (&[], &[("GLASSHOUSE_LOG", "debug")], &["debug", "info"]),
        (&[], &[("GLASSHOUSE_LOG", "error")], &[]),
        (&["-v"], &[("GLASSHOUSE_LOG", "debug")], &["info"]),
    ];
    for (arguments, variables, expected) in rows {
        let text = said(arguments, variables);
        assert_eq!(levels(&text), *expected, "{arguments:?} {variables:?}: {text}");
    }
    let text = said(&["-vv"], &[]);
    for expected in
        ["info: rights of the process: ", "info: stopping: received SIGTERM", "debug: connection opened: 127.0.0.1"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// No client can write control sequences into it, and it has no passwords that libraries might quote.
#[test]
fn what_clients_send_is_not_said() {
    let place = fixture::place();
    let arguments = &["-vv", "--log", "off"];
    let setup = Setup { stack: Stack::Host, directory: place.path(), options: &[], arguments, unprivileged: false };
    let server = TestServer::launch(setup);
    for bytes in [&b"GET /\x1b[31mSECRET HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nSECRET\x1b[31m"] {
        let mut connection = HttpConnection::open(server.address());
        connection.send(bytes).expect("the server reads");
        let _ = connection.rest();
    }
    let text = server.stop(Signal::TERM).stderr;
    assert!(!text.contains("SECRET") && !text.contains('\x1b') && text.lines().count() > 4, "{text}");
}

#[test]
fn the_variable_of_the_log_is_not_that_of_diagnostics() {
    for (name, value, status) in [
        ("GLASSHOUSE_LOG", "json", Some(2)),
        ("GLASSHOUSE_LOG", "info", Some(0)),
        ("GLASSHOUSE_LOG_FORM", "json", Some(0)),
        ("GLASSHOUSE_LOG_FORM", "info", Some(2)),
    ] {
        let mut command = glasshouse();
        command.env(name, value).args(["0", "-b", "127.0.0.1", "--check"]);
        let done = run(command);
        assert_eq!(done.status.code(), status, "{name}={value}: {done:?}");
        let is_reported = done.stderr.contains(&format!("the value is from the variable {name}\n"));
        assert_eq!(is_reported, status == Some(2), "{done:?}");
    }
}

/// What a server with a file of settings that is not there says on a terminal.
#[track_caller]
fn on_a_terminal(variables: &[&str]) -> String {
    let binary = glasshouse().get_program().to_owned();
    let line = format!(
        "env {} '{}' 0 -b 127.0.0.1 -d /none/such",
        variables.join(" "),
        binary.to_str().expect("a path in UTF-8")
    );
    // It ends with the code of the program: 1.
    let done = crate::support::tools::ends(Path::new("/"), "script", &["-qec", &line, "/dev/null"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    done.stdout
}

#[test]
fn colours_are_for_terminals() {
    if !is_there("script", "colours on a terminal") {
        return;
    }
    let plain = "glasshouse: cannot serve '/none/such'";
    let coloured = "\x1b[31mglasshouse:\x1b[0m cannot serve '/none/such'";
    assert!(on_a_terminal(&["TERM=xterm"]).starts_with(coloured));
    assert!(on_a_terminal(&["TERM=xterm", "NO_COLOR="]).starts_with(coloured));
    assert!(on_a_terminal(&["TERM=xterm", "NO_COLOR=1"]).starts_with(plain));
    assert!(on_a_terminal(&["TERM=dumb"]).starts_with(plain));
    let mut command: Command = glasshouse();
    command.env("TERM", "xterm").args(["0", "-d", "/none/such"]);
    assert!(run(command).stderr.starts_with(plain));
}
