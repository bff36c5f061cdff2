//! Creates the sandbox of each tree at the start, and replaces them on reload.

use crate::bounded_file;
use crate::config::{HandlerSource, OpenLog, Rights, ServedTree, ServerConfig};
use crate::error::StartupError;
use crate::logging::NOTICE;
use crate::router::Router;
use crate::{component_file, site_report};
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_protocol::{ABOVE_ENV, MOUNTS_ENV};
use glasshouse_sandbox::{COMPILED, Code, Sandbox, SandboxConfig, SandboxError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tracing::info;

/// Creates a sandbox for each tree, in their order.
///
/// # Errors
/// The component cannot serve, or a tree cannot be opened.
pub(crate) fn sandboxes(config: &ServerConfig) -> Result<Vec<Arc<Sandbox>>, StartupError> {
    let (handler, name) = match &config.handler {
        HandlerSource::Embedded => (Code::Compiled(COMPILED), "that is built in".into()),
        HandlerSource::File { path, bytes } => (Code::Component(bytes), format!("'{}'", path.display())),
    };
    load(config, handler).map_err(|error| {
        StartupError::CannotServe(match error {
            LoadError::Tree { .. } => format!("{error}; name a readable one"),
            LoadError::Handler(_) => {
                format!("cannot run the handler {name}: {error}; name another one with --handler")
            }
        })
    })
}

/// The reload step of the trees and the handler.
pub(crate) struct ReloadTrees {
    pub(crate) config: ServerConfig,
    /// No tree is opened again if it contains this file.
    pub(crate) log_file: Option<Arc<OpenLog>>,
    pub(crate) sandboxes: Vec<Arc<Sandbox>>,
    pub(crate) routers: Vec<Router>,
}

impl ReloadTrees {
    /// Opens the trees by their paths. Reads the handler again if its code may still become executable.
    ///
    /// # Errors
    /// The trees and the handler that could not be replaced, with the reasons. Their previous versions stay in use.
    pub(crate) fn reload(&mut self) -> Result<(), String> {
        let mut errors = Vec::new();
        match (&self.config.handler, self.config.rights) {
            (HandlerSource::File { path, .. }, Rights::AreKept) => {
                let path = path.clone();
                self.reload_handler(&path)
                    .map_err(|reason| format!("handler not replaced: '{}': {reason}", path.display()))?;
            }
            _ => errors = self.reopen_trees(),
        }
        self.routers.iter().for_each(|router| router.replace(&self.sandboxes));
        errors.extend(report_sites(&self.config, &self.sandboxes));
        if let (HandlerSource::File { path, .. }, Rights::AreGivenUp | Rights::MustBeGivenUp) =
            (&self.config.handler, self.config.rights)
        {
            errors.push(format!(
                "handler not replaced: '{}': the process has given up the right to create machine code; restart it, or \
                 start it with --no-harden",
                path.display()
            ));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn reload_handler(&mut self, path: &Path) -> Result<(), String> {
        if let Some(served) = self.config.trees.iter().find(|served| self.contains_log(served)) {
            return Err(not_reopened(served, CONTAINS_LOG));
        }
        let bytes = component_file::read(path)?;
        self.sandboxes = load(&self.config, Code::Component(&bytes)).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Returns the errors. A tree that fails does not affect the others.
    fn reopen_trees(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        let contains_log = self.config.trees.iter().map(|served| self.contains_log(served)).collect::<Vec<_>>();
        for ((served, sandbox), contains_log) in self.config.trees.iter().zip(&mut self.sandboxes).zip(contains_log) {
            if contains_log {
                errors.push(not_reopened(served, CONTAINS_LOG));
                continue;
            }
            match sandbox.reopen(&served.tree) {
                Ok(reopened) => *sandbox = reopened,
                Err(error) => errors.push(not_reopened(served, &reopen_reason(&error, self.config.rights))),
            }
        }
        errors
    }

    fn contains_log(&self, served: &ServedTree) -> bool {
        self.log_file.as_ref().is_some_and(|file| file.is_in(&served.tree))
    }
}

/// Logs the options that each `glasshouse.toml` sets. Returns the errors in these files.
pub(crate) fn report_sites(config: &ServerConfig, sandboxes: &[Arc<Sandbox>]) -> Vec<String> {
    site_report::report(config, sandboxes, |text| info!(target: NOTICE, "{text}"))
}

/// A sandbox cannot be created.
#[derive(Debug, Error)]
enum LoadError {
    #[error("cannot serve '{}': {reason}", .path.display())]
    Tree { path: PathBuf, reason: String },
    /// The first line of the message. The others quote the component.
    #[error("{0}")]
    Handler(String),
}

/// Compiles the handler once, and creates a sandbox for each tree.
fn load(config: &ServerConfig, handler: Code<'_>) -> Result<Vec<Arc<Sandbox>>, LoadError> {
    let mut sandboxes: Vec<Arc<Sandbox>> = Vec::new();
    for served in &config.trees {
        let environment = environment(config, served);
        let tree_error = |error: &io::Error| LoadError::Tree {
            path: served.tree.path().to_owned(),
            reason: bounded_file::reason(error).to_string(),
        };
        let sandbox = match sandboxes.first() {
            Some(first) => first.with_root(&served.tree, environment).map_err(|error| tree_error(&error)),
            None => {
                let sandbox_config = SandboxConfig {
                    root: served.tree.clone(),
                    environment,
                    replay: config.replay.clone(),
                    limits: config.ceilings.clone(),
                };
                Sandbox::new(handler, sandbox_config).map_err(|error| match error {
                    SandboxError::Open(error) => tree_error(&error),
                    error => LoadError::Handler(error.to_string().lines().next().unwrap_or_default().to_owned()),
                })
            }
        };
        sandboxes.push(sandbox?);
    }
    Ok(sandboxes)
}

/// The variables of the handler of a tree. The option `--prefix` applies to the tree at the root.
fn environment(config: &ServerConfig, served: &ServedTree) -> Vec<(String, String)> {
    let prefix = options::variable("prefix");
    let at = served.at.as_ref().map(Target::path);
    let options = config.guest.iter().filter(|(key, _)| at.is_none() || *key != prefix).cloned();
    let mounts = mounts_within(config, served);
    let above = served.at.as_ref().map(|at| depths_above(config, at));
    let own = [(prefix.as_str(), at.as_deref()), (ABOVE_ENV, above.as_deref()), (MOUNTS_ENV, mounts.as_deref())];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    options.chain(own).collect()
}

/// The URL paths of other trees within this one, separated by spaces.
fn mounts_within(config: &ServerConfig, served: &ServedTree) -> Option<String> {
    let others = config.trees.iter().filter_map(|other| other.at.as_ref());
    let others = others.filter(|other| match &served.at {
        Some(at) => *other != at && other.is_within(at),
        None => true,
    });
    let mounts: Vec<String> = others.map(Target::location).collect();
    (!mounts.is_empty()).then(|| mounts.join(" "))
}

/// The number of path segments of each tree above `at`, separated by commas.
fn depths_above(config: &ServerConfig, at: &Target) -> String {
    let prefix = options::variable("prefix");
    let root = config.guest.iter().find(|(key, _)| *key == prefix);
    let root = root.and_then(|(_, path)| options::prefix(path).ok().flatten());
    let depths = config.trees.iter().filter_map(|other| match other.at.as_ref().or(root.as_ref()) {
        None => Some(0),
        Some(other) => (other != at && at.is_within(other)).then(|| other.names().len()),
    });
    depths.map(|depth| depth.to_string()).collect::<Vec<_>>().join(",")
}

/// The reason of a tree that cannot be opened again, with the fix.
fn reopen_reason(error: &io::Error, rights: Rights) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied if rights != Rights::AreKept => {
            "the process has given up the right to read it; restart it with --harden-also and a directory above it, \
             or with --no-harden"
                .to_owned()
        }
        ErrorKind::NotFound => "no such directory or file; restore it".to_owned(),
        _ => error.to_string(),
    }
}

const CONTAINS_LOG: &str = "it contains the log file, which clients could read; name another file with --log-file";

fn not_reopened(served: &ServedTree, reason: &str) -> String {
    format!("tree not replaced: '{}': {reason}", served.tree.path().display())
}
