//! The options in force: those that the host gave, over those that the directory's own file gives. It refuses to know
//! what an option means.

use crate::config::{BodyPath, Config, ConfigError, options, toml_document};
use crate::tree::public::{PublicTree, SITE_FILE, SITE_FILE_MAX};
use crate::tree::{Metadata, Node, Tree, TreeError, found};
use std::cell::RefCell;
use std::rc::Rc;

/// The longest complaint about it, in letters: it goes to a log, and the file may be a stranger's.
const LONGEST_REASON: usize = 240;

/// A site: the options of its host, and what its file said when it was last looked at.
pub struct SiteOptions {
    pairs: Vec<(String, String)>,
    /// What holds without a file.
    plain: Rc<Config>,
    read: RefCell<Option<Read>>,
}

struct Read {
    facts: Metadata,
    said: Result<Vec<u8>, String>,
    /// `None` where the file has an error in it.
    config: Option<Rc<Config>>,
}

/// An option in the file of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSetting {
    pub name: &'static str,
    pub line: usize,
    /// As the text of its variable.
    pub text: String,
}

impl SiteOptions {
    /// A site with the options of its host, given as variables.
    ///
    /// # Errors
    /// As [`Config::from_pairs`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<SiteOptions, ConfigError> {
        let pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| key.starts_with(options::PREFIX)).collect();
        let plain = Rc::new(Config::from_pairs(pairs.iter().map(|(key, value)| (key, value)))?);
        Ok(SiteOptions { pairs, plain, read: RefCell::default() })
    }

    /// How the bytes of files leave the handler, in which a file has no say.
    pub fn body(&self) -> BodyPath {
        self.plain.body
    }

    /// The options for a request that is made now: the file of the site is read again when it is another one. `None` while it has an
    /// error, of which `complain` hears once, and where the machine fails to tell what is in it: rules that cannot be read may be
    /// those that keep something back.
    pub async fn config<T: Tree>(
        &self,
        tree: &PublicTree<T>,
        complain: impl FnOnce(&ConfigError),
    ) -> Option<Rc<Config>> {
        if self.plain.file.is_some() {
            return Some(Rc::clone(&self.plain));
        }
        let looked = tree.keep_back().await;
        if !self.plain.site_file {
            // It has no say. Where nobody knows what it is, it is kept back by its name alone.
            return Some(Rc::clone(&self.plain));
        }
        // What it says is not known where this fails, so nothing can be answered by it; it is looked for again next time.
        let Some(facts) = looked.ok()? else { return Some(Rc::clone(&self.plain)) };
        if self.tells(&facts)
            && let Some(read) = self.read.borrow().as_ref().filter(|read| read.facts == facts)
        {
            return read.config.clone();
        }
        let said = load(tree.whole()).await.ok()?;
        if let Some(read) = self.read.borrow_mut().as_mut().filter(|read| read.said == said) {
            read.facts = facts;
            return read.config.clone();
        }
        let config = said.as_ref().map_err(|reason| ConfigError::new(SITE_FILE, reason)).and_then(|bytes| parse(bytes));
        let config = match config {
            Ok((config, _)) => self.merge(config),
            Err(error) => {
                complain(&error);
                None
            }
        };
        *self.read.borrow_mut() = Some(Read { facts, said, config: config.clone() });
        config
    }

    /// What the host says over what the file says.
    fn merge(&self, of_file: Config) -> Option<Rc<Config>> {
        let mut config = of_file.with_pairs(self.pairs.iter().map(|(key, value)| (key, value))).ok()?;
        config.yield_to(&self.plain);
        Some(Rc::new(config))
    }

    /// Whether a file with the same facts is the same file. Size and time of modification can be set, and are the same for all files
    /// of some images; the time of the status change cannot, but other hosts than the bundled one tell another time in its place.
    fn tells(&self, facts: &Metadata) -> bool {
        self.plain.body == BodyPath::Direct && facts.changed.is_some_and(|changed| changed.seconds() > 1)
    }
}

/// The bytes of the file, or why there are none, in words for the person who put it there.
async fn load<T: Tree>(tree: &T) -> Result<Result<Vec<u8>, String>, TreeError> {
    let refused = |reason: &str| Ok(Err(reason.to_owned()));
    let (file, facts) = match found(tree.open(SITE_FILE).await)? {
        Some(Node::File(file, facts)) => (file, facts),
        Some(Node::Directory) => return refused("is a directory"),
        None => return refused("cannot be read; the server may lack the permission"),
    };
    if facts.size > SITE_FILE_MAX {
        return Ok(Err(too_long()));
    }
    match found(tree.read(&file, 0, SITE_FILE_MAX).await)? {
        Some(bytes) => Ok(Ok(bytes)),
        None => refused("cannot be read"),
    }
}

/// Why a file is not read that is longer than [`SITE_FILE_MAX`].
pub fn too_long() -> String {
    format!("is longer than {SITE_FILE_MAX} bytes")
}

