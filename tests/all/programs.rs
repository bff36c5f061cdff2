//! Other people's programs, which are asked what they make of this one. Whether one is installed is for
//! the test to ask.

use crate::server::{Done, run};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Runs a program in a directory, to its end.
#[track_caller]
pub fn ends(directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> Done {
    let mut command = Command::new(program);
    command.current_dir(directory).args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    run(command)
}

/// Runs a program in a directory. It must be content.
#[track_caller]
pub fn runs(directory: &Path, program: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    let done = ends(directory, program, arguments);
    assert!(done.status.success(), "{program}: {done:?}");
    done.stdout
}
