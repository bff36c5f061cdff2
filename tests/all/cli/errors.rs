//! Invalid arguments: every option with invalid values, and a table of command lines with their exit codes and
//! messages. The program never hangs, and no message comes from a library.

use crate::support::certs;
use crate::support::fixture::{self, MODIFIED, put};
use crate::support::server::{Done, can_be_unprivileged, glasshouse, run_within};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};
use tempfile::TempDir;

/// How long a refusal may take: a pipe without an end is waited for, and the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);
/// The user and group without rights.
const UNPRIVILEGED: u32 = 65534;
/// Words that only a library says.
const FOREIGN: &[&str] =
    &["os error", "panicked", "digit found", "target type", "non-zero type", "Os {", "Error(", "Some(", "-- -1"];

/// A directory that all users may enter, with files of all kinds.
fn place() -> TempDir {
    let place = fixture::place();
    let root = place.path();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
    put(&root.join("site/hello.txt"), b"hello\n", MODIFIED);
    put(&root.join("site/index.html"), b"<p>\n", MODIFIED);
    put(&root.join("other/x"), b"x\n", MODIFIED);
    put(&root.join("8080/x"), b"x\n", MODIFIED);
    put(&root.join("broken/glasshouse.toml"), b"\nclean-url = true\n", MODIFIED);
    put(&root.join("wishes/glasshouse.toml"), b"not-found = 'lost.html'\n", MODIFIED);
    put(&root.join("file"), b"text\n", MODIFIED);
    put(&root.join("bytes"), b"a = 1\n\xff\n", MODIFIED);
    for name in ["secret", "closed/x", "searchable/x"] {
        put(&root.join(name), b"x\n", MODIFIED);
    }
    for (name, mode) in [("secret", 0o600), ("closed", 0o700), ("searchable", 0o711)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).expect("a mode can be set");
    }
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe can be made");
    place
}

#[track_caller]
fn ask(place: &TempDir, words: &[OsString], variables: &[(&str, &str)], is_unprivileged: bool) -> Done {
    let mut command = glasshouse();
    command.current_dir(place.path()).args(words).envs(variables.iter().copied()).stdin(Stdio::null());
    if is_unprivileged && rustix::process::geteuid().is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    run_within(DEADLINE, command)
}

/// What a message must not be, whatever it is about.
#[track_caller]
fn is_plain(asked: &str, done: &Done) {
    for word in FOREIGN {
        assert!(!done.stderr.contains(word), "{asked}: {word:?} in {}", done.stderr);
    }
    assert!(matches!(done.status.code(), Some(0..=2)), "{asked}: {done:?}");
    assert_eq!(
        done.status.code() == Some(0),
        done.stderr.is_empty() || done.stderr.contains("no file '"),
        "{asked}: {done:?}"
    );
}

/// Does something for each of many things, a few at a time.
fn each<T: Sync>(things: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(thing);
                }
            });
        }
    });
}

/// Every flag that takes a value, with how many.
fn flags() -> Vec<(String, usize)> {
    let mut command = glasshouse();
    command.arg("--help");
    let help = run_within(DEADLINE, command).stdout;
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags = lines.filter_map(|line| {
        let (_, line) = line.split_once("--")?;
        let definition = line.split("  ").next()?;
        let name = definition.split([' ', '[', '=']).next()?;
        let count = definition.matches('<').count();
        Some((format!("--{name}"), count)).filter(|_| count > 0)
    });
    let flags: Vec<_> = flags.collect();
    assert!(flags.len() > 35, "{flags:?}");
    flags
}

