//! What the handler was told to do. It refuses to know where it was written: options have one form, in variables, in
//! flags of a host and in the file of a site.

pub mod cache_control;
pub mod glob;
pub mod header_rules;
pub mod options;
pub mod redirect;
pub mod service_link;
pub mod site_file;
pub mod toml_document;

use crate::archive::format::ArchiveFormat;
use crate::config::cache_control::CacheControl;
use crate::config::glob::Glob;
use crate::config::redirect::Redirect;
use crate::config::service_link::is_service_link;
use crate::http::cors;
use crate::http::cors::Cors;
use crate::http::field;
use crate::http::field::{CACHE_CONTROL, Field};
use crate::http::target::{Name, Target};
use crate::media_type::MediaType;
use crate::precompressed::Siblings;
use crate::tree::dotfiles::Dotfiles;
use std::fmt;

/// How the handler answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Names of index files, in the order in which they are looked for (S33).
    pub index: Vec<Name>,
    /// Which dotfiles are served and listed (S28).
    pub hidden: Dotfiles,
    /// Whether directories without an index are listed.
    pub listing: bool,
    /// The forms in which folders that are listed can be downloaded.
    pub archives: Vec<ArchiveFormat>,
    /// How many bytes the files in an archive may have together.
    pub archive_max: u64,
    /// Entries that a listing shows; of further ones it says how many there are.
    pub listing_max: usize,
    /// Whether a listing shows the README.md of its directory.
    pub readme: bool,
    /// The media type of files whose name tells none (S11).
    pub content_type: MediaType,
    /// Media types by suffix, before the built-in table; suffixes are lower-case.
    pub mime: Vec<(String, MediaType)>,
    /// Fields to send with files and listings (S10).
    pub headers: Vec<Field>,
    /// The same for some paths.
    pub headers_for: Vec<(Glob, Field)>,
    /// How long answers may be kept, by path; the last that matches counts.
    pub cache: Vec<(Glob, CacheControl)>,
    /// Whether `name.br`, `name.zst` and `name.gz` are sent in place of `name` to clients that take them.
    pub precompressed: bool,
    /// Whether content is encoded while it is sent.
    pub compress: bool,
    /// The file to send for paths that lead nowhere, to clients that want a page.
    pub spa: Option<Target>,
    /// The content of answers that nothing was found; a file of that name need not be there.
    pub not_found: Option<Target>,
    /// Whether `/about` is `about.html`.
    pub clean_urls: bool,
    /// The path under which the tree appears.
    pub prefix: Option<Target>,
    /// Who may read answers from scripts of another origin.
    pub cors: Cors,
    /// Whether pages are isolated from other origins, as shared memory and exact clocks need it.
    pub isolate: bool,
    /// Paths that have moved; the first that matches counts.
    pub redirects: Vec<Redirect>,
    /// Whether the file of the site has a say.
    pub site_file: bool,
    /// Paths at which the host serves other trees; what lies there in this one cannot be asked for.
    pub mounts: Vec<Target>,
    /// The one file that is served; nothing beside it is looked at.
    pub file: Option<Name>,
    /// How many names of the prefix lead to each directory above the tree that is served as well.
    pub above: Vec<usize>,
    /// The most bytes of content that may be made for one answer.
    pub made_max: u64,
    /// How the bytes of a file leave the handler.
    pub body: BodyPath,
    /// What was read of files that lie encoded beside others. No option: it is here because it lives as long as they do.
    pub siblings: Siblings,
}

/// How the bytes of a file leave the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPath {
    /// The handler reads and writes them, and stops at the length that it announced. Works in every host.
    Pumped,
    /// The handler gives the stream of the open file away; the host sends exactly the announced length of it, or the
    /// pieces of it that fields `glasshouse-piece` name. Only for a host that says it does so; such a host does not wait
    /// either while it opens a file, and its times of status changes are those of the system.
    Direct,
}

/// 4 GiB: up to that, a zip file has nothing in it that some old program would not know.
const ARCHIVE_MAX: u64 = 4 << 30;

impl Default for Config {
    fn default() -> Config {
        Config {
            index: ["index.html", "index.htm"].into_iter().filter_map(Name::new).collect(),
            hidden: Dotfiles::Hidden,
            listing: true,
            archives: ArchiveFormat::ALL.to_vec(),
            archive_max: ARCHIVE_MAX,
            listing_max: 100_000,
            readme: true,
            content_type: MediaType::OCTET_STREAM,
            mime: Vec::new(),
            headers: Vec::new(),
            headers_for: Vec::new(),
            cache: Vec::new(),
            precompressed: true,
            compress: false,
            spa: None,
            not_found: Target::parse("/404.html").ok(),
            clean_urls: false,
            prefix: None,
            cors: Cors::Closed,
            isolate: false,
            redirects: Vec::new(),
            site_file: true,
            mounts: Vec::new(),
            file: None,
            above: Vec::new(),
            made_max: u64::MAX,
            body: BodyPath::Pumped,
            siblings: Siblings::default(),
        }
    }
}

