//! The options in effect: those of the operator, on top of those in `glasshouse.toml` at the root of the tree.

use crate::config::{BodyPath, Config, ConfigError, options, toml_document};
use crate::http::target::Target;
use crate::tree::public::{PublicTree, SITE_FILE, SITE_FILE_MAX};
use crate::tree::{Metadata, OpenedNode, Tree, TreeError, optional};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The longest error message about the file, in characters. The message goes to a log, and the file may be hostile.
const REASON_MAX: usize = 240;
/// The longest name of an option in such a message.
const NAME_MAX: usize = 60;

/// The options of the operator, and those of the site file as of the last request.
pub struct SiteOptions {
    pairs: Vec<(String, String)>,
    /// The configuration without the site file.
    operator: Rc<Config>,
    loaded: RefCell<Option<LoadedFile>>,
}

struct LoadedFile {
    metadata: Metadata,
    content: Result<Vec<u8>, &'static str>,
    /// `None` if the file has an error.
    config: Option<Rc<Config>>,
}

/// An option in a site file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSetting {
    /// The name of the option.
    pub name: &'static str,
    /// The line number, from 1 on.
    pub line: usize,
    /// The value, as the text of its variable.
    pub text: String,
}

impl fmt::Debug for SiteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteOptions").field("pairs", &self.pairs).finish_non_exhaustive()
    }
}

impl SiteOptions {
    /// The options of the operator, given as variables.
    ///
    /// # Errors
    /// As [`Config::from_pairs`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<SiteOptions, ConfigError> {
        let pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| key.starts_with(options::PREFIX)).collect();
        let operator = Rc::new(Config::from_pairs(pairs.iter().map(|(key, value)| (key, value)))?);
        Ok(SiteOptions { pairs, operator, loaded: RefCell::default() })
    }

    /// How the bytes of files leave the handler. A site file cannot change it.
    pub fn body(&self) -> BodyPath {
        self.operator.body
    }

    /// The served directory below the preopen. A site file cannot change it.
    pub fn root(&self) -> Option<&Target> {
        self.operator.root.as_ref()
    }

    /// The configuration for the current request. Reads the site file again if it has changed.
    ///
    /// Returns `None` if the file has an error, which `report` gets once, and if the tree cannot report its content:
    /// unreadable rules may be those that hide something.
    pub async fn config<T: Tree>(&self, tree: &PublicTree<T>, report: impl FnOnce(&ConfigError)) -> Option<Rc<Config>> {
        if self.operator.file.is_some() {
            return Some(Rc::clone(&self.operator));
        }
        let metadata = tree.hide_site_file().await;
        if !self.operator.site_file {
            // The file has no effect. After a fault it is hidden by its name alone.
            return Some(Rc::clone(&self.operator));
        }
        let Some(metadata) = metadata.ok()? else { return Some(Rc::clone(&self.operator)) };
        if self.identifies(&metadata)
            && let Some(loaded) = self.loaded.borrow().as_ref().filter(|loaded| loaded.metadata == metadata)
        {
            return loaded.config.clone();
        }
        let content = read(tree.inner()).await.ok()?;
        if let Some(loaded) = self.loaded.borrow_mut().as_mut().filter(|loaded| loaded.content == content) {
            loaded.metadata = metadata;
            return loaded.config.clone();
        }
        let config = match &content {
            Ok(bytes) => parse(bytes),
            Err(reason) => Err(ConfigError::new(SITE_FILE, *reason)),
        };
        let config = match config {
            Ok((config, _)) => self.merge(config),
            Err(error) => {
                report(&error);
                None
            }
        };
        *self.loaded.borrow_mut() = Some(LoadedFile { metadata, content, config: config.clone() });
        config
    }

    /// The options of the operator on top of those of the file.
    fn merge(&self, of_file: Config) -> Option<Rc<Config>> {
        let mut config = of_file.with_pairs(self.pairs.iter().map(|(key, value)| (key, value))).ok()?;
        config.give_precedence_to(&self.operator);
        Some(Rc::new(config))
    }

    /// Whether equal metadata means an unchanged file. Programs can set size and modification time, and all files of
    /// some images share them. They cannot set the status change time, but only the bundled host reports that time.
    fn identifies(&self, metadata: &Metadata) -> bool {
        let is_changed_since_1970 = metadata.changed.is_some_and(|changed| changed.seconds() > 1);
        metadata.digest.is_some() || (self.operator.body == BodyPath::Direct && is_changed_since_1970)
    }
}

