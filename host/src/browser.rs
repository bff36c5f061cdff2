//! Opens an address in a browser. It refuses to know what is there, and what becomes of the browser.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// What asks the desktop for the browser that it prefers.
const DESKTOP: &str = "xdg-open";

/// Starts the browser of the variable `BROWSER`, or that of the desktop. This comes before the process gives up the right to
/// start programs.
///
/// # Errors
/// In words for the person who runs the server: there is no such program, or no address that a browser can open.
pub fn open(url: Option<&str>) -> Result<(), String> {
    let Some(url) = url else { return Err("cannot open a browser: it cannot reach a Unix socket".into()) };
    let program = env::var_os("BROWSER").filter(|name| !name.is_empty()).unwrap_or_else(|| DESKTOP.into());
    let mut command = Command::new(&program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C is for the server alone.
    command.process_group(0);
    let started = command.spawn().map(drop);
    started.map_err(|error| format!("cannot open a browser with '{}': {error}; open {url} yourself", program.display()))
}