impl Config {
    /// Reads the variables whose names begin with `GLASSHOUSE_`; all others are somebody else's, and so are those of a service that
    /// is called so. A later pair replaces
    /// an earlier one. The options are those of [`options`].
    ///
    /// # Errors
    /// An unknown name and a value without meaning, in words for the person who set it.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Config, ConfigError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let config = Config::default().with_pairs(pairs)?;
        match config.conflict() {
            None => Ok(config),
            Some((name, reason)) => Err(ConfigError::new(options::variable(name), reason)),
        }
    }

    /// The same on top of what is set already.
    ///
    /// # Errors
    /// As [`Config::from_pairs`].
    pub fn with_pairs<K, V>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<Config, ConfigError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            if let Some(variable) = key.strip_prefix(options::PREFIX).filter(|_| !is_service_link(key, value)) {
                let name = variable.to_ascii_lowercase().replace('_', "-");
                let set = match name.as_str() {
                    "body" => set_body(&mut self, value),
                    "file" => set_file(&mut self, value),
                    "mounts" => set_mounts(&mut self, value),
                    "above" => set_above(&mut self, value),
                    "made-max" => set_made_max(&mut self, value),
                    option => options::set(&mut self, option, value),
                };
                set.map_err(|reason| ConfigError::new(key, reason))?;
            }
        }
        Ok(self)
    }

    /// A field that would never be sent because another option says the same: the option that holds it, and the way out.
    pub fn conflict(&self) -> Option<(&'static str, String)> {
        let never = |(option, name): (_, &str), other: &str| {
            Some((option, format!("'{name}' would never be sent, because {other} says it; leave one of them out")))
        };
        if field::has(&self.headers, CACHE_CONTROL)
            && self.cache.iter().any(|(glob, _)| glob.is_for_all())
        {
            return never(("header", "Cache-Control"), "cache");
        }
        let said = |known: &'static [&'static str]| {
            let general = self.headers.iter().map(|field| ("header", field));
            let mut all = general.chain(self.headers_for.iter().map(|(_, field)| ("header-for", field)));
            all.find_map(|(option, (name, _))| {
                known.iter().any(|known| known.eq_ignore_ascii_case(name)).then_some((option, name.as_str()))
            })
        };
        match (said(cors::OF_CORS), said(cors::OF_ISOLATION)) {
            (Some(field), _) if self.cors != Cors::Closed => never(field, "cors"),
            (_, Some(field)) if self.isolate => never(field, "isolate"),
            _ => None,
        }
    }

    /// Takes back what the file of a site says of a matter of which `operator`, the options without it, speaks by another option.
    pub fn yield_to(&mut self, operator: &Config) {
        let said = || operator.headers.iter().chain(operator.headers_for.iter().map(|(_, field)| field));
        if !operator.cache.is_empty() || field::has(said(), CACHE_CONTROL) {
            self.cache.clone_from(&operator.cache);
            let is_other = |(name, _): &Field| !name.eq_ignore_ascii_case(CACHE_CONTROL);
            if operator.headers.is_empty() {
                self.headers.retain(is_other);
            }
            if operator.headers_for.is_empty() {
                self.headers_for.retain(|(_, field)| is_other(field));
            }
        }
        if cors::OF_ISOLATION.iter().any(|name| field::has(said(), name)) {
            self.isolate = operator.isolate;
        }
    }

    /// The media type of a file, by its name alone (S53).
    pub fn media_of(&self, name: &Name) -> MediaType {
        let suffix = crate::media_type::suffix(name.as_str()).map(str::to_ascii_lowercase);
        let own = suffix.and_then(|suffix| self.mime.iter().rev().find(|(known, _)| *known == suffix));
        match own {
            Some((_, media)) => media.clone(),
            None => MediaType::of_name(name.as_str()).unwrap_or_else(|| self.content_type.clone()),
        }
    }
}

/// `GLASSHOUSE_BODY` is between host and handler; a person has no say in it, so it is no option.
fn set_body(config: &mut Config, value: &str) -> Result<(), String> {
    config.body = match value {
        "direct" => BodyPath::Direct,
        "pumped" | "" => BodyPath::Pumped,
        _ => return Err(format!("'{value}' is neither 'direct' nor 'pumped'")),
    };
    Ok(())
}

/// `GLASSHOUSE_FILE` is between host and handler as well: a person names the file to the host, which then lends no more than that.
/// Under a host that cannot do so, it is what the handler keeps itself to.
fn set_file(config: &mut Config, value: &str) -> Result<(), String> {
    let named = Name::new(value).ok_or(format!("'{value}' is no file name; give one without '/'"));
    config.file = if value.is_empty() { None } else { Some(named?) };
    Ok(())
}

/// `GLASSHOUSE_MOUNTS` is between host and handler too: paths as a URL has them, separated by spaces.
fn set_mounts(config: &mut Config, value: &str) -> Result<(), String> {
    let mount = |text: &str| Target::parse(text).map_err(|_| format!("'{text}' is no path"));
    config.mounts = value.split_ascii_whitespace().map(mount).collect::<Result<_, _>>()?;
    Ok(())
}

/// `GLASSHOUSE_ABOVE` too: only a host that serves several trees knows which of their roots lie above this one.
fn set_above(config: &mut Config, value: &str) -> Result<(), String> {
    let depths = value.split(',').filter(|depth| !depth.is_empty());
    let depths = depths.map(|depth| depth.parse().map_err(|_| format!("'{depth}' is not a number of names")));
    config.above = depths.collect::<Result<_, _>>()?;
    Ok(())
}

/// `GLASSHOUSE_MADE_MAX` too: the host cuts an answer off that is longer, so none may begin that is known to be.
fn set_made_max(config: &mut Config, value: &str) -> Result<(), String> {
    config.made_max = value.parse().map_err(|_| format!("'{value}' is not a number of bytes"))?;
    Ok(())
}

/// An option whose value means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: String,
    reason: String,
}

impl ConfigError {
    /// An error at `place`: a variable, or an option in a file.
    pub fn new(place: impl Into<String>, reason: impl Into<String>) -> ConfigError {
        ConfigError { place: place.into(), reason: reason.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for ConfigError {}
