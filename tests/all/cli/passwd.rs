//! `glasshouse passwd`: its prompts, what it writes, and what it leaves unchanged.

use crate::http::auth::{ALICE, AuthFixture, get};
use crate::support::fixture;
use crate::support::server::{Done, glasshouse, run};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// `glasshouse passwd` with something else than a terminal for standard input.
#[track_caller]
fn passwd(file: &Path, user: &str, input: &[u8]) -> Done {
    let mut command = glasshouse();
    command.arg("passwd").arg(file).arg(user);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    // A program that rejects the name does not read its input.
    let _ = child.stdin.take().expect("its input is piped").write_all(input);
    let done = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { status: done.status, stdout: text(&done.stdout), stderr: text(&done.stderr) }
}

#[track_caller]
fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("the file is there").permissions().mode() & 0o7777
}

#[test]
fn a_password_that_is_set_lets_in() {
    let place = AuthFixture::new("");
    let file = place.beside.path().join("new");
    let done = passwd(&file, "zo\u{eb}", "p\u{e4}ss w:rd\n".as_bytes());
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(mode(&file), 0o600);
    let text = fs::read_to_string(&file).expect("it is text");
    assert!(text.starts_with("zo\u{eb}:$argon2id$v=19$m=19456,t=2,p=1$") && text.lines().count() == 1, "{text}");
    // Others are added and stay; mode and link too, and nothing else is left in the directory.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("its mode can be set");
    fs::remove_file(place.users()).expect("it is there");
    symlink("new", place.users()).expect("a link can be made");
    for (user, password) in [("bob", "first"), ("bob", "second\nand more")] {
        assert_eq!(passwd(&place.users(), user, password.as_bytes()).status.code(), Some(0));
    }
    assert_eq!(mode(&file), 0o640);
    assert!(fs::symlink_metadata(place.users()).is_ok_and(|link| link.is_symlink()));
    assert_eq!(fs::read_dir(place.beside.path()).expect("it can be read").count(), 2);
    let server = place.serve();
    for (name, password, status) in [("zo\u{eb}", "p\u{e4}ss w:rd", 200), ("bob", "second", 200), ("bob", "first", 401)]
    {
        assert_eq!(get(server.address(), name, password).head.status, status, "{name} {password}");
    }
}

#[test]
fn what_cannot_be_a_user_is_refused_and_the_file_stays() {
    let place = AuthFixture::new(ALICE);
    let long = "x".repeat(600);
    let rows: &[(&str, &[u8], i32, &str)] = &[
        ("a:b", b"password\n", 2, "invalid user name '"),
        ("a\nb", b"password\n", 2, "invalid user name '"),
        ("", b"password\n", 2, "invalid user name '"),
        ("#a", b"password\n", 2, "invalid user name '"),
        ("bob", b"\n", 1, "the password is empty"),
        ("bob", b"", 1, "the password is empty"),
        ("bob", b"pass\x07word\n", 1, "without control characters"),
        ("bob", long.as_bytes(), 1, "at most 512 bytes"),
    ];
    for (user, input, code, expected) in rows {
        let done = passwd(&place.users(), user, input);
        assert_eq!(done.status.code(), Some(*code), "{user:?}: {done:?}");
        assert!(done.stderr.contains(expected) && done.stderr.lines().count() == 1, "{user:?}: {}", done.stderr);
        assert_eq!(fs::read_to_string(place.users()).ok().as_deref(), Some(ALICE), "{user:?}");
    }
    let done = passwd(&place.beside.path().join("none/users"), "bob", b"password\n");
    assert!(done.status.code() == Some(1) && done.stderr.contains("cannot write"), "{done:?}");
}

/// Starts a program on a terminal of its own, and types a line whenever it has asked for one and shows no keys any
/// more.
const TERMINAL: &str = "\
import os, pty, sys, termios
lines = sys.argv[1:3]
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[3], sys.argv[3:])
seen = b''
for prompt, line in zip((b'New password for bob: ', b'The same again: '), lines):
    while prompt not in seen:
        seen += os.read(terminal, 4096)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        os.sched_yield()
    os.write(terminal, line.encode() + b'\\n')
try:
    while block := os.read(terminal, 4096):
        seen += block
except OSError:
    pass
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";

/// On a terminal the password is asked for twice, and not shown.
#[test]
fn a_terminal_shows_no_password() {
    if !fixture::is_there("python3", "passwords on a terminal") {
        return;
    }
    let place = AuthFixture::new("");
    let typed = |first: &str, second: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", TERMINAL, first, second]).arg(glasshouse().get_program());
        command.arg("passwd").arg(place.users()).arg("bob");
        let done = run(command);
        (done.status.code(), done.stdout + &done.stderr)
    };
    let (code, screen) = typed("hunter2", "hunter3");
    assert!(code == Some(1) && screen.contains("the two passwords differ"), "{screen}");
    assert_eq!(fs::read_to_string(place.users()).ok().as_deref(), Some(""));
    let (code, screen) = typed("hunter2", "hunter2");
    assert!(code == Some(0) && !screen.contains("hunter"), "{screen}");
    assert_eq!(get(place.serve().address(), "bob", "hunter2").head.status, 200);
}