/// Reads the site file. The inner result has the bytes, or the reason why the file is not valid.
async fn read<T: Tree>(tree: &T) -> Result<Result<Vec<u8>, &'static str>, TreeError> {
    let (file, metadata) = match optional(tree.open(SITE_FILE).await)? {
        Some(OpenedNode::File(file, metadata)) => (file, metadata),
        Some(OpenedNode::Directory) => return Ok(Err("is a directory")),
        None => return Ok(Err("cannot be read; check its permissions")),
    };
    if metadata.size > SITE_FILE_MAX {
        return Ok(Err(TOO_LONG));
    }
    Ok(optional(tree.read(&file, 0, SITE_FILE_MAX).await)?.ok_or("cannot be read"))
}

/// The reason for rejecting a file that is longer than [`SITE_FILE_MAX`].
pub const TOO_LONG: &str = "is longer than 65536 bytes";
const _: () = assert!(SITE_FILE_MAX == 65_536, "TOO_LONG contains the limit");

/// Reads the content of a site file, and returns its options in the order of their lines too.
///
/// # Errors
/// The first error, with its line, the option, the reason and the fix, in one line for a log.
pub fn parse(bytes: &[u8]) -> Result<(Config, Vec<SiteSetting>), ConfigError> {
    let invalid = |line: usize, name: &str, reason: &str| {
        let option = if name.is_empty() { String::new() } else { format!(", {}", printable(name, NAME_MAX)) };
        ConfigError::new(format!("{SITE_FILE}, line {line}{option}"), printable(reason, REASON_MAX))
    };
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        invalid(line, "", "is not UTF-8")
    })?;
    let keys = toml_document::read(text).map_err(|error| invalid(error.line, "", &error.reason))?;
    let (mut config, mut settings) = (Config::default(), Vec::new());
    for key in keys {
        let set = options::set_from_site_file(&mut config, &key.name, &key.value);
        let (name, text) = set.map_err(|reason| invalid(key.line, &key.name, &reason.to_string()))?;
        settings.push(SiteSetting { name, line: key.line, text });
    }
    match config.conflict() {
        None => Ok((config, settings)),
        Some((name, reason)) => {
            let line = settings.iter().find(|setting| setting.name == name).map_or(1, |setting| setting.line);
            Err(invalid(line, name, &reason))
        }
    }
}

