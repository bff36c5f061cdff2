//! The `glasshouse.toml` of each served directory, for reports: errors at the start and at a reload, missing pages, and
//! the values of `--check`. The handler reads the file itself, so nothing here changes a response.

use crate::chain::HandlerSource;
use crate::config::{ServedTree, ServerConfig, TreeComponent};
use crate::error::StartupError;
use crate::system_errors::is_link_loop;
use glasshouse_core::Config as HandlerConfig;
use glasshouse_core::config::site_file::{self, SiteSetting};
use glasshouse_core::config::{ConfigError, options};
use glasshouse_core::http::target::Target;
use glasshouse_core::tree::public::{SITE_FILE, SITE_FILE_MAX};
use glasshouse_sandbox::{Peek, Sandbox, ServedPath};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of each tree, in the order of the trees.
pub(crate) struct SiteFiles<'a> {
    config: &'a ServerConfig,
    sandboxes: &'a [Arc<Sandbox>],
    files: Vec<SiteFile>,
}

/// The file of one tree.
enum SiteFile {
    /// No file, or the handler does not read it.
    Absent,
    /// The options in the order of their lines, and the configuration of the handler without them and with them.
    Valid {
        settings: Vec<SiteSetting>,
        merged: Box<HandlerConfig>,
    },
    Broken(SiteFileError),
    /// The entry with this name is not a file.
    Ignored(PathBuf, &'static str),
}

/// The reason why the handler answers each request with 500.
#[derive(Debug, thiserror::Error)]
enum SiteFileError {
    #[error("{}/{source}", directory.display())]
    Invalid { directory: PathBuf, source: ConfigError },
    #[error("'{}' {}", .0.display(), site_file::TOO_LONG)]
    TooLong(PathBuf),
    #[error("cannot read '{}': {}", path.display(), reason(source))]
    Unreadable { path: PathBuf, source: io::Error },
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

impl<'a> SiteFiles<'a> {
    /// Reads the files through the sandboxes, as the handler reads them.
    pub(crate) fn read(config: &'a ServerConfig, sandboxes: &'a [Arc<Sandbox>]) -> SiteFiles<'a> {
        let files = config.trees.iter().zip(sandboxes).map(|(served, sandbox)| SiteFile::read(config, served, sandbox));
        SiteFiles { config, sandboxes, files: files.collect() }
    }

    /// Another handler may ignore the file.
    fn is_reported(&self) -> bool {
        matches!(self.config.handler, HandlerSource::Embedded)
    }

