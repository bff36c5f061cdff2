//! The options that are packed with a folder, and the pages that they name.

use crate::error::PackError;
use crate::folder::{Folder, is_denied};
use glasshouse_core::config::site_file::{self, SiteSetting};
use glasshouse_core::config::{ConfigError, options};
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::tree::packed::PackedTree;
use glasshouse_core::tree::public::{SITE_FILE, SITE_FILE_MAX};
use glasshouse_core::tree::{OpenError, OpenedNode, Tree as _};
use glasshouse_core::{Config, PublicTree, SiteOptions, at_once};
use std::fmt;
use std::io::Read as _;
use std::rc::Rc;

/// The options in effect: those of the operator, on top of those in the site file.
pub(crate) struct EffectiveOptions {
    pub(crate) config: Rc<Config>,
    /// The names of the variables of the operator.
    variables: Vec<String>,
    /// Those of the site file.
    settings: Vec<SiteSetting>,
}

/// A page that an option names and that is not packed: the option has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPage {
    /// The name of the option.
    pub option: &'static str,
    /// The line of the option in the site file. `None` for an option of the operator.
    pub line: Option<usize>,
    /// The path of the page in the folder.
    pub page: String,
}

impl fmt::Display for MissingPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingPage { option, line, page } = self;
        match line {
            Some(line) => write!(f, "{SITE_FILE}, line {line}, {option}")?,
            None => write!(f, "--{option}")?,
        }
        write!(f, ": no file '{page}' is packed; the option has no effect without it")
    }
}

impl EffectiveOptions {
    /// Reads the site file of a folder, if the options of the operator, given as variables, do not disable it.
    pub(crate) fn read(folder: &Folder, variables: &[(String, String)]) -> Result<EffectiveOptions, PackError> {
        let invalid = |error: ConfigError| PackError::SiteFile(error.to_string());
        let operator = Config::from_pairs(variables.iter().cloned()).map_err(invalid)?;
        let site_file = if operator.site_file && operator.file.is_none() { read_site_file(folder)? } else { None };
        let mut tree = MemoryTree::default();
        if let Some(bytes) = &site_file {
            tree.insert(SITE_FILE, MemoryNode::File(bytes.clone(), HttpTime::new(0, 0)));
        }
        let mut reason = String::new();
        let options = SiteOptions::new(variables.iter().cloned()).map_err(invalid)?;
        let config = at_once(options.config(&PublicTree::new(tree), |error| reason = error.to_string())).flatten();
        let config = config.ok_or(PackError::SiteFile(reason))?;
        let settings = match site_file {
            Some(bytes) => site_file::parse(&bytes).map_err(invalid)?.1,
            None => Vec::new(),
        };
        Ok(EffectiveOptions { config, variables: variables.iter().map(|(name, _)| name.clone()).collect(), settings })
    }

    /// The pages that options name and that the handler will not find.
    pub(crate) fn missing_pages(&self, tree: &PackedTree<'_>) -> Vec<MissingPage> {
        // A single file is served without pages.
        if self.config.file.is_some() {
            return Vec::new();
        }
        // The default page need not exist.
        let default = Config::default().not_found;
        let not_found = self.config.not_found.as_ref().filter(|page| Some(*page) != default.as_ref());
        let pages = [("spa", self.config.spa.as_ref()), ("not-found", not_found)];
        let named = pages.into_iter().filter_map(|(option, page)| Some((option, page?.path())));
        // The contents are not there yet, so a file that exists is a fault.
        let is_missing =
            |page: &str| matches!(at_once(tree.open(page)), Some(Err(OpenError::Absent) | Ok(OpenedNode::Directory)));
        let missing = named.filter(|(_, page)| is_missing(page));
        missing.map(|(option, page)| MissingPage { option, line: self.line(option), page }).collect()
    }

    /// The line of an option in the site file, unless the operator sets it.
    fn line(&self, option: &str) -> Option<usize> {
        let setting = self.settings.iter().find(|setting| setting.name == option)?;
        (!self.variables.contains(&options::variable(option))).then_some(setting.line)
    }
}

/// The content of the site file, or a bit more than its limit of it.
///
/// # Errors
/// The file may not be read. Its rules may hide something, so a component without them would serve too much.
fn read_site_file(folder: &Folder) -> Result<Option<Vec<u8>>, PackError> {
    let failed = |source| PackError::Read { path: SITE_FILE.to_owned(), source };
    let file = match folder.file(SITE_FILE) {
        Ok((file, _)) => file,
        Err(error) if is_denied(&error) => return Err(failed(error)),
        // A server ignores something else with this name too.
        Err(_) => return Ok(None),
    };
    let mut bytes = Vec::new();
    file.take(SITE_FILE_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}
