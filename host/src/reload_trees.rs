//! The reload step of the trees and of the components.

use crate::chain::{Chain, HandlerSource};
use crate::component_file::ComponentFile;
use crate::config::{OpenLog, Rights, ServedTree, ServerConfig, TreeComponent};
use crate::logging::NOTICE;
use crate::router::Router;
use crate::setup::{handler_sandboxes, mounted_sandbox};
use crate::site_report;
use glasshouse_sandbox::{Sandbox, ServedPath};
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tracing::info;

const CONTAINS_LOG: &str = "it contains the log file, which clients could read; name another file with --log-file";

/// What a reload replaces.
pub(crate) struct ReloadTrees {
    pub(crate) config: ServerConfig,
    /// No tree is opened again if it contains this file.
    pub(crate) log_file: Option<Arc<OpenLog>>,
    pub(crate) sandboxes: Vec<Arc<Sandbox>>,
    pub(crate) routers: Vec<Router>,
}

impl ReloadTrees {
    /// Opens the trees by their paths. Reads the components again if their code may still become executable.
    ///
    /// # Errors
    /// The trees and the components that could not be replaced, with the reasons. Their previous versions stay in use.
    pub(crate) fn reload(&mut self) -> Result<(), String> {
        let mut errors = self.reopen_trees();
        match self.config.rights {
            Rights::AreKept => {
                errors.extend(self.reload_handler().err());
                errors.extend(self.reload_mounted());
            }
            Rights::AreGivenUp | Rights::MustBeGivenUp => errors.extend(self.kept_components()),
        }
        self.routers.iter().for_each(|router| router.replace(&self.sandboxes));
        let log = |text: std::fmt::Arguments<'_>| info!(target: NOTICE, "{text}");
        errors.extend(site_report::report(&self.config, &self.sandboxes, log));
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// Returns the errors. A tree that fails does not affect the others.
    fn reopen_trees(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        for (served, sandbox) in self.config.trees.iter().zip(&mut self.sandboxes) {
            let Some(tree) = &served.tree else { continue };
            if self.log_file.as_ref().is_some_and(|file| file.is_in(tree)) {
                errors.push(not_reopened(tree, CONTAINS_LOG));
                continue;
            }
            match sandbox.reopen(Some(tree)) {
                Ok(reopened) => *sandbox = reopened,
                Err(error) => errors.push(not_reopened(tree, &reopen_reason(&error, self.config.rights))),
            }
        }
        errors
    }

    /// Replaces the handler and its middleware if a file has changed: in all of their trees, or in none.
    fn reload_handler(&mut self) -> Result<(), String> {
        let before = self.config.chain();
        let failed = |reason: &dyn Display| format!("handler not replaced: {reason}");
        let Some((handler, middleware)) = before.read_again().map_err(|reason| failed(&reason))? else {
            return Ok(());
        };
        let next = Chain { handler: &handler, middleware: &middleware };
        let of_handler = |served: &&ServedTree| matches!(served.component, TreeComponent::Handler);
        let mut trees = self.config.trees.iter().filter(of_handler).filter_map(|served| served.tree.as_ref());
        if let Some(tree) = trees.find(|tree| self.log_file.as_ref().is_some_and(|file| file.is_in(tree))) {
            return Err(not_reopened(tree, CONTAINS_LOG));
        }
        let beside = self.sandboxes.first();
        let replaced = handler_sandboxes(&self.config, &next, beside)
            .map_err(|error| failed(&format!("the handler {next}: {error}")))?;
        if handler.needs_directory() != self.config.handler.needs_directory() {
            return Err(failed(&format!(
                "the handler {next}: one of the old and the new one reads a directory, and the other does not; restart \
                 the server"
            )));
        }
        let slots = self.config.trees.iter().zip(&mut self.sandboxes).filter(|(served, _)| of_handler(served));
        for ((_, slot), sandbox) in slots.zip(replaced) {
            *slot = sandbox;
        }
        (self.config.handler, self.config.middleware) = (handler, middleware);
        self.config.discard_components();
        Ok(())
    }

    /// Replaces each mounted component whose file has changed. Returns the errors.
    fn reload_mounted(&mut self) -> Vec<String> {
        let (mut errors, mut changed) = (Vec::new(), Vec::new());
        for (at, (served, slot)) in self.config.trees.iter().zip(&mut self.sandboxes).enumerate() {
            let TreeComponent::Mounted { file, .. } = &served.component else { continue };
            let failed = |reason: &dyn Display| format!("component not replaced: '{}': {reason}", file.path.display());
            match ComponentFile::read(&file.path) {
                Err(reason) => errors.push(failed(&reason)),
                Ok(read) if read.is_same(file) => {}
                Ok(read) => match mounted_sandbox(&self.config, served, &read, Some(slot)) {
                    Ok(sandbox) => {
                        *slot = sandbox;
                        changed.push((at, read));
                    }
                    Err(error) => errors.push(failed(&error)),
                },
            }
        }
        for (at, read) in changed {
            if let Some(ServedTree { component: TreeComponent::Mounted { file, .. }, .. }) =
                self.config.trees.get_mut(at)
            {
                *file = read;
            }
        }
        self.config.discard_components();
        errors
    }

    /// The error about components that a process without the right to create machine code keeps.
    fn kept_components(&self) -> Option<String> {
        let handler = match &self.config.handler {
            HandlerSource::File(file) => Some(file),
            HandlerSource::Embedded => None,
        };
        let mounted = self.config.trees.iter().filter_map(|served| match &served.component {
            TreeComponent::Mounted { file, .. } => Some(file),
            TreeComponent::Handler => None,
        });
        let files = self.config.middleware.iter().chain(handler).chain(mounted);
        let names: Vec<String> = files.map(|file| format!("'{}'", file.path.display())).collect();
        (!names.is_empty()).then(|| {
            format!(
                "handler not replaced: {}: the process has given up the right to create machine code; restart it, or \
                 start it with --no-harden",
                names.join(", ")
            )
        })
    }
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

fn not_reopened(tree: &ServedPath, reason: &str) -> String {
    format!("tree not replaced: '{}': {reason}", tree.path().display())
}