/// What the bytes of a file of a site say, with its options in the order of their lines.
///
/// # Errors
/// Names the line, the key, the reason and the way out, in one short line for a log.
pub fn parse(bytes: &[u8]) -> Result<(Config, Vec<SiteSetting>), ConfigError> {
    let refused = |line: usize, name: &str, reason: &str| {
        let place = if name.is_empty() { String::new() } else { format!(", {}", legible(name, LONGEST_REASON / 4)) };
        ConfigError::new(format!("{SITE_FILE}, line {line}{place}"), legible(reason, LONGEST_REASON))
    };
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        refused(line, "", "is not UTF-8")
    })?;
    let keys = toml_document::read(text).map_err(|flaw| refused(flaw.line, "", &flaw.reason))?;
    let (mut config, mut settings) = (Config::default(), Vec::new());
    for key in keys {
        let set = options::set_by_tree(&mut config, &key.name, &key.value);
        let (name, text) = set.map_err(|reason| refused(key.line, &key.name, &reason))?;
        settings.push(SiteSetting { name, line: key.line, text });
    }
    match config.conflict() {
        None => Ok((config, settings)),
        Some((name, reason)) => {
            let line = settings.iter().find(|setting| setting.name == name).map_or(1, |setting| setting.line);
            Err(refused(line, name, &reason))
        }
    }
}

/// A text of somebody else in one line of a log, without anything that could not be seen there, and not too long.
fn legible(text: &str, most: usize) -> String {
    let mut legible = String::new();
    for (index, letter) in text.chars().enumerate() {
        if index == most {
            legible.push_str("...");
            break;
        }
        match letter {
            '\'' | '"' | '\\' => legible.push(letter),
            _ => legible.extend(letter.escape_debug()),
        }
    }
    legible
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
    fn check(text: &str, complaint: &str) {
        let Ok(site) = SiteOptions::new([]) else { panic!("no options, no error") };
        let mut heard = String::new();
        let config = at_once(site.config(&tree(text, 5), |error| heard = error.to_string()));
        assert!(matches!(config, Some(None)), "{text}");
        assert!(heard.starts_with(complaint), "{heard}");
        assert!(heard.len() < 500 && !heard.contains(char::is_control), "{heard:?}");
    }

    /// What holds with these variables beside a file.
    #[track_caller]
    fn both(pairs: &[(&str, &str)], text: &str) -> Rc<Config> {
        let pairs = pairs.iter().map(|(key, value)| (options::variable(key), (*value).to_owned()));
        let Ok(site) = SiteOptions::new(pairs) else { panic!("the options have a meaning") };
        let config = at_once(site.config(&tree(text, 5), |error| panic!("{error}")));
        config.flatten().unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_file_says_what_flags_say_and_flags_win() {
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
    fn an_error_is_told_once_and_mended_by_the_next_version() {
        let Ok(site) = SiteOptions::new([]) else { panic!("no options, no error") };
        let mut told = 0;
        for _ in 0..3 {
            assert!(matches!(at_once(site.config(&tree("spa = [", 5), |_| told += 1)), Some(None)));
        }
        assert_eq!(told, 1);
        let mended = at_once(site.config(&tree("spa = true", 6), |error| panic!("{error}")));
        assert!(mended.flatten().is_some_and(|config| config.spa.is_some()));
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
        check("listing-max = 0", "glasshouse.toml, line 1, listing-max: '0' is no number of entries");
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
    fn a_tree_widens_nothing_and_speaks_for_nobody_else() {
        for (text, complaint) in [
            ("hidden = true", "hidden: this file may not set it, because it lets others read more than they could"),
            ("cors = '*'", "cors: this file may not set it, because it lets others read more"),
            (
                "prefix = '/x'",
                "prefix: this file may not set it, because where the tree appears is up to whoever serves it;",
            ),
            (
                "compress = true",
                "compress: this file may not set it, because it costs processor time for every request;",
            ),
            ("no-site-file = true", "no-site-file: a file cannot unsay itself; remove it"),
            (
                "archive-max = '5G'",
                "archive-max: this file may not raise it above 4294967296 bytes; whoever runs the server",
            ),
            (
                "listing-max = 100001",
                "listing-max: this file may not raise it above 100000; whoever runs the server can",
            ),
            (
                "header = ['X-Accel-Redirect: /x']",
                "header: 'X-Accel-Redirect' is not one of the fields that describe a page",
            ),
            ("header-for = ['* Set-Cookie: a=b']", "header-for: 'Set-Cookie' is not one of the fields that describe"),
            ("header = ['Cache-Control: public']", "header: 'public' of 'Cache-Control' may let a shared cache keep"),
            (
                "index = ['.env']",
                "index: '.env' is hidden, so this file may not have it served; whoever runs the server",
            ),
            ("spa = '.git/config'", "spa: '.git' is hidden"),
            ("not-found = 'a/.env'", "not-found: '.env' is hidden"),
        ] {
            check(text, &format!("glasshouse.toml, line 1, {complaint}"));
        }
        let (error, way_out) = (parse(b"hidden = true"), "can set it with --hidden or GLASSHOUSE_HIDDEN");
        assert!(error.is_err_and(|error| error.to_string().ends_with(way_out)));
        let narrower = "archive = false\narchive-max = '1M'\nlisting-max = 9\nno-listing = true\nno-readme = true\n\
                        isolate = true\nindex = ['.well-known', 'a.html']\nmime = 'x=text/html'\nno-precompressed = true\n";
        assert_eq!(parse(narrower.as_bytes()).map(|(_, settings)| settings.len()), Ok(9));
    }

    #[test]
    fn what_a_file_sets_is_told_in_the_order_of_its_lines() {
        let told = parse(b"spa = true\nclean-urls = true\n\ncache = [60,\n 'x=5']").map(|(_, settings)| settings);
        let setting = |name, line, text: &str| SiteSetting { name, line, text: text.to_owned() };
        let expected = [setting("spa", 1, "true"), setting("clean-urls", 2, "true"), setting("cache", 4, "60\nx=5")];
        assert_eq!(told.as_deref(), Ok(&expected[..]));
    }
}
