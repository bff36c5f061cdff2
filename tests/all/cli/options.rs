//! Options from flags, variables and the file of `--config`, and the reports on them: `--check`, the completions, the
//! manual and docs/options.md.

use crate::support::client::get;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Done, TestServer, glasshouse, glasshouse_in, run};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A command in a place that has a file of settings.
fn command(settings: &str, arguments: &[&str]) -> (TempDir, Command) {
    let place = fixture::place();
    put(&place.path().join("noext"), b"x\n", MODIFIED);
    put(&place.path().join("index.html"), b"<p>\n", MODIFIED);
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

/// Flags, by their names, in a text that has each in front of a space, a bracket, a comma or an end.
fn flags(text: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '-' || letter.is_ascii_digit();
    let name = |text: &str| text.split(|letter| !is_name(letter)).next().unwrap_or_default().to_owned();
    text.split("--").skip(1).map(name).filter(|name| !name.is_empty() && !name.starts_with('-')).collect()
}

/// The flags that `--help` lists at the start of a line.
fn flags_of_help() -> BTreeSet<String> {
    let mut command = glasshouse();
    command.arg("--help");
    let help = succeeds(command);
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags: BTreeSet<String> = lines.flat_map(|line| flags(line.split("  ").next().unwrap_or_default())).collect();
    assert!(flags.len() > 30 && flags.contains("max-memory") && flags.contains("help"), "{flags:?}");
    flags
}

#[test]
fn a_server_is_set_up_by_a_file() {
    let settings =
        "port = 0\nbind = ['127.0.0.1']\nheader = ['X-One: 1', 'X-Two: a: b']\ncontent-type = 'text/x-file'\n";
    let (_place, from_file) = command(settings, &[]);
    let server = TestServer::spawn(from_file);
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
        let server = TestServer::spawn(command);
        assert_eq!(get(server.address(), "/noext").head.one("content-type"), Some(expected));
    }
}

#[test]
fn nonsense_in_a_file_exits_2_and_is_named() {
    for (settings, words) in [
        ("max-memroy = '1M'", &["settings.toml, line 1, max-memroy", "did you mean 'max-memory'?"][..]),
        ("\nmax-memory = 'lots'", &["'lots'", "settings.toml, line 2, max-memory"]),
        ("quiet = 1", &["settings.toml, line 1, quiet", "write true or false"]),
        ("port = 0\nindex = ['a/b']", &["settings.toml, line 2, index: ", "'a/b'"]),
        ("port = ", &["settings.toml, line 1: "]),
    ] {
        let (_place, command) = command(settings, &[]);
        let done = run(command);
        words.iter().for_each(|word| done.fails(2, word));
    }
    let mut command = glasshouse();
    command.args(["--config", "nowhere.toml"]);
    let done = run(command);
    assert_eq!(done.status.code(), Some(1));
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
        "port = 9  # from the command line",
        "bind = [\"127.0.0.1\", \"::1\"]  # from the command line",
        "header-for = [\"*.css A: b: c\"]  # from the command line",
        "index = [\"a\", \"b\"]  # from the command line",
        "no-readme = true  # from the command line",
        "cache = [60, \"*.js=immutable\"]  # from the environment: GLASSHOUSE_CACHE",
        "hidden = false  # from the environment: GLASSHOUSE_HIDDEN",
        "max-memory = \"32M\"  # from the environment: GLASSHOUSE_MAX_MEMORY",
        "quiet = true  # from the file: line 1",
        "redirect = [\"/a/* /b/* 308\", \"/c /d\"]  # from the file: line 2",
        "spa = true  # from the file: line 4",
        "max-cpu = \"2s\"  # from the file: line 5",
        "protocol = \"HTTP/1.1\"  # default",
        "verbose = [\"warn\"]  # default",
        "archive = [\"tar\", \"tar.gz\", \"zip\"]  # default",
        "archive-max = \"4G\"  # default",
        "listing-max = 100000  # default",
        "prefix = \"/\"  # default",
        "isolate = false  # default",
        "# tls-cert is not set",
    ] {
        assert!(report.lines().any(|known| known == line), "no {line} in:\n{report}");
    }
    let number =
        |name: &str| report.lines().find_map(|line| line.strip_prefix(name)?.split("  # ").next()?.parse::<u32>().ok());
    let most = number("max-connections = ").expect("the limit of this machine is printed");
    assert_eq!(number("max-connections-per-address = "), Some(most.div_ceil(2)));
    let (_place, again) = command(&report, &["--check"]);
    let again = succeeds(again);
    assert_eq!(values(&report), values(&again));
    assert!(!again.contains("  # from the command line") && !again.contains("  # from the environment"), "{again}");
}

