//! Options from everywhere: flags, variables and the file of `--config`, and what is told of them by `--check`.

use crate::client::get;
use crate::fixture::{self, MODIFIED, put};
use crate::server::{Done, Server, glasshouse, run};
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// A command in a place that has a file of settings.
fn command(settings: &str, arguments: &[&str]) -> (TempDir, Command) {
    let place = fixture::place();
    put(&place.path().join("noext"), b"x\n", MODIFIED);
    fs::write(place.path().join("settings.toml"), settings).expect("a file can be written");
    let mut command = glasshouse();
    command.current_dir(place.path()).args(["--config", "settings.toml"]).args(arguments);
    (place, command)
}

#[track_caller]
fn succeeds(command: Command) -> String {
    let Done { status, stdout, stderr } = run(command);
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

#[test]
fn a_server_is_set_up_by_a_file() {
    let settings =
        "port = 0\nbind = ['127.0.0.1']\nheader = ['X-One: 1', 'X-Two: a: b']\ncontent-type = 'text/x-file'\n";
    let (_place, from_file) = command(settings, &[]);
    let server = Server::spawn(from_file);
    let head = get(server.address(), "/noext").head;
    assert_eq!((head.one("x-one"), head.one("x-two")), (Some("1"), Some("a: b")));
    assert_eq!(head.one("content-type"), Some("text/x-file"));

    // A variable wins, and what is typed wins over both. The file itself can be named by a variable.
    for (typed, expected) in [(&[][..], "text/x-variable"), (&["--content-type", "text/x-typed"], "text/x-typed")] {
        let place = fixture::place();
        put(&place.path().join("noext"), b"x\n", MODIFIED);
        fs::write(place.path().join("settings.toml"), settings).expect("a file can be written");
        let mut command = glasshouse();
        command.current_dir(place.path()).args(typed);
        command.envs([("GLASSHOUSE_CONTENT_TYPE", "text/x-variable"), ("GLASSHOUSE_CONFIG", "settings.toml")]);
        let server = Server::spawn(command);
        assert_eq!(get(server.address(), "/noext").head.one("content-type"), Some(expected));
    }
}

#[test]
fn nonsense_in_a_file_exits_2_and_is_named() {
    for (settings, words) in [
        ("max-memroy = '1M'", &["settings.toml, line 1, max-memroy", "did you mean 'max-memory'?"][..]),
        ("\nmax-memory = 'lots'", &["'lots' is no size", "settings.toml, line 2, max-memory"]),
        ("quiet = 1", &["settings.toml, line 1, quiet", "write true or false"]),
        ("port = 0\nindex = ['a/b']", &["settings.toml, line 2, index: 'a/b' is no file name; give one without '/'"]),
        ("port = ", &["settings.toml, line 1: "]),
    ] {
        let (_place, command) = command(settings, &[]);
        let done = run(command);
        assert_eq!((done.status.code(), done.stdout.as_str()), (Some(2), ""), "{settings}: {done:?}");
        for word in words {
            assert!(done.stderr.contains(word), "{settings}: no {word:?} in {}", done.stderr);
        }
    }
    let mut command = glasshouse();
    command.args(["--config", "nowhere.toml"]);
    let done = run(command);
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stderr.contains("cannot read the settings 'nowhere.toml': no such file"), "{}", done.stderr);
}

/// What `--check` prints, with a comment behind each value taken away.
fn values(report: &str) -> String {
    report.lines().map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value)).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_check_prints_is_a_file_of_settings() {
    let settings =
        "quiet = true\nredirect = ['/a/* /b/* 308', '/c /d']\nmime = 'foo=text/x-foo'\nspa = true\nmax-cpu = '2s'\n";
    let typed =
        ["9", "-b", "127.0.0.1,::1", "--check", "-H", "X-One", "say \"1\"", "--header-for", "*.css", "A", "b: c"];
    let typed = [&typed[..], &["--index", "a", "--index", "b", "--threads", "3", "--no-readme", "--cors"]].concat();
    let (_place, mut first) = command(settings, &typed);
    first.envs([
        ("GLASSHOUSE_CACHE", "60\n*.js=immutable"),
        ("GLASSHOUSE_HIDDEN", "off"),
        ("GLASSHOUSE_MAX_MEMORY", "32M"),
    ]);
    let report = succeeds(first);
    for line in [
        "port = 9  # typed",
        "bind = [\"127.0.0.1\", \"::1\"]  # typed",
        "header-for = [\"*.css A: b: c\"]  # typed",
        "index = [\"a\", \"b\"]  # typed",
        "no-readme = true  # typed",
        "cache = [60, \"*.js=immutable\"]  # from the environment",
        "hidden = false  # from the environment",
        "max-memory = \"32M\"  # from the environment",
        "quiet = true  # from the file",
        "redirect = [\"/a/* /b/* 308\", \"/c /d\"]  # from the file",
        "spa = true  # from the file",
        "max-cpu = \"2s\"  # from the file",
        "protocol = \"HTTP/1.1\"  # default",
        "# prefix is not set",
    ] {
        assert!(report.lines().any(|known| known == line), "no {line} in:\n{report}");
    }
    let (_place, again) = command(&report, &["--check"]);
    let again = succeeds(again);
    assert_eq!(values(&report), values(&again));
    assert!(!again.contains("  # typed") && !again.contains("  # from the environment"), "{again}");
}