    /// Reports the options that each file sets, in one line per file, and returns the errors.
    pub(crate) fn report(&self, log: impl Fn(fmt::Arguments<'_>)) -> Vec<String> {
        let mut errors = Vec::new();
        for (served, file) in self.config.trees.iter().zip(&self.files).filter(|_| self.is_reported()) {
            match (file, &served.tree) {
                (SiteFile::Absent, _) | (SiteFile::Valid { .. }, None) => {}
                (SiteFile::Valid { settings, .. }, Some(tree)) => {
                    let names: Vec<&str> = settings
                        .iter()
                        .map(|setting| setting.name)
                        .filter(|name| !is_set_by_operator(self.config, name))
                        .collect();
                    if !names.is_empty() && !self.config.quiet {
                        let path = tree.path().join(SITE_FILE);
                        log(format_args!("'{}' sets: {}", path.display(), names.join(", ")));
                    }
                }
                (SiteFile::Broken(error), _) => errors.push(broken(error)),
                (SiteFile::Ignored(path, kind), _) => errors.push(ignored(path, kind)),
            }
        }
        errors
    }

    /// Returns the warnings of a start.
    ///
    /// # Errors
    /// The first file that makes the handler answer each request with 500.
    pub(crate) fn check(&self) -> Result<Vec<String>, StartupError> {
        let mut warnings = Vec::new();
        for file in self.files.iter().filter(|_| self.is_reported()) {
            match file {
                SiteFile::Broken(error) => return Err(StartupError::CannotServe(broken(error))),
                SiteFile::Ignored(path, kind) => warnings.push(ignored(path, kind)),
                SiteFile::Absent | SiteFile::Valid { .. } => {}
            }
        }
        Ok(warnings)
    }

    /// The pages that an option names and that do not exist, for the operator.
    pub(crate) fn missing_pages(&self) -> Vec<String> {
        let trees = self.config.trees.iter().zip(self.sandboxes).zip(&self.files).filter(|_| self.is_reported());
        trees.flat_map(|((served, sandbox), file)| missing_pages(self.config, served, sandbox, file)).collect()
    }

    /// The trees of the handler, with the text and the line of an option in the file of each.
    pub(crate) fn values(&self, name: &str) -> Vec<(&ServedTree, Option<(&str, usize)>)> {
        let of_handler = self.config.trees.iter().zip(&self.files);
        let of_handler = of_handler.filter(|(served, _)| matches!(served.component, TreeComponent::Handler));
        let values = of_handler.map(|(served, file)| match file {
            SiteFile::Valid { settings, .. } => {
                let setting = settings.iter().find(|setting| setting.name == name);
                (served, setting.map(|setting| (setting.text.as_str(), setting.line)))
            }
            SiteFile::Absent | SiteFile::Broken(_) | SiteFile::Ignored(..) => (served, None),
        });
        values.collect()
    }
}

/// As [`SiteFiles::report`], for a reload.
pub(crate) fn report(
    config: &ServerConfig,
    sandboxes: &[Arc<Sandbox>],
    log: impl Fn(fmt::Arguments<'_>),
) -> Vec<String> {
    SiteFiles::read(config, sandboxes).report(log)
}

impl SiteFile {
    fn read(config: &ServerConfig, served: &ServedTree, sandbox: &Sandbox) -> SiteFile {
        let Some(directory) = site_directory(served) else { return SiteFile::Absent };
        if !operator_config(config).site_file {
            return SiteFile::Absent;
        }
        let path = directory.join(SITE_FILE);
        let bytes = match sandbox.peek(SITE_FILE, SITE_FILE_MAX.saturating_add(1)) {
            Ok(Peek::Nothing) => return SiteFile::Absent,
            Ok(Peek::Other(kind)) => return SiteFile::Ignored(path, kind),
            Ok(Peek::File(bytes)) => bytes,
            Err(source) => return SiteFile::Broken(SiteFileError::Unreadable { path, source }),
        };
        if !u64::try_from(bytes.len()).is_ok_and(|length| length <= SITE_FILE_MAX) {
            return SiteFile::Broken(SiteFileError::TooLong(path));
        }
        let invalid = |source| SiteFile::Broken(SiteFileError::Invalid { directory: directory.to_owned(), source });
        match site_file::parse(&bytes).and_then(|(site, settings)| Ok((site.with_pairs(pairs(config))?, settings))) {
            Ok((merged, settings)) => SiteFile::Valid { settings, merged: Box::new(merged) },
            Err(error) => invalid(error),
        }
    }
}

/// The directory of a tree that the handler serves. A mounted component gets no options.
fn site_directory(served: &ServedTree) -> Option<&Path> {
    match (&served.component, &served.tree) {
        (TreeComponent::Handler, Some(ServedPath::Directory(directory))) => Some(directory),
        _ => None,
    }
}

fn pairs(config: &ServerConfig) -> impl Iterator<Item = (&String, &String)> {
    config.guest.iter().map(|(key, value)| (key, value))
}

/// The configuration of the handler without a file.
fn operator_config(config: &ServerConfig) -> HandlerConfig {
    // `ServerConfig` has parsed the same pairs.
    HandlerConfig::from_pairs(pairs(config)).unwrap_or_default()
}

fn is_set_by_operator(config: &ServerConfig, name: &str) -> bool {
    let variable = options::variable(name);
    config.guest.iter().any(|(key, _)| *key == variable)
}

fn broken(error: &SiteFileError) -> String {
    format!("{error} (each request is answered with 500 until the file is fixed)")
}

fn ignored(path: &Path, kind: &str) -> String {
    format!("'{}' is {kind}, and is not read", path.display())
}

fn missing_pages(config: &ServerConfig, served: &ServedTree, sandbox: &Sandbox, file: &SiteFile) -> Vec<String> {
    let Some(directory) = site_directory(served) else { return Vec::new() };
    let (in_effect, settings) = match file {
        SiteFile::Valid { settings, merged } => (merged.as_ref().clone(), settings.as_slice()),
        SiteFile::Absent | SiteFile::Broken(_) | SiteFile::Ignored(..) => (operator_config(config), &[][..]),
    };
    let location = |name: &str| match is_set_by_operator(config, name) {
        true => Some(format!("--{name}")),
        false => {
            let setting = settings.iter().find(|setting| setting.name == name);
            setting.map(|setting| format!("{SITE_FILE}, line {}, {name}", setting.line))
        }
    };
    // The default page need not exist.
    let default = HandlerConfig::default().not_found;
    let pages =
        [("spa", in_effect.spa), ("not-found", in_effect.not_found.filter(|page| Some(page) != default.as_ref()))];
    let named = pages.into_iter().filter_map(|(name, page)| Some((location(name)?, page?)));
    let missing = named.filter(|(_, page)| is_missing(sandbox, page));
    missing
        .map(|(location, page)| {
            let (page, directory) = (page.path(), directory.display());
            format!("{location}: no file '{page}' in '{directory}'; the option has no effect until the file exists")
        })
        .collect()
}

/// Whether the handler would not find a page.
fn is_missing(sandbox: &Sandbox, page: &Target) -> bool {
    match sandbox.peek(&page.path(), 0) {
        Ok(Peek::File(_)) => false,
        Ok(Peek::Nothing | Peek::Other(_)) => true,
        Err(error) => {
            let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory, ErrorKind::CrossesDevices];
            absent.contains(&error.kind()) || is_link_loop(&error)
        }
    }
}