/// `--check` prints the effective value of each option, also from the site file, for each tree.
#[test]
fn the_options_of_a_tree_are_reported() {
    let (place, mut one) = command("hidden = false\n", &["site", "--check", "-vv"]);
    put(&place.path().join("site/glasshouse.toml"), b"\nclean-urls = true\nindex = ['a', 'b']\n", MODIFIED);
    put(&place.path().join("other/x"), b"x\n", MODIFIED);
    one.env("GLASSHOUSE_INDEX", "c");
    let report = run(one).stdout;
    for line in [
        "clean-urls = true  # from glasshouse.toml: line 2",
        "index = [\"c\"]  # from the environment: GLASSHOUSE_INDEX",
        "hidden = false  # from the file: line 1",
        "compress = false  # default",
        "verbose = [\"debug\"]  # from the command line",
    ] {
        assert!(report.lines().any(|known| known == line), "no {line} in:\n{report}");
    }
    let mut several = glasshouse();
    several.current_dir(place.path()).args(["site", "--mount", "/o=other", "--check"]);
    let report = succeeds(several);
    let line = "# clean-urls differs: false at '/o' (default), true at '/' (from glasshouse.toml)";
    assert!(report.lines().any(|known| known == line), "no {line} in:\n{report}");
    let mut ignored = glasshouse();
    ignored.current_dir(place.path()).args(["site", "--check", "--no-site-file"]);
    assert!(succeeds(ignored).contains("clean-urls = false  # default"));
}

/// A broken site file does not prevent the start, and the start reports it.
#[test]
fn a_broken_site_file_is_reported_at_the_start() {
    let place = fixture::place();
    put(&place.path().join("glasshouse.toml"), b"\nclean-url = true\n", MODIFIED);
    run(glasshouse_in(place.path(), &["--check"])).fails(1, "glasshouse.toml, line 2, clean-url: no such option");
    let server = TestServer::spawn(glasshouse_in(place.path(), &[]));
    assert_eq!(server.stderr().lines().count(), 1, "{}", server.stderr());
    assert!(server.stderr().contains("each request is answered with 500"), "{}", server.stderr());
    assert_eq!(get(server.address(), "/").head.status, 500);
}

#[test]
fn documentation_and_help_list_the_same_options() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/options.md"))
        .expect("docs/options.md is there");
    let rows = page.lines().filter(|line| line.starts_with("| `-")).filter_map(|line| line.split(" | ").next());
    let listed: BTreeSet<String> = rows.flat_map(flags).collect();
    let mut of_help = flags_of_help();
    of_help.retain(|flag| flag != "help" && flag != "version");
    assert_eq!(listed, of_help, "the table in docs/options.md differs from --help: run `make flags`");
}

#[test]
fn shells_complete_every_option() {
    for (shell, check) in [
        ("bash", Some(&["bash", "-n"][..])),
        ("zsh", Some(&["zsh", "-n"])),
        ("fish", Some(&["fish", "-n"])),
        ("elvish", None),
        ("powershell", None),
    ] {
        let mut command = glasshouse();
        command.args(["completions", shell]);
        let text = succeeds(command);
        for flag in flags_of_help() {
            assert!(text.contains(&flag), "{shell}: no {flag}");
        }
        let Some((program, arguments)) = check.and_then(<[_]>::split_first) else { continue };
        let child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            fixture::skipped(&format!("{program}, which is not installed"));
            continue;
        };
        let mut input = child.stdin.take().expect("the input is piped");
        input.write_all(text.as_bytes()).expect("the shell reads");
        drop(input);
        assert!(child.wait().expect("the shell ends").success(), "{shell} does not take it");
    }
    let mut command = glasshouse();
    command.args(["completions", "tcsh"]);
    assert_eq!(run(command).status.code(), Some(2));
}

#[test]
fn the_manual_lists_every_option_and_every_command() {
    let mut command = glasshouse();
    command.arg("man");
    let page = succeeds(command);
    assert!(page.contains(".TH glasshouse 1"), "{page}");
    let plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
    for flag in flags_of_help() {
        assert!(plain.contains(&format!("--{flag}")), "no {flag} in {plain}");
    }
    let place = fixture::place();
    let mut command = glasshouse();
    command.arg("man").arg("-o").arg(place.path());
    assert_eq!(succeeds(command), "");
    let read =
        |name: &str| fs::read_to_string(place.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read("glasshouse.1"), page);
    assert!(read("glasshouse-handler.1").replace("\\-", "-").contains("--p2"));
    let mut command = glasshouse();
    command.args(["man", "-o", "nowhere/at/all"]);
    let done = run(command);
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("cannot write to 'nowhere/at/all'"), "{}", done.stderr);
}
