//! The handler made ready to run on the terms of the configuration, at the start and again while it serves. It refuses to know
//! who asks it.

use crate::config::{Config, HandlerSource, OpenLog, Rights, ServedTree, StartupError};
use crate::{component_file, router, site_report};
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_http::{Log, bounded_file};
use glasshouse_protocol::{ABOVE_ENV, MOUNTS_ENV};
use glasshouse_sandbox::{COMPILED, Code, Sandbox, SandboxConfig, SandboxError};
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// The handler that was read at the start, ready to serve each tree.
///
/// # Errors
/// A component that cannot serve, a tree that cannot be opened.
pub fn sandboxes(config: &Config) -> Result<Vec<Arc<Sandbox>>, StartupError> {
    let (handler, name) = match &config.handler {
        HandlerSource::Embedded => (Code::Compiled(COMPILED), "that is built in".into()),
        HandlerSource::File { path, bytes } => (Code::Component(bytes), format!("'{}'", path.display())),
    };
    load(config, handler).map_err(|cause| {
        StartupError::CannotServe(match cause {
            Cause::Tree(_) => format!("{cause}; name one that you may read"),
            Cause::Handler(cause) => format!("cannot run the handler {name}: {cause}; name another one with --handler"),
        })
    })
}

/// Opens what is served again by its paths, and reads the handler again where that is possible. No tree is opened again that the file
/// of the log would be in.
pub fn again(
    config: Config,
    log: Log,
    file: Option<Arc<OpenLog>>,
    mut sandboxes: Vec<Arc<Sandbox>>,
    handlers: Vec<router::Router>,
) -> impl FnMut() -> Result<(), String> {
    move || {
        let mut faults = Vec::new();
        let holds_log = |served: &ServedTree| file.as_ref().is_some_and(|file| file.is_in(&served.tree));
        match (&config.handler, config.rights) {
            (HandlerSource::File { path, .. }, Rights::AreKept) => {
                let stays = |cause: String| format!("the handler '{}' is not replaced: {cause}", path.display());
                if let Some(served) = config.trees.iter().find(|served| holds_log(served)) {
                    return Err(stays(kept(served, HOLDS_LOG)));
                }
                let bytes = component_file::read(path).map_err(stays)?;
                sandboxes = load(&config, Code::Component(&bytes)).map_err(|cause| stays(cause.to_string()))?;
            }
            // One that stays as it is keeps no other from being opened.
            _ => {
                for (served, sandbox) in config.trees.iter().zip(&mut sandboxes) {
                    if holds_log(served) {
                        faults.push(kept(served, HOLDS_LOG));
                        continue;
                    }
                    match sandbox.reopen(&served.tree) {
                        Ok(opened) => *sandbox = opened,
                        Err(error) => faults.push(stays(&config, served, &error)),
                    }
                }
            }
        }
        handlers.iter().for_each(|handler| handler.replace(&sandboxes));
        faults.extend(site_report::report(&config, &sandboxes, |text| log.error(text)));
        if let (HandlerSource::File { path, .. }, Rights::AreGivenUp | Rights::MustBeGivenUp) =
            (&config.handler, config.rights)
        {
            faults.push(format!(
                "the handler '{}' is not read again, because the process has given up making machine code; start it anew, or \
                 with --no-harden",
                path.display()
            ));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }
}

/// Why there is no sandbox.
enum Cause {
    /// What is to be served cannot be opened.
    Tree(String),
    Handler(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Tree(text) | Cause::Handler(text) => f.write_str(text),
        }
    }
}

/// A sandbox for each tree, in their order. The handler is compiled once.
fn load(config: &Config, handler: Code<'_>) -> Result<Vec<Arc<Sandbox>>, Cause> {
    // What lies beneath quotes the file, in lines of its own.
    let cause = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let mut sandboxes: Vec<Arc<Sandbox>> = Vec::new();
    for served in &config.trees {
        let environment = environment(config, served);
        let unopened = |error: &io::Error| {
            Cause::Tree(format!("cannot serve '{}': {}", served.tree.path().display(), bounded_file::reason(error)))
        };
        let sandbox = match sandboxes.first() {
            Some(first) => first.with_root(&served.tree, environment).map_err(|error| unopened(&error)),
            None => {
                let settings = SandboxConfig {
                    root: served.tree.clone(),
                    environment,
                    is_pure: config.is_pure,
                    limits: config.ceilings.clone(),
                };
                Sandbox::new(handler, settings).map_err(|error| match error {
                    SandboxError::Open(error) => unopened(&error),
                    error => Cause::Handler(cause(error.to_string())),
                })
            }
        };
        sandboxes.push(sandbox?);
    }
    Ok(sandboxes)
}

/// The variables of the handler that serves a tree. The prefix that was asked for is that of the tree at the root.
fn environment(config: &Config, served: &ServedTree) -> Vec<(String, String)> {
    let prefix = options::variable("prefix");
    let at = served.at.as_ref().map(Target::path);
    let given = config.guest.iter().filter(|(key, _)| at.is_none() || *key != prefix).cloned();
    let mounts = mounts_within(config, served);
    let above = served.at.as_ref().map(|at| above(config, at));
    let own = [(prefix.as_str(), at.as_deref()), (ABOVE_ENV, above.as_deref()), (MOUNTS_ENV, mounts.as_deref())];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    given.chain(own).collect()
}

/// Where other trees hide a part of this one, as URLs have it.
fn mounts_within(config: &Config, served: &ServedTree) -> Option<String> {
    let others = config.trees.iter().filter_map(|other| other.at.as_ref());
    let others = others.filter(|other| match &served.at {
        Some(at) => *other != at && other.is_within(at),
        None => true,
    });
    let mounts: Vec<String> = others.map(Target::location).collect();
    (!mounts.is_empty()).then(|| mounts.join(" "))
}

/// How many names of its path lead from the top to each tree above one.
fn above(config: &Config, at: &Target) -> String {
    let prefix = options::variable("prefix");
    let root = config.guest.iter().find(|(key, _)| *key == prefix);
    let root = root.and_then(|(_, path)| options::prefix(path).ok().flatten());
    let depths = config.trees.iter().filter_map(|other| match other.at.as_ref().or(root.as_ref()) {
        None => Some(0),
        Some(other) => (other != at && at.is_within(other)).then(|| other.names().len()),
    });
    depths.map(|depth| depth.to_string()).collect::<Vec<_>>().join(",")
}

/// Why what was open stays in use, and the way out.
fn stays(config: &Config, served: &ServedTree, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::PermissionDenied if config.rights != Rights::AreKept => {
            "the process has given up reading it; name a directory above it with --harden-also at the start, or serve with \
             --no-harden"
                .to_owned()
        }
        ErrorKind::NotFound => "it is not there; put it back".to_owned(),
        _ => error.to_string(),
    };
    kept(served, &reason)
}

const HOLDS_LOG: &str =
    "the file of the log is in it now, where everybody could read it; name another one with --log-file";

fn kept(served: &ServedTree, reason: &str) -> String {
    format!("'{}' is not opened again, and what was open is still served: {reason}", served.tree.path().display())
}
