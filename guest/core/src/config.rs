//! The configuration of the handler. An option has the same text in a variable, in a flag of the host and in
//! `glasshouse.toml`.

pub mod cache_control;
pub(crate) mod fields;
pub mod glob;
pub mod header_rules;
pub mod invalid_value;
pub mod options;
pub mod redirect;
pub mod root;
pub mod service_link;
pub mod site_file;
pub mod toml_document;

use crate::archive::format::ArchiveFormat;
use crate::config::cache_control::CacheControl;
use crate::config::glob::Glob;
use crate::config::invalid_value::InvalidValue;
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

/// The configuration of the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The names of index files, in the order of preference (PY-33).
    pub index: Vec<Name>,
    /// The dotfiles that are served and listed (PY-28).
    pub hidden: Dotfiles,
    /// Whether directories without an index are listed.
    pub listing: bool,
    /// The formats in which listed directories can be downloaded.
    pub archives: Vec<ArchiveFormat>,
    /// The most bytes of all files in an archive.
    pub archive_max: u64,
    /// The most entries in a listing. Further ones are only counted.
    pub listing_max: usize,
    /// Whether a listing shows the README.md of its directory.
    pub readme: bool,
    /// Whether directories of pictures are grids by default.
    pub grid: bool,
    /// The media type of files with an unknown suffix (PY-11).
    pub content_type: MediaType,
    /// Media types by suffix, which precede the built-in table. Suffixes are lower-case.
    pub mime: Vec<(String, MediaType)>,
    /// Additional fields for files and listings (PY-10).
    pub headers: Vec<Field>,
    /// Additional fields for files that match a pattern.
    pub headers_for: Vec<(Glob, Field)>,
    /// Cache-Control by path. The last match counts.
    pub cache: Vec<(Glob, CacheControl)>,
    /// Whether `name.br`, `name.zst` and `name.gz` replace `name` for clients that accept them.
    pub precompressed: bool,
    /// Whether content is encoded while it is sent.
    pub compress: bool,
    /// The file for paths without a file, for clients that accept HTML.
    pub spa: Option<Target>,
    /// The file for 404 responses. It may be missing.
    pub not_found: Option<Target>,
    /// Whether Markdown files are pages for clients that prefer HTML.
    pub markdown: bool,
    /// Whether `/about` is `about.html`.
    pub clean_urls: bool,
    /// Whether pages contain the script that reloads them when a file changes.
    pub live: bool,
    /// The path at which the tree appears.
    pub prefix: Option<Target>,
    /// The origins whose scripts may read responses.
    pub cors: Cors,
    /// Whether pages are isolated from other origins, which shared memory and precise clocks require.
    pub isolate: bool,
    /// Redirect rules. The first match counts.
    pub redirects: Vec<Redirect>,
    /// Whether `glasshouse.toml` is read.
    pub site_file: bool,
    /// Paths at which the host serves other trees. They hide files of this tree.
    pub mounts: Vec<Target>,
    /// The only file that is served.
    pub file: Option<Name>,
    /// The served directory, as a path below the preopen. `None` for the preopen itself.
    pub root: Option<Target>,
    /// For each served directory above the tree, the number of names of the prefix that lead to it.
    pub above: Vec<usize>,
    /// The most bytes of generated content in a response.
    pub made_max: u64,
    /// How the bytes of a file leave the handler.
    pub body: BodyPath,
    /// A cache of what precompressed files declare. It is not an option, but has the same lifetime.
    pub siblings: Siblings,
}

/// How the bytes of a file leave the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPath {
    /// The handler reads and writes them, up to the announced length. This works in every host.
    Pumped,
    /// The handler passes a complete response to the host, which sends the bytes of an open file itself. Only for a
    /// host that supports this. Such a host also opens files without waiting, and reports the status change times of
    /// the system.
    Direct,
}

/// 4 GiB: a zip file up to that length needs no ZIP64, so every program reads it.
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
            grid: false,
            content_type: MediaType::OCTET_STREAM,
            mime: Vec::new(),
            headers: Vec::new(),
            headers_for: Vec::new(),
            cache: Vec::new(),
            precompressed: true,
            compress: false,
            spa: None,
            not_found: Target::parse("/404.html").ok(),
            markdown: false,
            clean_urls: false,
            live: false,
            prefix: None,
            cors: Cors::Closed,
            isolate: false,
            redirects: Vec::new(),
            site_file: true,
            mounts: Vec::new(),
            file: None,
            root: None,
            above: Vec::new(),
            made_max: u64::MAX,
            body: BodyPath::Pumped,
            siblings: Siblings::default(),
        }
    }
}

impl Config {
    /// Reads the variables whose names begin with `GLASSHOUSE_`, except those that Kubernetes or Docker set for a
    /// service of that name. A later pair replaces an earlier one. [`options`] has the names.
    ///
    /// # Errors
    /// An unknown name, an invalid value, or options that contradict each other.
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