/// Values that few options can have. What is taken is checked only for not being waited for.
#[test]
fn no_option_hangs_or_speaks_in_tongues() {
    let values: &[&[u8]] = &[
        b"",
        b"0",
        b"-1",
        b"100000000000000000000",
        b"1e9",
        b"site",
        b"file",
        b"nope/x",
        b"pipe",
        b"\xff",
        b"a b",
        b",",
    ];
    let asked: Vec<(String, usize, &[u8])> = flags()
        .into_iter()
        .flat_map(|(flag, count)| values.iter().map(move |value| (flag.clone(), count, *value)))
        .collect();
    each(&asked, |(flag, count, value)| {
        // Only this test reads and writes the pipe.
        let place = place();
        let value = OsStr::from_bytes(value);
        let words = match (count, flag.as_str()) {
            (1, _) => {
                let mut word = OsString::from(format!("{flag}="));
                word.push(value);
                vec![word]
            }
            // STATUS can be left out.
            (_, "--redirect") => vec![flag.into(), value.to_owned(), value.to_owned()],
            (count, _) => {
                let values = std::iter::repeat_n(value.to_owned(), *count);
                std::iter::once(flag.into()).chain(values).collect()
            }
        };
        let fixed = ["--check", "--port-fallback"].map(OsString::from);
        let site = if flag == "--directory" { None } else { Some("./site".into()) };
        let done = ask(&place, &[&fixed[..], &words, site.as_slice()].concat(), &[], false);
        let typed = format!("{flag} {}", value.display());
        is_plain(&typed, &done);
        let names_it = [flag.trim_start_matches('-'), &value.to_string_lossy(), flag];
        let is_named = names_it.iter().any(|name| !name.is_empty() && done.stderr.contains(name));
        // What another option is missing for is not named by the library.
        let is_named = is_named || done.stderr.contains("--tls-cert");
        assert!(done.status.success() || is_named, "{typed}: {}", done.stderr);
    });
}

