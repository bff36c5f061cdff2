//! What the file of each site says, told when the server starts and when it reads again. It refuses to know what options mean, and
//! hands nothing of it on: the handler reads the file by itself.

use crate::config::{Config, HandlerSource, ServedTree};
use glasshouse_core::config::{options, site_file};
use glasshouse_core::tree::public::{SITE_FILE as FILE, SITE_FILE_MAX as LONGEST};
use glasshouse_sandbox::{Peek, Sandbox, ServedPath};
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

/// What the file of one site comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum SiteFileReport {
    /// There is none, or nobody reads it.
    Nothing,
    /// These options, in the order of its lines, as far as nothing else that was given stands over them.
    Sets(Vec<site_file::SiteSetting>),
    /// It has an error, and each request is answered with 500.
    Broken(String),
    /// What is there in its place is read by nobody.
    Ignored(String),
}

/// Reads the file of the site that a sandbox serves.
pub fn read(config: &Config, served: &ServedTree, sandbox: &Sandbox) -> SiteFileReport {
    let is_off = options::variable("no-site-file");
    let is_read = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().filter(|(key, _)| *key == is_off);
        glasshouse_core::Config::from_pairs(pairs.map(|(key, value)| (key, value))).is_ok_and(|config| config.site_file)
    };
    // What another handler reads is its own affair.
    let is_ours = matches!((&config.handler, &served.tree), (HandlerSource::Embedded, ServedPath::Directory(_)));
    if !is_ours || !is_read(&config.guest) {
        return SiteFileReport::Nothing;
    }
    let directory = served.tree.path();
    let path = directory.join(FILE);
    let broken = |reason: String| {
        SiteFileReport::Broken(format!("{reason} (each request is answered with 500 until it is mended)"))
    };
    match sandbox.peek(FILE, LONGEST.saturating_add(1)) {
        Ok(Peek::Nothing) => SiteFileReport::Nothing,
        Ok(Peek::Other(what)) => SiteFileReport::Ignored(format!("'{}' is {what}, and is not read", path.display())),
        Ok(Peek::File(bytes)) if u64::try_from(bytes.len()).is_ok_and(|length| length <= LONGEST) => {
            match site_file::parse(&bytes) {
                Ok((_, settings)) => SiteFileReport::Sets(in_effect(settings, &config.guest)),
                Err(error) => broken(format!("{}/{error}", directory.display())),
            }
        }
        Ok(Peek::File(_)) => broken(format!("'{}' {}", path.display(), site_file::TOO_LONG)),
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
fn in_effect(mut settings: Vec<site_file::SiteSetting>, given: &[(String, String)]) -> Vec<site_file::SiteSetting> {
    settings.retain(|setting| given.iter().all(|(key, _)| *key != options::variable(setting.name)));
    settings
}

/// Tells what the file of each site sets, in one line for each, and returns what is wrong with them.
pub fn report(config: &Config, sandboxes: &[Arc<Sandbox>], tell: impl Fn(fmt::Arguments<'_>)) -> Vec<String> {
    let mut faults = Vec::new();
    for (served, sandbox) in config.trees.iter().zip(sandboxes) {
        match read(config, served, sandbox) {
            SiteFileReport::Sets(settings) if !settings.is_empty() && !config.quiet => {
                let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
                tell(format_args!("'{}' sets: {}", served.tree.path().join(FILE).display(), names.join(", ")));
            }
            SiteFileReport::Nothing | SiteFileReport::Sets(_) => {}
            SiteFileReport::Broken(text) | SiteFileReport::Ignored(text) => faults.push(text),
        }
    }
    faults
}

/// Reports what a start would report, and returns as an error the first file for which every request would be answered with 500.
pub fn check(config: &Config, sandboxes: &[Arc<Sandbox>], report: impl Fn(String)) -> Result<(), String> {
    for (served, sandbox) in config.trees.iter().zip(sandboxes) {
        match read(config, served, sandbox) {
            SiteFileReport::Broken(text) => return Err(text),
            SiteFileReport::Ignored(text) => report(text),
            SiteFileReport::Nothing | SiteFileReport::Sets(_) => {}
        }
    }
    Ok(())
}
