//! Builds a site from directories, files, options and limits.

use crate::error::SiteError;
use crate::router::{RoutedTree, Router};
use crate::service::SiteService;
use crate::threads::SiteThreads;
use crate::tree_variables::tree_variables;
use glasshouse_core::Config;
use glasshouse_core::config::options;
use glasshouse_core::http::target::Target;
use glasshouse_quota::{Quotas, Totals};
use glasshouse_sandbox::{
    Code, Handoff, ReplayStore, RequestLimits, Sandbox, SandboxConfig, SandboxEngine, SandboxError, ServedPath,
    needs_directory,
};
use std::cmp::Reverse;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Bytes of recorded responses, unless [`SiteBuilder::replay_memory`] sets them.
const REPLAY_MEMORY: usize = 64 << 20;
/// Bytes that all responses of a site may take, beside recorded ones.
const MEMORY: usize = 512 << 20;
/// Files that all responses of a site may hold open.
const FILES: usize = 512;

/// The code that answers requests.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Component {
    /// The handler of this crate, as machine code.
    #[default]
    BuiltIn,
    /// A component that exports `wasi:http/handler@0.3` or `wasi:http/incoming-handler@0.2`, in the binary format.
    /// Building the site compiles it, which takes a second or more.
    Bytes(Vec<u8>),
}

/// Directories and files, with the handler that serves them. A copy is the same site. The threads of a site end with
/// its last copy and the last service.
#[derive(Clone)]
pub struct Site {
    threads: Arc<SiteThreads>,
}

impl Site {
    /// A site that serves nothing yet.
    pub fn builder() -> SiteBuilder {
        SiteBuilder {
            root: None,
            mounts: Vec::new(),
            handler: Component::default(),
            limits: RequestLimits::default(),
            options: Vec::new(),
            threads: None,
            replay_memory: REPLAY_MEMORY,
        }
    }

    /// The site as a service, for routers and servers.
    pub fn service(&self) -> SiteService {
        SiteService::new(Arc::clone(&self.threads))
    }

    pub(crate) fn threads(&self) -> &SiteThreads {
        &self.threads
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// What a [`Site`] serves, and how.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SiteBuilder {
    root: Option<SiteRoot>,
    mounts: Vec<(String, PathBuf)>,
    handler: Component,
    limits: RequestLimits,
    options: Vec<(String, String)>,
    threads: Option<NonZeroUsize>,
    replay_memory: usize,
}

/// What is served at the root.
#[derive(Clone)]
enum SiteRoot {
    Directory(PathBuf),
    File(PathBuf),
}

impl SiteBuilder {
    /// Serves a directory with everything beneath it. Replaces a file or directory that was set before.
    pub fn directory(self, path: impl Into<PathBuf>) -> SiteBuilder {
        SiteBuilder { root: Some(SiteRoot::Directory(path.into())), ..self }
    }

    /// Serves one file, at its name and at `/`, without the other files of its directory.
    pub fn file(self, path: impl Into<PathBuf>) -> SiteBuilder {
        SiteBuilder { root: Some(SiteRoot::File(path.into())), ..self }
    }

    /// Serves another directory below a URL path, such as `/docs`. The handler of a mount can read only that directory.
    pub fn mount(mut self, path: impl Into<String>, directory: impl Into<PathBuf>) -> SiteBuilder {
        self.mounts.push((path.into(), directory.into()));
        self
    }

    /// Answers requests with another component. The default is [`Component::BuiltIn`].
    pub fn handler(self, handler: Component) -> SiteBuilder {
        SiteBuilder { handler, ..self }
    }

    /// Limits each request. The default is that of the program.
    pub fn limits(self, limits: RequestLimits) -> SiteBuilder {
        SiteBuilder { limits, ..self }
    }

    /// Sets an option of the handler, by the name of its flag: `clean-urls`, `hidden`, `prefix`. The value is that of
    /// its variable: `1` for a switch, lines for several values. The last value counts.
    pub fn option(mut self, name: &str, value: impl Into<String>) -> SiteBuilder {
        let variable = options::variable(name);
        self.options.retain(|(other, _)| *other != variable);
        self.options.push((variable, value.into()));
        self
    }

    /// As [`SiteBuilder::option`], for several options.
    pub fn options<'a>(self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> SiteBuilder {
        pairs.into_iter().fold(self, |builder, (name, value)| builder.option(name, value))
    }

    /// Starts this number of threads. The default is one for each processor.
    pub fn threads(self, threads: NonZeroUsize) -> SiteBuilder {
        SiteBuilder { threads: Some(threads), ..self }
    }

    /// Bytes of recorded responses. With 0, the handler runs for every request.
    pub fn replay_memory(self, bytes: usize) -> SiteBuilder {
        SiteBuilder { replay_memory: bytes, ..self }
    }