/// The words, the exit code, and what is on standard error.
type ErrorCase<'a> = (&'a [&'a str], i32, &'a [&'a str]);

const ROWS: &[ErrorCase] = &[
    // The words that stand by themselves.
    (&["nope"], 1, &["cannot serve 'nope': no such directory or file; name an existing one"]),
    (&["hander"], 2, &["cannot serve 'hander': no such directory or file; did you mean the command 'handler'?"]),
    (&["0", "inspect"], 2, &["did you mean the command 'inspect'? It must be the first argument"]),
    (&["versoin"], 2, &["did you mean '--version'?"]),
    (&["70000"], 2, &["invalid port '70000': give a number from 0 to 65535", "./70000"]),
    (&["+80"], 2, &["invalid port '+80'"]),
    (&["-1"], 2, &["invalid port '-1'"]),
    (&["0", "1"], 2, &["two ports, '0' and '1'"]),
    (&["0", "--port", "1"], 2, &["two ports, '0' and the one of --port"]),
    (&["site", "other"], 2, &["two paths to serve, 'site' and 'other'", "--mount"]),
    (&["site", "-d", "other"], 2, &["two paths to serve, 'site' and the one of --directory"]),
    (&["localhost:8080"], 2, &["for an address write 8080 -b localhost"]),
    (&["--spa", "site/index.html"], 2, &["write --spa=site/index.html"]),
    (&["--cors", "https://a.example"], 2, &["write --cors=https://a.example"]),
    (&["-v", "debug"], 2, &["write --verbose=debug"]),
    // Flags that there are not.
    (&["site", "0", "--spa", "index.html"], 2, &["two paths to serve", "write --spa=index.html"]),
    (&["passwrd", "../users", "alice"], 2, &["two paths to serve", "did you mean the command 'passwd'?"]),
    (&["--header-for", "[", "X", "y"], 2, &["--header-for: ", "'['"]),
    (&["--cache", "{a=60"], 2, &["--cache: ", "'{a'"]),
    (&["--hots", "::1"], 2, &["unexpected argument '--hots'; did you mean '--host'?"]),
    (&["--root", "site"], 2, &["unexpected argument '--root'; did you mean '--directory'?"]),
    (&["--max-memroy", "1M"], 2, &["unexpected argument '--max-memroy'; did you mean '--max-memory'?"]),
    (&["--zzzzzzzz"], 2, &["unexpected argument '--zzzzzzzz'; --help lists the flags"]),
    (&["-x"], 2, &["unexpected argument '-x'; --help lists the flags"]),
    (&["pipe"], 1, &["cannot serve 'pipe': not a directory or a file"]),
    (&["file/x"], 1, &["cannot serve 'file/x': not a directory or a file"]),
    // Numbers, sizes and times.
    (&["--threads", "0"], 2, &["'--threads <N>': give a whole number from 1 to 4096"]),
    (&["--threads", "100000"], 2, &["from 1 to 4096"]),
    (&["--max-connections", "0"], 2, &["give a whole number from 1 to"]),
    (&["--max-connections", "99999999999999999999"], 2, &["give a whole number from 1 to"]),
    (&["--max-handles", "1"], 2, &["give a whole number from 16 to"]),
    (&["--max-resources", "1"], 2, &["give a whole number from 16 to"]),
    (&["--max-memory", "0"], 2, &["'--max-memory <SIZE>': give a size from 4M to 1024T"]),
    (&["--max-memory", "1K"], 2, &["give a size from 4M to 1024T"]),
    (&["--max-call", "0"], 2, &["give a size from 64K to 1024T"]),
    (&["--max-made", "1"], 2, &["give a size from 64K to 1024T"]),
    (&["--max-content", "-1"], 2, &["invalid value '-1' for '--max-content <SIZE>'", "write a number of bytes"]),
    (&["--max-cpu", "0"], 2, &["too short; give 10ms or more"]),
    (&["--answer-timeout", "0"], 2, &["too short; give 10ms or more"]),
    (&["--header-timeout", "0"], 2, &["too short; give 10ms or more"]),
    (&["--idle-timeout", "1ns"], 2, &["too short; give 10ms or more"]),
    (&["--send-timeout", "0ms"], 2, &["too short; give 10ms or more"]),
    (&["--grace", "-1"], 2, &["invalid time '-1'"]),
    (&["--redirect-http", "70000"], 2, &["give a number from 0 to 65535"]),
    (&["--listing-max", "0"], 2, &["--listing-max: ", "'0'"]),
    // Files.
    (&["--config", "nope"], 1, &["cannot read the settings 'nope': no such file"]),
    (&["--config", "site"], 1, &["cannot read the settings 'site': a directory"]),
    (&["--config", "pipe"], 1, &["cannot read the settings 'pipe': a pipe or a device that did not end"]),
    (&["--config", "bytes"], 2, &["bytes, line 2: not UTF-8"]),
    (&["--config", "file"], 2, &["file, line 1: "]),
    (&["--tls-cert", "pipe"], 1, &["cannot use the certificate 'pipe': a pipe or a device that did not end"]),
    (&["--tls-cert", "site"], 1, &["cannot use the certificate 'site': a directory", "--tls-cert"]),
    (&["--auth", "pipe", "-b", "127.0.0.1"], 1, &["--auth: cannot read 'pipe': a pipe or a device that did not end"]),
    (
        &["--auth", "other", "-b", "127.0.0.1"],
        1,
        &["--auth: cannot read 'other': a directory; name a file of users that you may read"],
    ),
    (
        &["--auth", "nope", "-b", "127.0.0.1"],
        1,
        &["--auth: cannot use 'nope': no such file; `glasshouse passwd 'nope' USER`"],
    ),
    (&["--handler", "pipe"], 1, &["cannot read the handler 'pipe': a pipe or a device that did not end"]),
    (&["--handler", "site"], 1, &["cannot read the handler 'site': a directory"]),
    (&["--log-file", "pipe", "site"], 1, &["cannot log to 'pipe'", "no process reads"]),
    (&["--log-file", "nope/x", "site"], 1, &["cannot log to 'nope/x': no such directory; name another file"]),
    (&["--log-file", "other", "site"], 1, &["cannot log to 'other': a directory"]),
    (&["--harden-also", "nope"], 1, &["--harden-also: cannot open 'nope': no such directory"]),
    (&["--harden-also", "odd,dir"], 1, &["--harden-also: cannot open 'odd,dir': no such directory"]),
    (&["--mount", "/a=nope"], 1, &["cannot serve 'nope': no such directory; name an existing one with --mount"]),
    (&["--mount", "/a=file"], 1, &["cannot serve 'file': not a directory"]),
    (&["broken"], 1, &["broken/glasshouse.toml", "clean-url", "answered with 500"]),
    (&["inspect", "pipe"], 1, &["cannot inspect 'pipe': a pipe or a device that did not end"]),
    (&["handler", "-o", "pipe"], 1, &["cannot write the handler to 'pipe': a socket, or a pipe"]),
    (&["handler", "-o", "site"], 1, &["cannot write the handler to 'site': a directory"]),
    (&["passwd", "nope/f", "u"], 1, &["cannot write 'nope/f': no such directory 'nope'"]),
    (&["passwd", "site", "u"], 1, &["cannot read 'site': a directory"]),
    (&["passwd", "pipe", "u"], 1, &["cannot read 'pipe': a pipe or a device that did not end"]),
    // Texts.
    (&["--header-for", "", "X", "y"], 2, &["--header-for: the pattern is empty"]),
    (&["-H", "", "y"], 2, &["--header: the field name is empty"]),
    (&["--archive", "tar,off"], 2, &["--archive: 'off' cannot be combined"]),
    (&["-b", ""], 2, &["--bind: invalid address ''"]),
    // What a start says, and goes on.
    (&["site", "--spa=nope.html"], 0, &["--spa: no file 'nope.html' in '"]),
    (&["site", "--not-found", "nope.html"], 0, &["--not-found: no file 'nope.html' in '"]),
    (&["wishes"], 0, &["glasshouse.toml, line 1, not-found: no file 'lost.html' in '"]),
    (&["site", "--spa"], 0, &[]),
    (&["./8080"], 0, &[]),
    (&["-d", "8080", "08080"], 0, &[]),
];

#[test]
fn words_come_to_an_exit_code_and_a_message() {
    each(ROWS, |(words, code, expected)| {
        let place = place();
        let is_server = !matches!(words.first(), Some(&("inspect" | "handler" | "passwd")));
        let check = is_server.then(|| OsString::from("--check"));
        let words: Vec<OsString> = words.iter().map(OsString::from).chain(check).collect();
        let done = ask(&place, &words, &[], false);
        assert_eq!(done.status.code(), Some(*code), "{words:?}: {done:?}");
        for word in *expected {
            assert!(done.stderr.contains(word), "{words:?}: no {word:?} in {}", done.stderr);
        }
        assert_eq!(done.stderr.is_empty(), expected.is_empty(), "{words:?}: {}", done.stderr);
        is_plain(&format!("{words:?}"), &done);
    });
}

/// What root may read and others may not.
#[test]
fn what_may_not_be_read_is_named() {
    if !can_be_unprivileged() {
        return fixture::skipped(
            "files that may not be read, because the directory of the programs is closed to others",
        );
    }
    let place = place();
    let rows: &[ErrorCase] = &[
        (&["closed"], 1, &["cannot serve 'closed': permission denied; name one that you may read"]),
        (&["searchable"], 1, &["cannot serve 'searchable': permission denied; name one that you may read"]),
        (&["secret"], 1, &["cannot serve 'secret': permission denied"]),
        (&["--mount", "/a=searchable"], 1, &["cannot serve 'searchable': permission denied", "--mount"]),
        (&["--config", "secret"], 1, &["cannot read the settings 'secret': permission denied"]),
        (
            &["--auth", "secret", "-b", "127.0.0.1"],
            1,
            &["--auth: cannot read 'secret': permission denied; name a file of users"],
        ),
        (&["--tls-cert", "secret"], 1, &["cannot use the certificate 'secret': permission denied"]),
        (&["--handler", "secret"], 1, &["cannot read the handler 'secret': permission denied"]),
        (&["--log-file", "secret", "site"], 1, &["cannot log to 'secret': permission denied"]),
        (&["--log-file", "new", "site"], 1, &["cannot log to 'new': permission denied"]),
        (&["--harden-also", "closed"], 1, &["--harden-also: cannot open 'closed': permission denied"]),
    ];
    each(rows, |(words, code, expected)| {
        let words: Vec<OsString> = words.iter().map(OsString::from).chain(["--check".into()]).collect();
        let done = ask(&place, &words, &[], true);
        assert_eq!(done.status.code(), Some(*code), "{words:?}: {done:?}");
        assert!(expected.iter().all(|word| done.stderr.contains(word)), "{words:?}: {}", done.stderr);
        is_plain(&format!("{words:?}"), &done);
    });
    assert!(fs::symlink_metadata(place.path().join("new")).is_err(), "--check makes no file");
}

#[test]
fn the_argument_that_is_not_utf8_is_named() {
    let place = place();
    let odd = OsStr::from_bytes(b"od\xffd");
    fs::create_dir(place.path().join(odd)).expect("a directory can be made");
    let words = |words: &[&OsStr]| -> Vec<OsString> { words.iter().map(|word| (*word).to_owned()).collect() };
    let [directory, header, x, check] = ["-d", "-H", "X", "--check"].map(OsStr::new);
    let done = ask(&place, &words(&[directory, odd, header, x, OsStr::from_bytes(b"\xfe"), check]), &[], false);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(done.stderr.contains("argument 5, '\u{fffd}', is not UTF-8"), "{}", done.stderr);
    // A path may have such a name, and the printed settings can be read back.
    let done = ask(&place, &words(&[odd, check]), &[], false);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(0), ""), "{done:?}");
    assert!(
        done.stdout.contains("directory = { percent-encoded = \"") && done.stdout.contains("od%FFd"),
        "{}",
        done.stdout
    );
    fs::write(place.path().join("again.toml"), &done.stdout).expect("a file can be written");
    let again = ask(&place, &["--config", "again.toml", "--check"].map(OsString::from), &[], false);
    let directory = |text: &str| {
        text.lines().find(|line| line.starts_with("directory")).map(|line| line.split("  #").next().map(str::to_owned))
    };
    assert_eq!(directory(&again.stdout), directory(&done.stdout), "{again:?}");
}

