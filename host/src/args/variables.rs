//! The variables of this program: the known ones, suggestions for unknown ones, and those of other programs that begin
//! with the same prefix.

use super::file::nearest;
use super::{Cli, clap_options};
use crate::error::StartupError;
use clap::{Command, CommandFactory as _};
use glasshouse_core::config::options;
use glasshouse_core::config::service_link::is_service_link;
use std::collections::BTreeMap;
use std::ffi::OsString;
use tracing::info;

/// Names of options in other programs, with the flag of this one.
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

/// The fix for a variable that only the host may set for the handler.
const OF_HOST: &str = "a host sets it for the handler; unset it";

/// Variables without an option, each with the fix.
const FIXES: &[(&str, &str)] = &[
    ("above", OF_HOST),
    ("body", OF_HOST),
    ("check", "--check is a flag only; unset the variable"),
    ("file", "it is for other hosts; set GLASSHOUSE_DIRECTORY, which can be a file"),
    ("help", "--help is a flag only; unset the variable"),
    ("made-max", OF_HOST),
    ("mounts", OF_HOST),
    ("root", "it is for other hosts; set GLASSHOUSE_DIRECTORY"),
    ("version", "--version is a flag only; unset the variable"),
];

/// The flag that is most similar to an unknown name.
pub(crate) fn flag_near(command: &Command, name: &str) -> Option<String> {
    if let Some((_, flag)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Some((*flag).to_owned());
    }
    let flags = command.get_arguments().filter_map(|arg| arg.get_long());
    nearest(name, flags.chain(["help", "version"]))
}

/// The variables of this program in the environment.
///
/// # Errors
/// An unknown variable with the prefix of this program.
pub(crate) fn known(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, OsString>, StartupError> {
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
            return Err(StartupError::Usage(format!("{key}: no such variable; {}", fix(&command, key, &known))));
        }
    }
    if !links.is_empty() {
        links.sort();
        info!("variables ignored: Kubernetes sets them for a service: {}", links.join(", "));
    }
    Ok(variables)
}

fn fix(command: &Command, key: &str, known: &[String]) -> String {
    let bare = |key: &str| key.strip_prefix(options::PREFIX).unwrap_or(key).to_owned();
    let name = bare(key).to_ascii_lowercase().replace('_', "-");
    if let Some((_, fix)) = FIXES.iter().find(|(known, _)| *known == name) {
        return (*fix).to_owned();
    }
    // Two variables have other names than their flags.
    let flag = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name.as_str(), |(_, flag)| flag);
    if let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(flag)) {
        return format!("did you mean '{}'?", clap_options::variable(arg).display());
    }
    match nearest(&bare(key), known.iter().map(|key| bare(key))) {
        Some(near) => format!("did you mean '{}{near}'?", options::PREFIX),
        None => "a variable has the name of a flag; --help lists the flags".to_owned(),
    }
}
