//! What the file of each site says, told when the server starts and when it reads again. It refuses to know what options mean, and
//! hands nothing of it on: the handler reads the file by itself.

use crate::config::{Config, Handler, Served};
use glasshouse_core::options;
use glasshouse_core::site::{self, FILE, LONGEST};
use glasshouse_sandbox::{Peek, Sandbox, Tree};
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

/// What the file of one site comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// There is none, or nobody reads it.
    Nothing,
    /// These options, in the order of its lines, as far as nothing else that was given stands over them.
    Sets(Vec<site::Setting>),
    /// It has an error, and each request is answered with 500.
    Broken(String),
    /// What is there in its place is read by nobody.
    Ignored(String),
}

/// Reads the file of the site that a sandbox serves.
pub fn read(config: &Config, served: &Served, sandbox: &Sandbox) -> Said {
    let is_off = options::variable("no-site-file");
    let is_read = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().filter(|(key, _)| *key == is_off);
        glasshouse_core::Config::from_pairs(pairs.map(|(key, value)| (key, value))).is_ok_and(|config| config.site_file)
    };
    // What another handler reads is its own affair.
    let is_ours = matches!((&config.handler, &served.tree), (Handler::Embedded, Tree::Directory(_)));
    if !is_ours || !is_read(&config.guest) {
        return Said::Nothing;
    }
    let directory = served.tree.path();
    let path = directory.join(FILE);
    let broken =
        |reason: String| Said::Broken(format!("{reason} (each request is answered with 500 until it is mended)"));
    match sandbox.peek(FILE, LONGEST.saturating_add(1)) {
        Ok(Peek::Nothing) => Said::Nothing,
        Ok(Peek::Other(what)) => Said::Ignored(format!("'{}' is {what}, and is not read", path.display())),
        Ok(Peek::File(bytes)) if u64::try_from(bytes.len()).is_ok_and(|length| length <= LONGEST) => {
            match site::parse(&bytes) {
                Ok((_, settings)) => Said::Sets(in_effect(settings, &config.guest)),
                Err(error) => broken(format!("{}/{error}", directory.display())),
            }
        }
        Ok(Peek::File(_)) => broken(format!("'{}' {}", path.display(), site::too_long())),
        Err(error) => {
            let reason = match error.kind() {
                ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => error.to_string(),
            };
            broken(format!("cannot read '{}': {reason}", path.display()))
        }
    }
}

/// Without what flags, variables and the file of `--config` say otherwise.
fn in_effect(mut settings: Vec<site::Setting>, given: &[(String, String)]) -> Vec<site::Setting> {
    settings.retain(|setting| given.iter().all(|(key, _)| *key != options::variable(setting.name)));
    settings
}

/// Tells what the file of each site sets, in one line for each, and returns what is wrong with them.
pub fn report(config: &Config, sandboxes: &[Arc<Sandbox>], tell: impl Fn(fmt::Arguments<'_>)) -> Vec<String> {
    let mut faults = Vec::new();
    for (served, sandbox) in config.trees.iter().zip(sandboxes) {
        match read(config, served, sandbox) {
            Said::Sets(settings) if !settings.is_empty() && !config.quiet => {
                let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
                tell(format_args!("'{}' sets: {}", served.tree.path().join(FILE).display(), names.join(", ")));
            }
            Said::Nothing | Said::Sets(_) => {}
            Said::Broken(text) | Said::Ignored(text) => faults.push(text),
        }
    }
    faults
}

/// Reports what a start would report, and returns as an error the first file for which every request would be answered with 500.
pub fn check(config: &Config, sandboxes: &[Arc<Sandbox>], report: impl Fn(String)) -> Result<(), String> {
    for (served, sandbox) in config.trees.iter().zip(sandboxes) {
        match read(config, served, sandbox) {
            Said::Broken(text) => return Err(text),
            Said::Ignored(text) => report(text),
            Said::Nothing | Said::Sets(_) => {}
        }
    }
    Ok(())
}
