//! The reload step of the trees and of the components.

use crate::chain::Chain;
use crate::compiler::{Compiled, Compiler};
use crate::component_file::ComponentFile;
use crate::config::{OpenLog, Rights, ServedTree, ServerConfig, TreeComponent};
use crate::logging::NOTICE;
use crate::setup::{LoadError, handler_sandboxes, mounted_sandbox};
use crate::site_report;
use glasshouse_live::LiveHub;
use glasshouse_sandbox::{Code, Sandbox, SandboxEngine, ServedPath};
use glasshouse_site::Router;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tracing::info;

const CONTAINS_LOG: &str = "it contains the log file, which clients could read; name another file with --log-file";

/// What a reload replaces.
pub(crate) struct ReloadTrees {
    pub(crate) config: ServerConfig,
    pub(crate) engine: SandboxEngine,
    /// Compiles components if this process has given up the right to make memory executable.
    pub(crate) compiler: Option<Compiler>,
    /// No tree is opened again if it contains this file.
    pub(crate) log_file: Option<Arc<OpenLog>>,
    pub(crate) sandboxes: Vec<Arc<Sandbox>>,
    pub(crate) routers: Vec<Router>,
    /// The pages that show the trees.
    pub(crate) live: Option<LiveHub>,
}

impl ReloadTrees {
    /// Opens the trees by their paths, and reads the components again.
    ///
    /// # Errors
    /// The trees and the components that could not be replaced, with the reasons. Their previous versions stay in use.
    pub(crate) fn reload(&mut self) -> Result<(), String> {
        let mut errors = self.reopen_trees();
        // Not after the components, which may be compiled for minutes.
        self.routers.iter().for_each(|router| router.replace(&self.sandboxes));
        if self.config.rights.are_kept() || self.compiler.is_some() {
            errors.extend(self.reload_handler().err());
            errors.extend(self.reload_mounted());
        } else {
            errors.extend(self.kept_components());
        }
        self.routers.iter().for_each(|router| router.replace(&self.sandboxes));
        let log = |text: std::fmt::Arguments<'_>| info!(target: NOTICE, "{text}");
        errors.extend(site_report::report(&self.config, &self.sandboxes, log));
        self.live.iter().for_each(LiveHub::reopen);
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// Returns the errors. A tree that fails does not affect the others.
    fn reopen_trees(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        for (served, sandbox) in self.config.trees.iter().zip(&mut self.sandboxes) {
            let Some(tree) = &served.tree else { continue };
            if contains_log(self.log_file.as_deref(), tree) {
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
        let failed = |reason: &dyn Display| format!("handler not replaced: {reason}");
        let before = self.config.chain();
        if before.files().next().is_none() {
            return Ok(());
        }
        let (handler, middleware, compiled) = match &mut self.compiler {
            Some(compiler) => match compiler.handler(&before).map_err(|reason| failed(&reason))? {
                Some(Compiled { components: (handler, middleware), code }) => (handler, middleware, Some(code)),
                None => return Ok(()),
            },
            None => match before.read_again().map_err(|reason| failed(&reason))? {
                Some((handler, middleware)) => (handler, middleware, None),
                None => return Ok(()),
            },
        };
        let next = Chain { handler: &handler, middleware: &middleware };
        let of_handler = |served: &&ServedTree| matches!(served.component, TreeComponent::Handler);
        let mut trees = self.config.trees.iter().filter(of_handler).filter_map(|served| served.tree.as_ref());
        if let Some(tree) = trees.find(|tree| contains_log(self.log_file.as_deref(), tree)) {
            return Err(not_reopened(tree, CONTAINS_LOG));
        }
        let cannot_run = |reason: &dyn Display| failed(&format!("the handler {next}: {reason}"));
        let replaced = match compiled {
            Some(code) => handler_sandboxes(&self.config, &self.engine, &next, code),
            None => next
                .code()
                .map_err(LoadError::from)
                .and_then(|code| handler_sandboxes(&self.config, &self.engine, &next, code.code())),
        };
        let replaced = replaced.map_err(|error| cannot_run(&error))?;
        if handler.needs_directory() != self.config.handler.needs_directory() {
            return Err(cannot_run(
                &"one of the old and the new one reads a directory, and the other does not; restart the server",
            ));
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
        let trees = self.config.trees.iter().zip(&mut self.sandboxes).enumerate();
        let mounted = trees.filter_map(|(at, (served, slot))| match &served.component {
            TreeComponent::Mounted { file, .. } => Some((at, served, file, slot)),
            TreeComponent::Handler => None,
        });
        for (index, (at, served, file, slot)) in mounted.enumerate() {
            // The error about the tree is reported.
            if served.tree.as_ref().is_some_and(|tree| contains_log(self.log_file.as_deref(), tree)) {
                continue;
            }
            let next = next_mounted(self.compiler.as_mut(), index, file).and_then(|next| {
                let Some((read, compiled)) = next else { return Ok(None) };
                let code = compiled.unwrap_or(Code::Component(&read.bytes));
                let sandbox = mounted_sandbox(&self.config, &self.engine, served, &read, code);
                sandbox.map(|sandbox| Some((read, sandbox))).map_err(|error| error.to_string())
            });
            match next {
                Ok(None) => {}
                Ok(Some((read, sandbox))) => {
                    *slot = sandbox;
                    changed.push((at, read));
                }
                Err(reason) => errors.push(format!("component not replaced: '{}': {reason}", file.path.display())),
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

    /// The error about components that a process without a compiler keeps.
    fn kept_components(&self) -> Option<String> {
        let names: Vec<String> =
            self.config.component_files().map(|file| format!("'{}'", file.path.display())).collect();
        (!names.is_empty()).then(|| {
            format!(
                "handler not replaced: {}: the process has given up the right to create machine code; restart it, or \
                 start it with --no-harden",
                names.join(", ")
            )
        })
    }
}

/// The mounted component, and its code if another process has compiled it. `None` if its file has not changed.
fn next_mounted(
    compiler: Option<&mut Compiler>,
    index: usize,
    before: &ComponentFile,
) -> Result<Option<(ComponentFile, Option<Code<'static>>)>, String> {
    match compiler {
        Some(compiler) => {
            let compiled = compiler.mounted(index, before)?;
            Ok(compiled.map(|Compiled { components, code }| (components, Some(code))))
        }
        None => {
            let read = ComponentFile::read(&before.path)?;
            Ok((!read.is_same(before)).then_some((read, None)))
        }
    }
}

/// Whether the log would be served if the tree was opened again now.
fn contains_log(log_file: Option<&OpenLog>, tree: &ServedPath) -> bool {
    log_file.is_some_and(|file| file.is_in(tree))
}

/// The reason of a tree that cannot be opened again, with the fix.
fn reopen_reason(error: &io::Error, rights: Rights) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied if !rights.are_kept() => {
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
