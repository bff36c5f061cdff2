//! Runs other programs, such as curl and openssl. The test checks whether one is installed.

use crate::support::client::TIMEOUT;
use crate::support::server::{Done, run, run_within};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Runs a program in a directory, to its end.
#[track_caller]
pub fn ends(directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> Done {
    run(command(directory, program, arguments))
}

fn command(directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

/// Runs a program in a directory. It must be content.
#[track_caller]
pub fn runs(directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    runs_within(TIMEOUT, directory, program, arguments)
}

/// The same for one that takes longer.
#[track_caller]
pub fn runs_within(timeout: Duration, directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    let done = run_within(timeout, command(directory, program, arguments));
    assert!(done.status.success(), "{program}: {done:?}");
    done.stdout
}
