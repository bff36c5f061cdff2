//! The variables of this program: which there are, which names are near one, and which belong to somebody else although their names
//! begin alike.

use super::Cli;
use super::file::nearest;
use clap::CommandFactory as _;
use glasshouse_core::options;
use glasshouse_core::service_link::is_service_link;
use std::collections::BTreeMap;
use std::ffi::OsString;
use tracing::info;

/// What people call some options, without the prefix, and what to write.
const ALIASES: &[(&str, &str)] = &[
    ("ADDRESS", "write GLASSHOUSE_BIND"),
    ("BODY", "it is between a host and the handler; unset it"),
    ("CERT", "write GLASSHOUSE_TLS_CERT"),
    ("CHECK", "--check is typed; it has no variable"),
    ("DIR", "write GLASSHOUSE_DIRECTORY"),
    ("FILE", "it is for other hosts; here GLASSHOUSE_DIRECTORY names a file as well"),
    ("HELP", "--help is typed; it has no variable"),
    ("HOST", "write GLASSHOUSE_BIND"),
    ("KEY", "write GLASSHOUSE_TLS_KEY"),
    ("LISTEN", "write GLASSHOUSE_BIND"),
    ("LOG_FORMAT", "write GLASSHOUSE_LOG_FORM"),
    ("LOG_LEVEL", "write GLASSHOUSE_LOG"),
    ("PATH", "write GLASSHOUSE_DIRECTORY"),
    ("ROOT", "write GLASSHOUSE_DIRECTORY"),
    ("VERBOSE", "write GLASSHOUSE_LOG"),
    ("VERBOSITY", "write GLASSHOUSE_LOG"),
    ("VERSION", "--version is typed; it has no variable"),
];

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
            return Err(format!("{key}: no such variable; {}", way_out(key, &known)));
        }
    }
    if !links.is_empty() {
        links.sort();
        info!("ignored, because Kubernetes sets them for a service: {}", links.join(", "));
    }
    Ok(variables)
}

fn way_out(key: &str, known: &[String]) -> String {
    let bare = |key: &str| key.strip_prefix(options::PREFIX).unwrap_or(key).to_owned();
    let asked = bare(key);
    if let Some((_, way_out)) = ALIASES.iter().find(|(alias, _)| *alias == asked) {
        return (*way_out).to_owned();
    }
    match nearest(&asked, known.iter().map(|key| bare(key))) {
        Some(near) => format!("did you mean '{}{near}'?", options::PREFIX),
        None => "each is named after a flag that --help lists".to_owned(),
    }
}
