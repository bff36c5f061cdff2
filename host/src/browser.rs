//! Opens the address of the server in a browser.

use std::process::{Command, Stdio};
use std::{env, io};
use thiserror::Error;

/// Starts the default browser of the desktop. Not `cmd /C start`, which would interpret the URL.
const DEFAULT_PROGRAM: &str = match () {
    () if cfg!(windows) => "explorer",
    () if cfg!(target_os = "macos") => "open",
    () => "xdg-open",
};

/// The browser cannot be started.
#[derive(Debug, Error)]
pub(crate) enum BrowserError {
    #[error("cannot open a browser: it cannot connect to a Unix socket")]
    NoUrl,
    #[error("cannot open a browser with '{program}': {source}; open {url} yourself")]
    Start { program: String, url: String, source: io::Error },
}

/// Starts the program of the variable `BROWSER`, or the default browser. Call it while the process can start programs.
///
/// # Errors
/// The server has no URL, or the program cannot be started.
pub(crate) fn open(url: Option<&str>) -> Result<(), BrowserError> {
    let url = url.ok_or(BrowserError::NoUrl)?;
    let program = env::var_os("BROWSER").filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_PROGRAM.into());
    let mut command = Command::new(&program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    separate(&mut command);
    command.spawn().map(drop).map_err(|source| BrowserError::Start {
        program: program.display().to_string(),
        url: url.to_owned(),
        source,
    })
}

/// Ctrl-C must not reach the browser.
#[cfg(unix)]
fn separate(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// As in Unix.
#[cfg(windows)]
fn separate(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
}