/// What Kubernetes sets for a service that is called as the program is.
#[test]
fn variables_of_a_service_are_none_of_ours() {
    let place = place();
    let variables = [
        ("GLASSHOUSE_SERVICE_HOST", "10.0.0.1"),
        ("GLASSHOUSE_SERVICE_PORT", "8000"),
        ("GLASSHOUSE_SERVICE_PORT_HTTP", "8000"),
        ("GLASSHOUSE_PORT", "tcp://10.0.0.1:8000"),
        ("GLASSHOUSE_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("GLASSHOUSE_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("GLASSHOUSE_PORT_8000_TCP_PORT", "8000"),
        ("GLASSHOUSE_PORT_8000_TCP_PROTO", "tcp"),
    ];
    let asked = |words: &[&str]| ask(&place, &words.iter().map(OsString::from).collect::<Vec<_>>(), &variables, false);
    let done = asked(&["--check", "site"]);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(0), ""), "{done:?}");
    assert!(done.stdout.contains("\nport = 8000  # default\n"), "{}", done.stdout);
    let done = asked(&["--check", "site", "-v"]);
    let lines: Vec<_> = done.stderr.lines().filter(|line| line.contains("Kubernetes")).collect();
    assert!(matches!(lines[..], [line] if variables.iter().all(|(name, _)| line.contains(name))), "{}", done.stderr);
    for (variable, expected) in [
        ("GLASSHOUSE_VERBOSE", "did you mean 'GLASSHOUSE_LOG'?"),
        ("GLASSHOUSE_DIR", "did you mean 'GLASSHOUSE_DIRECTORY'?"),
        ("GLASSHOUSE_CHECK", "--check is a flag only"),
        ("GLASSHOUSE_FILE", "set GLASSHOUSE_DIRECTORY, which can be a file"),
        ("GLASSHOUSE_ROOT", "it is for other hosts; set GLASSHOUSE_DIRECTORY"),
        ("GLASSHOUSE_PROT", "did you mean 'GLASSHOUSE_PORT'?"),
    ] {
        let done = ask(&place, &["--check".into()], &[(variable, "1")], false);
        assert_eq!(done.status.code(), Some(2), "{variable}: {done:?}");
        assert!(done.stderr.contains(variable) && done.stderr.contains(expected), "{variable}: {}", done.stderr);
    }
}