    /// Opens what is served, loads the handler and starts the threads.
    ///
    /// # Errors
    /// An option is invalid, a path cannot be opened, or the handler cannot run.
    pub fn build(self) -> Result<Site, SiteError> {
        if Config::from_pairs(self.options.iter().map(|(name, value)| (name, value)))?.live {
            return Err(SiteError::Live);
        }
        let trees = self.trees()?;
        let threads = self.threads.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let mounts = self.mounts_of(trees)?;
        let totals = Totals::of_threads(MEMORY, FILES, self.limits.instances, threads);
        let routers = Router::for_threads(&mounts, threads);
        let threads = SiteThreads::start(routers, &Quotas::new(totals)).map_err(SiteError::Thread)?;
        Ok(Site { threads: Arc::new(threads) })
    }

    /// The trees in the order in which a request tries them: deeper paths first, the root last.
    fn trees(&self) -> Result<Vec<(Option<Target>, ServedPath)>, SiteError> {
        let mut trees: Vec<(Option<Target>, ServedPath)> = Vec::new();
        for (path, directory) in &self.mounts {
            let at = options::prefix(path).ok().flatten();
            let at = at.ok_or_else(|| SiteError::MountPath { path: path.clone() })?;
            if trees.iter().any(|(other, _)| other.as_ref() == Some(&at)) {
                return Err(SiteError::DuplicateMount { path: path.clone() });
            }
            trees.push((Some(at), ServedPath::Directory(directory.clone())));
        }
        trees.sort_by_key(|(at, _)| Reverse(at.as_ref().map_or(0, |at| at.names().len())));
        match &self.root {
            Some(SiteRoot::Directory(path)) => trees.push((None, ServedPath::Directory(path.clone()))),
            Some(SiteRoot::File(path)) => trees.push((None, file(path)?)),
            None if trees.is_empty() && self.needs_directory() => return Err(SiteError::Empty),
            None => {}
        }
        Ok(trees)
    }

    fn needs_directory(&self) -> bool {
        match &self.handler {
            Component::BuiltIn => true,
            Component::Bytes(bytes) => needs_directory(bytes),
        }
    }

    /// Opens the trees, each in a sandbox of the one handler. A handler that reads no directory has one sandbox.
    fn mounts_of(&self, trees: Vec<(Option<Target>, ServedPath)>) -> Result<Vec<RoutedTree>, SiteError> {
        let ats: Vec<_> = trees.iter().map(|(at, _)| at.clone()).collect();
        let ats: Vec<_> = ats.iter().map(Option::as_ref).collect();
        let engine = SandboxEngine::new().map_err(SiteError::Handler)?;
        if trees.is_empty() {
            let sandbox = self.sandbox(&engine, None, self.options.clone())?;
            return Ok(vec![RoutedTree { path: None, sandbox }]);
        }
        let mut mounts: Vec<RoutedTree> = Vec::new();
        for (path, root) in trees {
            let variables = tree_variables(&self.options, path.as_ref(), &ats, &self.options);
            let sandbox = match mounts.first() {
                Some(first) => first
                    .sandbox
                    .with_root(Some(&root), variables)
                    .map_err(|source| SiteError::Open { path: root.path(), source })?,
                None => self.sandbox(&engine, Some(root), variables)?,
            };
            mounts.push(RoutedTree { path, sandbox });
        }
        Ok(mounts)
    }

    fn sandbox(
        &self,
        engine: &SandboxEngine,
        root: Option<ServedPath>,
        environment: Vec<(String, String)>,
    ) -> Result<Arc<Sandbox>, SiteError> {
        let path = root.as_ref().map(ServedPath::path).unwrap_or_default();
        let (code, is_pure) = match &self.handler {
            Component::BuiltIn => (Code::BuiltIn, true),
            Component::Bytes(bytes) => (Code::Component(bytes), false),
        };
        let replay = (is_pure && self.replay_memory > 0).then(|| Arc::new(ReplayStore::new(self.replay_memory)));
        let handoff = Handoff::Direct;
        let config = SandboxConfig { root, handoff, environment, replay, limits: self.limits.clone() };
        Sandbox::new(engine, code, config).map_err(|error| match error {
            SandboxError::Open(source) => SiteError::Open { path, source },
            error => SiteError::Handler(error),
        })
    }
}

impl fmt::Debug for SiteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SiteBuilder { options, limits, .. } = self;
        f.debug_struct("SiteBuilder").field("options", options).field("limits", limits).finish_non_exhaustive()
    }
}

/// A single file, by its directory and its name.
fn file(path: &Path) -> Result<ServedPath, SiteError> {
    let open = |source| SiteError::Open { path: path.to_owned(), source };
    let absolute = std::path::absolute(path).map_err(open)?;
    let name = absolute.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| SiteError::FileName { path: path.to_owned() })?.to_owned();
    let directory = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(ServedPath::File { directory, name })
}
