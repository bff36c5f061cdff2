//! The options in force: those that the host gave, over those that the directory's own file gives. It refuses to know
//! what an option means.

use crate::config::{BodyPath, Config, ConfigError};
use crate::options;
use crate::tree::{Facts, Fault, Missing, Node, Tree, found};
use std::cell::RefCell;
use std::rc::Rc;
use toml::Value;

/// The file at the root of the tree in which a site has its say. It is never served and never listed.
pub const FILE: &str = "glasshouse.toml";
/// The longest such file in bytes.
const LONGEST: u64 = 64 << 10;

/// A site: the options of its host, and what its file said when it was last looked at.
pub struct Site {
    pairs: Vec<(String, String)>,
    /// What holds without a file.
    plain: Rc<Config>,
    read: RefCell<Option<Read>>,
}

struct Read {
    facts: Facts,
    /// `None` where the file has an error in it.
    config: Option<Rc<Config>>,
}

impl Site {
    /// A site with the options of its host, given as variables.
    ///
    /// # Errors
    /// As [`Config::from_pairs`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Site, ConfigError> {
        let pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| key.starts_with(options::PREFIX)).collect();
        let plain = Rc::new(Config::from_pairs(pairs.iter().map(|(key, value)| (key, value)))?);
        Ok(Site { pairs, plain, read: RefCell::default() })
    }

    /// How the bytes of files leave the handler, in which a file has no say.
    pub fn body(&self) -> BodyPath {
        self.plain.body
    }

    /// The options for a request that is made now: the file of the site is read again when it is another one. `None` while it has an
    /// error, of which `complain` hears once, and where the machine fails to tell what is in it.
    pub async fn config<T: Tree>(&self, tree: &T, complain: impl FnOnce(&ConfigError)) -> Option<Rc<Config>> {
        if !self.plain.site_file || self.plain.file.is_some() {
            return Some(Rc::clone(&self.plain));
        }
        let facts = match tree.facts(FILE).await {
            Ok(facts) => facts,
            Err(Missing::Absent) => return Some(Rc::clone(&self.plain)),
            // What it says is not known, so nothing can be answered by it; it is looked for again next time.
            Err(Missing::Fault) => return None,
        };
        if let Some(read) = self.read.borrow().as_ref().filter(|read| read.facts == facts) {
            return read.config.clone();
        }
        let config = match load(tree).await.ok()?.and_then(|text| parse(&text)) {
            Ok(config) => config.with_pairs(self.pairs.iter().map(|(key, value)| (key, value))).ok().map(Rc::new),
            Err(error) => {
                complain(&error);
                None
            }
        };
        *self.read.borrow_mut() = Some(Read { facts, config: config.clone() });
        config
    }
}

async fn load<T: Tree>(tree: &T) -> Result<Result<String, ConfigError>, Fault> {
    let refused = |reason: String| Ok(Err(ConfigError::new(FILE, reason)));
    let (file, facts) = match found(tree.open(FILE).await)? {
        Some(Node::File(file, facts)) => (file, facts),
        Some(Node::Directory) => return refused("is no file".to_owned()),
        None => return refused("cannot be read".to_owned()),
    };
    if facts.size > LONGEST {
        return refused(format!("is longer than {LONGEST} bytes"));
    }
    match found(tree.read(&file, 0, LONGEST).await)? {
        Some(bytes) => Ok(String::from_utf8(bytes).map_err(|_| ConfigError::new(FILE, "is not UTF-8"))),
        None => refused("cannot be read".to_owned()),
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.lines().count().max(1));
        ConfigError::new(format!("{FILE}, line {line}"), error.message())
    })?;
    let mut config = Config::default();
    for (name, value) in &table {
        let place = || format!("{FILE}, {name}");
        if name == "no-site-file" {
            return Err(ConfigError::new(place(), "a file cannot unsay itself; remove it"));
        }
        let text = written(value)
            .ok_or_else(|| ConfigError::new(place(), "is neither text, number, switch nor a list of those"))?;
        options::set(&mut config, name, &text).map_err(|reason| ConfigError::new(place(), reason))?;
    }
    Ok(config)
}

/// A value in the form that options have everywhere; several are lines.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Array(values) if !values.iter().any(Value::is_array) => {
            values.iter().map(written).collect::<Option<Vec<_>>>().map(|lines| lines.join("\n"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_once;
    use crate::date::Stamp;
    use crate::memory::{MemoryNode, MemoryTree};

    fn tree(text: &str, seconds: i64) -> MemoryTree {
        let mut tree = MemoryTree::default();
        tree.insert(FILE, MemoryNode::File(text.as_bytes().to_vec(), Stamp::new(seconds, 0)));
        tree
    }

    #[track_caller]
    fn check(text: &str, complaint: &str) {
        let Ok(site) = Site::new([]) else { panic!("no options, no error") };
        let mut heard = String::new();
        let config = at_once(site.config(&tree(text, 5), |error| heard = error.to_string()));
        assert!(matches!(config, Some(None)), "{text}");
        assert!(heard.starts_with(complaint), "{heard}");
    }

    #[test]
    fn a_file_says_what_flags_say_and_flags_win() {
        let Ok(site) = Site::new([("GLASSHOUSE_CACHE".to_owned(), "5".to_owned())]) else { panic!("one option") };
        let text = "clean-urls = true\ncache = 60\nheader = [\"A: 1\", \"B: 2\"]\nno-listing = false\n";
        let Some(Some(config)) = at_once(site.config(&tree(text, 5), |error| panic!("{error}"))) else {
            panic!("no config")
        };
        assert!(config.clean_urls && config.listing);
        assert_eq!(config.headers.len(), 2);
        assert_eq!(config.cache.first().map(|(_, cache)| cache.to_string()).as_deref(), Some("max-age=5"));
    }

    #[test]
    fn an_error_is_told_once_and_mended_by_the_next_version() {
        let Ok(site) = Site::new([]) else { panic!("no options, no error") };
        let mut told = 0;
        for _ in 0..3 {
            assert!(matches!(at_once(site.config(&tree("spa = [", 5), |_| told += 1)), Some(None)));
        }
        assert_eq!(told, 1);
        let mended = at_once(site.config(&tree("spa = true", 6), |error| panic!("{error}")));
        assert!(mended.flatten().is_some_and(|config| config.spa.is_some()));
    }

    #[test]
    fn errors_name_the_place() {
        check("index = \"a\"\nspa = ", "glasshouse.toml, line 2: ");
        check("hidden = \"perhaps\"", "glasshouse.toml, hidden: 'perhaps' is neither 'true' nor 'false'");
        check("indx = 1", "glasshouse.toml, indx: no such option; there are archive, ");
        check("[spa]\na = 1", "glasshouse.toml, spa: is neither text");
        check("no-site-file = true", "glasshouse.toml, no-site-file: ");
        check("body = \"direct\"", "glasshouse.toml, body: no such option");
        check(&"#".repeat(70_000), "glasshouse.toml: is longer than 65536 bytes");
    }
}
