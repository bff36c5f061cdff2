//! The variables of this program: which there are, which names are near one, and which belong to somebody else although their names
//! begin alike.

use super::Cli;
use super::file::nearest;
use crate::args::effective;
use clap::{Command, CommandFactory as _};
use glasshouse_core::config::options;
use glasshouse_core::config::service_link::is_service_link;
use std::collections::BTreeMap;
use std::ffi::OsString;
use tracing::info;

/// What people call some options, and the flag that it is here.
const ALIASES: &[(&str, &str)] = &[
    ("address", "bind"),
    ("cert", "tls-cert"),
    ("dir", "directory"),
    ("folder", "directory"),
    ("gzip", "compress"),
    ("key", "tls-key"),
    ("listen", "bind"),
    ("log-format", "log"),
    ("log-level", "verbose"),
    ("password", "auth"),
    ("path", "directory"),
    ("root", "directory"),
    ("tls", "tls-cert"),
    ("user", "auth"),
    ("users", "auth"),
    ("verbosity", "verbose"),
];

/// What to do with a variable that only the host may set for the handler.
const BETWEEN: &str = "it is between a host and the handler; unset it";

/// Variables without an option, and what to do in their place.
const OTHERWISE: &[(&str, &str)] = &[
    ("above", BETWEEN),
    ("body", BETWEEN),
    ("check", "--check is typed; it has no variable"),
    ("file", "it is for other hosts; here GLASSHOUSE_DIRECTORY names a file as well"),
    ("help", "--help is typed; it has no variable"),
    ("made-max", BETWEEN),
    ("mounts", BETWEEN),
    ("version", "--version is typed; it has no variable"),
];

/// The flag that was meant by a name that is none.
pub fn flag_near(command: &Command, asked: &str) -> Option<String> {
    if let Some((_, flag)) = ALIASES.iter().find(|(alias, _)| *alias == asked) {
        return Some((*flag).to_owned());
    }
    let flags = command.get_arguments().filter_map(|arg| arg.get_long());
    nearest(asked, flags.chain(["help", "version"]))
}

/// The variables of this program among those of the environment.
///
/// # Errors
/// One that begins as they do and is none of them, in words for the person who set it.
pub fn known(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, OsString>, String> {
    let command = Cli::command();
    let of_host = command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned()));
    let known: Vec<String> = of_host.chain(options::names().map(options::variable)).collect();
    let (mut variables, mut links) = (BTreeMap::new(), Vec::new());
    for (key, value) in environment {
        let Some(key) = key.to_str().filter(|key| key.starts_with(options::PREFIX)) else { continue };
        if is_service_link(key, &value.to_string_lossy()) {
            links.push(key.to_owned());
        } else if known.iter().any(|known| known == key) {
            variables.insert(key.to_owned(), value);
        } else {
            return Err(format!("{key}: no such variable; {}", way_out(&command, key, &known)));
        }
    }
    if !links.is_empty() {
        links.sort();
        info!("ignored, because Kubernetes sets them for a service: {}", links.join(", "));
    }
    Ok(variables)
}

fn way_out(command: &Command, key: &str, known: &[String]) -> String {
    let bare = |key: &str| key.strip_prefix(options::PREFIX).unwrap_or(key).to_owned();
    let asked = bare(key).to_ascii_lowercase().replace('_', "-");
    if let Some((_, way_out)) = OTHERWISE.iter().find(|(name, _)| *name == asked) {
        return (*way_out).to_owned();
    }
    // Two variables are called otherwise than their flags.
    let flag = ALIASES.iter().find(|(alias, _)| *alias == asked).map_or(asked.as_str(), |(_, flag)| flag);
    if let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(flag)) {
        return format!("did you mean '{}'?", effective::variable(arg).display());
    }
    match nearest(&bare(key), known.iter().map(|key| bare(key))) {
        Some(near) => format!("did you mean '{}{near}'?", options::PREFIX),
        None => "each is named after a flag that --help lists".to_owned(),
    }
}