/// A text of limited length for one line of a log, with invisible characters escaped.
fn printable(text: &str, most: usize) -> String {
    let mut printable = String::new();
    for (index, letter) in text.chars().enumerate() {
        if index == most {
            printable.push_str("...");
            break;
        }
        match letter {
            '\'' | '"' | '\\' => printable.push(letter),
            _ => printable.extend(letter.escape_debug()),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use crate::at_once;
    use crate::config::site_file::*;
    use crate::http::date::HttpTime;
    use crate::tree::memory::{MemoryNode, MemoryTree};

    fn tree(text: &str, seconds: i64) -> PublicTree<MemoryTree> {
        let mut tree = MemoryTree::default();
        tree.insert(SITE_FILE, MemoryNode::File(text.as_bytes().to_vec(), HttpTime::new(seconds, 0)));
        PublicTree::new(tree)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let Ok(site) = SiteOptions::new([]) else { panic!("no options, no error") };
        let mut message = String::new();
        let config = at_once(site.config(&tree(text, 5), |error| message = error.to_string()));
        assert!(matches!(config, Some(None)), "{text}");
        assert!(message.starts_with(expected), "{message}");
        assert!(message.len() < 500 && !message.contains(char::is_control), "{message:?}");
    }

    /// The configuration with these variables and a file.
    #[track_caller]
    fn both(pairs: &[(&str, &str)], text: &str) -> Rc<Config> {
        let pairs = pairs.iter().map(|(key, value)| (options::variable(key), (*value).to_owned()));
        let Ok(site) = SiteOptions::new(pairs) else { panic!("the options have a meaning") };
        let config = at_once(site.config(&tree(text, 5), |error| panic!("{error}")));
        config.flatten().unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_file_has_the_options_of_flags_and_flags_win() {
        let text = "\u{feff}clean-urls = true\ncache = 60\nheader = [\"Link: <a>\", \"Vary: B\"]\nno-listing = false\n";
        let config = both(&[("cache", "5")], text);
        assert!(config.clean_urls && config.listing);
        assert_eq!(config.headers.len(), 2);
        assert_eq!(config.cache.first().map(|(_, cache)| cache.to_string()).as_deref(), Some("max-age=5"));
    }

    #[test]
    fn who_runs_the_server_has_the_last_word_on_a_matter() {
        let config =
            both(&[("header", "Cache-Control: no-store")], "cache = 60\nheader-for = ['*.js Cache-Control: no-cache']");
        assert!(config.cache.is_empty() && config.headers_for.is_empty(), "{config:?}");
        let config = both(&[("cache", "60")], "header = ['Cache-Control: no-cache', 'Vary: A']");
        assert_eq!(config.headers, [("Vary".to_owned(), "A".to_owned())]);
        let config = both(&[("header", "Cross-Origin-Opener-Policy: unsafe-none")], "isolate = true");
        assert!(!config.isolate);
    }

    #[test]
    fn an_error_is_reported_once_and_fixed_by_the_next_version() {
        let Ok(site) = SiteOptions::new([]) else { panic!("no options, no error") };
        let mut reports = 0;
        for _ in 0..3 {
            assert!(matches!(at_once(site.config(&tree("spa = [", 5), |_| reports += 1)), Some(None)));
        }
        assert_eq!(reports, 1);
        let fixed = at_once(site.config(&tree("spa = true", 6), |error| panic!("{error}")));
        assert!(fixed.flatten().is_some_and(|config| config.spa.is_some()));
    }

    /// Of the same length, with the same time of modification.
    #[test]
    fn another_file_in_its_place_is_read_whatever_its_time() {
        for pairs in [vec![], vec![("GLASSHOUSE_BODY".to_owned(), "direct".to_owned())]] {
            let Ok(site) = SiteOptions::new(pairs) else { panic!("one option") };
            let listing = |text| {
                let config = at_once(site.config(&tree(text, 1), |error| panic!("{error}")));
                config.flatten().map(|config| config.listing)
            };
            assert_eq!(listing("no-listing = true "), Some(false));
            assert_eq!(listing("no-listing = false"), Some(true));
        }
    }

    #[test]
    fn errors_name_the_place() {
        check("index = \"a\"\nspa = ", "glasshouse.toml, line 2: ");
        check("index = 'a'\nspa = true\nindex = 'b'", "glasshouse.toml, line 3: duplicate key");
        check("\nclean-url = true", "glasshouse.toml, line 2, clean-url: no such option; did you mean 'clean-urls'?");
        check("indx = 1", "glasshouse.toml, line 1, indx: no such option; did you mean 'index'?");
        check(
            "port = 1",
            "glasshouse.toml, line 1, port: no such option; an option of the site has the name of its flag",
        );
        check("body = \"direct\"", "glasshouse.toml, line 1, body: no such option");
        check("clean-urls = \"yes\"", "glasshouse.toml, line 1, clean-urls: is a switch; write true or false");
        check("[spa]\na = 1", "glasshouse.toml, line 1, spa: takes one value");
        check("cache = 'often'", "glasshouse.toml, line 1, cache: 'often' is neither a number of seconds");
        check("listing-max = 0", "glasshouse.toml, line 1, listing-max: invalid number of entries '0'");
        check(&"#".repeat(70_000), "glasshouse.toml: is longer than 65536 bytes");
        check(&format!("cache = '{}'", "x".repeat(9_000)), "glasshouse.toml, line 1, cache: 'xxx");
        check("\"\\u001b[31m\\n\" = 1", "glasshouse.toml, line 1, \\u{1b}[31m\\n: no such option");
        check(
            "cache = 60\nheader = 'Cache-Control: no-cache'",
            "glasshouse.toml, line 2, header: 'Cache-Control' would",
        );
        let not_utf8 = parse(b"spa = true\n# \xff").map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(not_utf8, Err("glasshouse.toml, line 2: is not UTF-8".to_owned()));
    }

    #[test]
    fn a_file_grants_nothing_and_affects_only_its_own_pages() {
        for (text, expected) in [
            (
                "hidden = true",
                "hidden: this file cannot set it, because it gives clients access to more content; the operator",
            ),
            ("cors = '*'", "cors: this file cannot set it, because it gives clients access to more content"),
            ("prefix = '/x'", "prefix: this file cannot set it, because the operator decides where the tree appears;"),
            (
                "compress = true",
                "compress: this file cannot set it, because it costs processor time for every request;",
            ),
            ("no-site-file = true", "no-site-file: this file cannot disable itself; remove it"),
            (
                "archive-max = '5G'",
                "archive-max: this file cannot set it above 4294967296 bytes; the operator can set it",
            ),
            ("listing-max = 100001", "listing-max: this file cannot set it above 100000; the operator can set it"),
            (
                "header = ['X-Accel-Redirect: /x']",
                "header: 'X-Accel-Redirect' does not describe a page or a file, so this file cannot set it",
            ),
            ("header-for = ['* Set-Cookie: a=b']", "header-for: 'Set-Cookie' does not describe a page or a file"),
            (
                "header = ['Cache-Control: public']",
                "header: 'public' in 'Cache-Control' may let a shared cache store content",
            ),
            ("index = ['.env']", "index: '.env' is hidden, so this file cannot use it; the operator can set it"),
            ("spa = '.git/config'", "spa: '.git' is hidden"),
            ("not-found = 'a/.env'", "not-found: '.env' is hidden"),
        ] {
            check(text, &format!("glasshouse.toml, line 1, {expected}"));
        }
        let (error, way_out) = (parse(b"hidden = true"), "can set it with --hidden or GLASSHOUSE_HIDDEN");
        assert!(error.is_err_and(|error| error.to_string().ends_with(way_out)));
        let narrower = "archive = false\narchive-max = '1M'\nlisting-max = 9\nno-listing = true\nno-readme = true\n\
                        isolate = true\nindex = ['.well-known', 'a.html']\nmime = 'x=text/html'\n\
                        no-precompressed = true\nmarkdown = true\ngrid = true\n";
        assert_eq!(parse(narrower.as_bytes()).map(|(_, settings)| settings.len()), Ok(11));
    }

    #[test]
    fn the_settings_of_a_file_are_in_the_order_of_its_lines() {
        let settings = parse(b"spa = true\nclean-urls = true\n\ncache = [60,\n 'x=5']").map(|(_, settings)| settings);
        let setting = |name, line, text: &str| SiteSetting { name, line, text: text.to_owned() };
        let expected = [setting("spa", 1, "true"), setting("clean-urls", 2, "true"), setting("cache", 4, "60\nx=5")];
        assert_eq!(settings.as_deref(), Ok(&expected[..]));
    }
}
