//! Opens the address of the server in a browser.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::{env, io};
use thiserror::Error;

/// Starts the default browser of the desktop.
const DEFAULT_PROGRAM: &str = "xdg-open";

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
    // Ctrl-C must not reach the browser.
    command.process_group(0);
    command.spawn().map(drop).map_err(|source| BrowserError::Start {
        program: program.display().to_string(),
        url: url.to_owned(),
        source,
    })
}
