//! Creates the sandbox of each tree.

use crate::bounded_file;
use crate::chain::{Chain, ChainError};
use crate::component_file::ComponentFile;
use crate::config::{ServedTree, ServerConfig, TreeComponent};
use crate::error::StartupError;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_protocol::{ABOVE_ENV, MOUNTS_ENV};
use glasshouse_sandbox::{Code, Sandbox, SandboxConfig, SandboxEngine, SandboxError, ServedPath};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Creates a sandbox for each tree, in their order.
///
/// # Errors
/// A component cannot serve, or a tree cannot be opened.
pub(crate) fn sandboxes(config: &ServerConfig, engine: &SandboxEngine) -> Result<Vec<Arc<Sandbox>>, StartupError> {
    let chain = config.chain();
    let code = chain.code().map_err(|error| handler_error(&error.into(), &chain))?;
    let of_handler = handler_sandboxes(config, engine, &chain, code.code());
    let mut of_handler = of_handler.map_err(|error| handler_error(&error, &chain))?.into_iter();
    let mut sandboxes = Vec::new();
    for served in &config.trees {
        match &served.component {
            TreeComponent::Handler => sandboxes.extend(of_handler.next()),
            TreeComponent::Mounted { file, .. } => {
                let mounted = mounted_sandbox(config, engine, served, file, Code::Component(&file.bytes));
                sandboxes.push(mounted.map_err(|error| mounted_error(&error, &file.path))?);
            }
        }
    }
    Ok(sandboxes)
}

fn handler_error(error: &LoadError, chain: &Chain<'_>) -> StartupError {
    StartupError::CannotServe(match error {
        LoadError::Tree { .. } => format!("{error}; name a readable one"),
        LoadError::Chain(ChainError::Rejected { .. }) => format!("{error}; name another component"),
        LoadError::Component(_) if chain.middleware.is_empty() => {
            format!("cannot run the handler {chain}: {error}; name another one with --handler")
        }
        LoadError::Component(_) | LoadError::Chain(_) => format!("cannot run the handler {chain}: {error}"),
    })
}

fn mounted_error(error: &LoadError, file: &Path) -> StartupError {
    StartupError::CannotServe(match error {
        LoadError::Tree { .. } => format!("{error}; name a readable one"),
        error => format!("cannot run the component '{}': {error}; name another one with --mount", file.display()),
    })
}

/// A sandbox cannot be created.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("cannot serve '{}': {reason}", .path.display())]
    Tree { path: PathBuf, reason: String },
    #[error("{0}")]
    Component(String),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl LoadError {
    fn tree(path: Option<&ServedPath>, error: &io::Error) -> LoadError {
        let path = path.map(ServedPath::path).unwrap_or_default();
        LoadError::Tree { path, reason: bounded_file::reason(error) }
    }
}

/// Loads the code of the handler once, and creates a sandbox for each tree that it serves, in their order.
///
/// # Errors
/// The handler cannot run, or a tree cannot be opened.
pub(crate) fn handler_sandboxes(
    config: &ServerConfig,
    engine: &SandboxEngine,
    chain: &Chain<'_>,
    code: Code<'_>,
) -> Result<Vec<Arc<Sandbox>>, LoadError> {
    let mut sandboxes: Vec<Arc<Sandbox>> = Vec::new();
    let of_handler = config.trees.iter().filter(|served| matches!(served.component, TreeComponent::Handler));
    for served in of_handler {
        let environment = environment(config, served);
        let sandbox = match sandboxes.first() {
            Some(first) => first
                .with_root(served.tree.as_ref(), environment)
                .map_err(|error| LoadError::tree(served.tree.as_ref(), &error))?,
            None => {
                let sandbox_config = SandboxConfig {
                    root: served.tree.clone(),
                    handoff: chain.handoff(),
                    environment,
                    replay: config.replay.clone().filter(|_| config.is_declared_pure || chain.can_be_replayed()),
                    limits: config.ceilings.clone(),
                };
                sandbox(engine, code, sandbox_config)?
            }
        };
        sandboxes.push(sandbox);
    }
    Ok(sandboxes)
}

/// Loads the component of a mount, and creates its sandbox. Its responses are not replayed, because the host does
/// not know on what they depend.
///
/// # Errors
/// The component cannot run, or its directory cannot be opened.
pub(crate) fn mounted_sandbox(
    config: &ServerConfig,
    engine: &SandboxEngine,
    served: &ServedTree,
    file: &ComponentFile,
    code: Code<'_>,
) -> Result<Arc<Sandbox>, LoadError> {
    let sandbox_config = SandboxConfig {
        root: served.tree.clone(),
        handoff: file.facts.handoff(),
        environment: environment(config, served),
        replay: None,
        limits: config.ceilings.clone(),
    };
    sandbox(engine, code, sandbox_config)
}

fn sandbox(engine: &SandboxEngine, code: Code<'_>, config: SandboxConfig) -> Result<Arc<Sandbox>, LoadError> {
    let root = config.root.clone();
    Sandbox::new(engine, code, config).map_err(|error| match error {
        SandboxError::Open(error) => LoadError::tree(root.as_ref(), &error),
        error => LoadError::Component(first_line(&error)),
    })
}

/// The first line of an error. The others quote the component.
pub(crate) fn first_line(error: &SandboxError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The variables of the component of a tree: the options of the handler, or those of the mounted component. The option
/// `--prefix` applies to the tree at the root.
fn environment(config: &ServerConfig, served: &ServedTree) -> Vec<(String, String)> {
    let prefix = options::variable("prefix");
    let at = served.at.as_ref().map(Target::path);
    let given = match &served.component {
        TreeComponent::Handler => &config.guest,
        TreeComponent::Mounted { variables, .. } => variables,
    };
    let given = given.iter().filter(|(key, _)| at.is_none() || *key != prefix).cloned();
    let mounts = mounts_within(config, served);
    let above = served.at.as_ref().map(|at| depths_above(config, at));
    let own = [(prefix.as_str(), at.as_deref()), (ABOVE_ENV, above.as_deref()), (MOUNTS_ENV, mounts.as_deref())];
    let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    given.chain(own).collect()
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