    /// Reads variables on top of this configuration.
    ///
    /// # Errors
    /// An unknown name or an invalid value.
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
                    "root" => set_root(&mut self, value),
                    option => options::set(&mut self, option, value),
                };
                set.map_err(|reason| ConfigError::new(key, reason))?;
            }
        }
        if self.root.is_some() {
            // A host numbers the files that are opened beneath the preopen itself, and sends no others.
            self.body = BodyPath::Pumped;
        }
        Ok(self)
    }

    /// A configured field that would never be sent because another option sets it: the option with the field, and a
    /// message.
    pub fn conflict(&self) -> Option<(&'static str, String)> {
        let never_sent = |(option, name): (_, &str), other: &str| {
            let message =
                format!("'{name}' would never be sent, because the option '{other}' sets it; remove one of them");
            Some((option, message))
        };
        if field::has(&self.headers, CACHE_CONTROL) && self.cache.iter().any(|(glob, _)| glob.is_for_all()) {
            return never_sent(("header", "Cache-Control"), "cache");
        }
        let configured = |names: &'static [&'static str]| {
            let general = self.headers.iter().map(|field| ("header", field));
            let mut all = general.chain(self.headers_for.iter().map(|(_, field)| ("header-for", field)));
            all.find_map(|(option, (name, _))| {
                names.iter().any(|known| known.eq_ignore_ascii_case(name)).then_some((option, name.as_str()))
            })
        };
        match (configured(cors::OF_CORS), configured(cors::OF_ISOLATION)) {
            (Some(field), _) if self.cors != Cors::Closed => never_sent(field, "cors"),
            (_, Some(field)) if self.isolate => never_sent(field, "isolate"),
            _ => None,
        }
    }

    /// Gives options of the operator precedence over other options of `glasshouse.toml` that set the same fields.
    /// `self` has both, `operator` only the former.
    pub fn give_precedence_to(&mut self, operator: &Config) {
        let fields = || operator.headers.iter().chain(operator.headers_for.iter().map(|(_, field)| field));
        if !operator.cache.is_empty() || field::has(fields(), CACHE_CONTROL) {
            self.cache.clone_from(&operator.cache);
            let is_other = |(name, _): &Field| !name.eq_ignore_ascii_case(CACHE_CONTROL);
            if operator.headers.is_empty() {
                self.headers.retain(is_other);
            }
            if operator.headers_for.is_empty() {
                self.headers_for.retain(|(_, field)| is_other(field));
            }
        }
        if cors::OF_ISOLATION.iter().any(|name| field::has(fields(), name)) {
            self.isolate = operator.isolate;
        }
    }

    /// The media type of a file, by its name (PY-53).
    pub fn media_type_of(&self, name: &Name) -> MediaType {
        let suffix = crate::media_type::suffix(name.as_str()).map(str::to_ascii_lowercase);
        let configured = suffix.and_then(|suffix| self.mime.iter().rev().find(|(known, _)| *known == suffix));
        match configured {
            Some((_, media_type)) => media_type.clone(),
            None => MediaType::of_name(name.as_str()).unwrap_or_else(|| self.content_type.clone()),
        }
    }
}

/// `GLASSHOUSE_BODY`: the host sets it, so it is not an option.
fn set_body(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    config.body = match value {
        "direct" => BodyPath::Direct,
        "pumped" | "" => BodyPath::Pumped,
        _ => return Err(InvalidValue::new(format!("'{value}' is neither 'direct' nor 'pumped'"))),
    };
    Ok(())
}

/// `GLASSHOUSE_FILE`: the host sets it if it serves a single file. Under a host that cannot limit the directory to that
/// file, the handler limits itself.
fn set_file(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    config.file = if value.is_empty() { None } else { Some(options::file_name(value)?) };
    Ok(())
}

/// `GLASSHOUSE_ROOT`: a path that is not percent-encoded. The operator sets it under a host that grants more than the
/// directory to serve.
fn set_root(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    config.root = options::prefix(value)?;
    Ok(())
}

/// `GLASSHOUSE_MOUNTS`: encoded paths, separated by spaces. The host sets it.
fn set_mounts(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    let mount = |text: &str| Target::parse(text).map_err(|_| InvalidValue::new(format!("invalid path '{text}'")));
    config.mounts = value.split_ascii_whitespace().map(mount).collect::<Result<_, _>>()?;
    Ok(())
}

/// `GLASSHOUSE_ABOVE`: numbers, separated by commas. The host sets it, because it knows which trees are above this one.
fn set_above(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    let number = |text: &str| text.parse().map_err(|_| InvalidValue::new(format!("'{text}' is not a number of names")));
    let numbers = value.split(',').filter(|text| !text.is_empty());
    config.above = numbers.map(number).collect::<Result<_, _>>()?;
    Ok(())
}

/// `GLASSHOUSE_MADE_MAX`: the host aborts longer responses, so the handler must not begin one. The host sets it.
fn set_made_max(config: &mut Config, value: &str) -> Result<(), InvalidValue> {
    let invalid = |_| InvalidValue::new(format!("'{value}' is not a number of bytes"));
    config.made_max = value.parse().map_err(invalid)?;
    Ok(())
}

/// An invalid option, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: String,
    reason: String,
}

impl ConfigError {
    /// An error at `place`: the name of a variable, or the line of an option in a file.
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