/// `glasshouse man | head` says nothing of the pipe.
#[test]
fn a_reader_that_leaves_is_no_error() {
    for words in
        [&["man"][..], &["completions", "bash"], &["inspect"], &["handler", "-o", "-"], &["--check"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let mut command = glasshouse();
        command.args(words).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let done = command.spawn().expect("it can be started").wait_with_output().expect("it ends");
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]), "{words:?}");
    }
}

/// Nothing is announced that is not served.
#[test]
fn too_few_descriptors_are_reported_before_the_banner() {
    let mut command = std::process::Command::new("sh");
    let program = glasshouse().get_program().to_owned();
    command.args(["-c", "ulimit -n 40; exec \"$0\" 0 -b 127.0.0.1 --threads 100"]).arg(program);
    let done = run_within(DEADLINE, command);
    ["ulimit -n", "--threads"].iter().for_each(|word| done.fails(1, word));
    is_plain("ulimit -n 40", &done);
}

#[test]
fn a_pair_of_tls_may_come_through_pipes() {
    let place = place();
    let pair = certs::pair();
    let mut command = std::process::Command::new("bash");
    let program = glasshouse().get_program().to_owned();
    command.args(["-c", "exec \"$0\" --check site --tls-cert <(cat \"$1\") --tls-key <(cat \"$2\")"]).arg(program);
    command.arg(&pair.cert).arg(&pair.key).current_dir(place.path());
    let done = run_within(DEADLINE, command);
    assert_eq!((done.status.code(), done.stderr.as_str()), (Some(0), ""), "{done:?}");
}
