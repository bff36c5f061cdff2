//! Creates the sandbox of each tree.

use crate::bounded_file;
use crate::chain::{Chain, ChainError};
use crate::component_file::ComponentFile;
use crate::config::{ServedTree, ServerConfig, TreeComponent};
use crate::error::StartupError;
use glasshouse_sandbox::{Code, Sandbox, SandboxConfig, SandboxEngine, SandboxError, ServedPath};
use glasshouse_site::tree_variables;
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

/// The variables of the component of a tree: the options of the handler, or those of the mounted component.
fn environment(config: &ServerConfig, served: &ServedTree) -> Vec<(String, String)> {
    let given = match &served.component {
        TreeComponent::Handler => &config.guest,
        TreeComponent::Mounted { variables, .. } => variables,
    };
    let trees: Vec<_> = config.trees.iter().map(|other| other.at.as_ref()).collect();
    tree_variables(given, served.at.as_ref(), &trees, &config.guest)
}
