//! A request with its options, as text, and the tree for it.
//!
//! The text has a line `OPTION=VALUE` for each option (again for each line of its value), a line `METHOD TARGET`, and a
//! line `NAME: VALUE` for each field. Invalid options are left out, because a host would not start with them.

use super::lines;
use glasshouse_core::config::options;
use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::dotfiles::Visibility;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Head, Request, answer, at_once};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// The modification time of most files, in seconds since 1970.
const MODIFIED: i64 = 784_111_777;
/// A size that is worth encoding.
const LARGE: usize = 1_500;

/// Every file: its path, its size in bytes, and its modification time in seconds.
const FILES: &[(&str, usize, Option<i64>)] = &[
    (".env", 60, Some(MODIFIED)),
    (".git/config", 60, Some(MODIFIED)),
    (".well-known/security.txt", 60, Some(MODIFIED)),
    ("404.html", LARGE, Some(MODIFIED)),
    ("404.html.gz", 100, Some(MODIFIED)),
    ("app.js", LARGE, Some(MODIFIED)),
    ("ancient.txt", 60, Some(0)),
    ("clash.html", 60, Some(MODIFIED)),
    ("clash/page.html", 60, Some(MODIFIED)),
    ("dir.html/file.txt", 60, Some(MODIFIED)),
    ("empty.txt", 0, Some(MODIFIED)),
    ("glasshouse.toml", 60, Some(MODIFIED)),
    ("hello.txt", 60, Some(MODIFIED)),
    ("index.html", 300, Some(MODIFIED)),
    ("list/\"quoted'&amp;", 60, Some(MODIFIED)),
    ("list/%2e%2e", 60, Some(MODIFIED)),
    ("list/...", 60, Some(MODIFIED)),
    ("list/.hidden", 60, Some(MODIFIED)),
    ("list/<img src=x>", 60, Some(MODIFIED)),
    ("list/README.md", README.len(), Some(MODIFIED)),
    ("list/back\\slash", 60, Some(MODIFIED)),
    ("list/glasshouse.toml", 60, Some(MODIFIED)),
    ("list/javascript:x", 60, Some(MODIFIED)),
    ("list/new\nline", 60, Some(MODIFIED)),
    ("notes.md", LARGE, Some(MODIFIED)),
    ("page.html", LARGE, Some(MODIFIED)),
    ("page.html.br", 200, Some(MODIFIED)),
    ("page.html.gz", 300, Some(MODIFIED + 1)),
    ("page.html.zst", 400, Some(MODIFIED - 1)),
    ("picture.png", LARGE, Some(MODIFIED)),
    ("sub/.well-known.html", 60, Some(MODIFIED)),
    ("sub/a b&c.txt", 60, Some(MODIFIED)),
    ("sub/deep/.hidden.html", 60, Some(MODIFIED)),
    ("sub/deep/\u{e9}.txt", 60, Some(MODIFIED)),
    ("sub/index.htm", 60, Some(MODIFIED)),
    ("undated.txt", 60, None),
];

/// A hostile README.md.
const README: &str = "# List <b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](https://a.example/z.png)\n\n\
    * <img src=x onerror=alert(1)>\n* [z](<hello.txt\" onclick=\"x>)\n\n```\"><i>\n</code></pre>\n```\n\n| a |\n|:-:|\n| &lt;b |\n";

/// Every link: its path, and its target. Links to hidden files are left out: they are intended.
const LINKS: &[(&str, &str)] = &[
    ("absolute", "/hello.txt"),
    ("link.txt", "hello.txt"),
    ("linkdir", "sub/deep"),
    ("loop", "loop"),
    ("out", "../secret"),
    ("sub/deep/up", "../../hello.txt"),
];

pub static TREE: LazyLock<MemoryTree> = LazyLock::new(|| {
    let mut tree = MemoryTree::default();
    for &(path, size, seconds) in FILES {
        let modified = seconds.and_then(|seconds| HttpTime::new(seconds, 5));
        tree.insert(path, MemoryNode::File(content(path, size), modified));
    }
    for (path, to) in LINKS {
        tree.insert(path, MemoryNode::Link((*to).to_owned()));
    }
    tree.insert("list/fifo", MemoryNode::Special);
    tree
});

/// Content that differs from that of all other files.
fn content(path: &str, size: usize) -> Vec<u8> {
    if path.ends_with("README.md") {
        return README.as_bytes().to_vec();
    }
    let mut content: Vec<u8> = path.bytes().chain([b'\n']).cycle().take(size).collect();
    // A sibling declares the length of the file next to it.
    let original = path.rsplit_once('.').and_then(|(original, _)| FILES.iter().find(|file| file.0 == original));
    let length = original.map_or(0, |(_, size, _)| *size as u32).to_le_bytes();
    match path.rsplit_once('.') {
        Some((_, "gz")) => content.splice(size - 4.., length).for_each(drop),
        Some((_, "zst")) => {
            content.splice(..9, [0x28, 0xB5, 0x2F, 0xFD, 0xA0].into_iter().chain(length)).for_each(drop)
        }
        _ => {}
    }
    content
}

/// The path of the file with this content.
pub fn owner(bytes: &[u8]) -> Option<&'static str> {
    FILES.iter().find(|(path, size, _)| *size == bytes.len() && content(path, *size) == bytes).map(|(path, ..)| *path)
}

/// The contents of files that are in no archive.
pub fn withheld(config: &Config) -> impl Iterator<Item = Vec<u8>> {
    let is_withheld = |path: &str| path == "glasshouse.toml" || config.hidden.visibility(path) != Visibility::Shown;
    FILES.iter().filter(move |(path, ..)| is_withheld(path)).map(|(path, size, _)| content(path, *size))
}

#[derive(Clone)]
pub struct Exchange {
    pub options: BTreeMap<String, String>,
    pub method: String,
    pub target: String,
    fields: Vec<(String, Vec<u8>)>,
}

#[derive(Debug)]
pub struct Exchanged {
    pub head: Head,
    pub body: Body<Vec<u8>>,
}

impl Exchange {
    pub fn read(bytes: &[u8]) -> Exchange {
        let mut options = BTreeMap::<String, String>::new();
        let mut lines = lines(bytes).into_iter().peekable();
        while let Some((name, value)) = lines.peek().and_then(|line| option(line)) {
            lines.next();
            let values = options.entry(name.to_owned()).or_default();
            if !values.is_empty() {
                values.push('\n');
            }
            values.push_str(&value);
        }
        let mut good: Vec<(String, String)> = Vec::new();
        options.retain(|name, value| {
            good.push((options::variable(name), value.clone()));
            let is_good = Config::from_pairs(good.iter().map(|(name, value)| (name, value))).is_ok();
            if !is_good {
                good.pop();
            }
            is_good
        });
        let start = String::from_utf8_lossy(&lines.next().unwrap_or_default()).into_owned();
        let (method, target) = start.split_once(' ').unwrap_or(("GET", &start));
        let fields = lines.filter_map(|line| {
            let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
            let value = value.get(1..)?.trim_ascii();
            Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
        });
        Exchange { options, method: method.to_owned(), target: target.to_owned(), fields: fields.collect() }
    }

    pub fn config(&self) -> Config {
        let pairs = self.options.iter().map(|(name, value)| (options::variable(name), value));
        Config::from_pairs(pairs).expect("options that contradict each other are left out")
    }

    pub fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == field)
    }

    pub fn without(&self, fields: &[&str]) -> Exchange {
        let mut rest = self.clone();
        rest.fields.retain(|(name, _)| !fields.contains(&name.as_str()));
        rest
    }

    pub fn with(&self, field: &str, value: &str) -> Exchange {
        let mut more = self.clone();
        more.fields.push((field.to_owned(), value.as_bytes().to_vec()));
        more
    }

    pub fn to(&self, target: &str) -> Exchange {
        Exchange { target: target.to_owned(), ..self.clone() }
    }

    pub fn request(&self, method: &str) -> Request<'_> {
        let values = |asked: &str| {
            let values = self.fields.iter().filter(|(name, _)| name == asked);
            values.map(|(_, value)| value.clone()).collect()
        };
        Request::read(method, Some(&self.target), values)
    }

    pub fn answer(&self, method: &str) -> Exchanged {
        let request = self.request(method);
        let reply = at_once(answer(&request, &*TREE, &self.config())).expect("a tree in memory does not wait");
        let (head, body) = reply.write(request.method);
        Exchanged { head, body }
    }
}

/// The text of the exchange, so that a failing one can become a seed.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.options.iter().flat_map(|(name, text)| text.lines().map(move |line| (name, line))) {
            writeln!(f, "{name}={value}")?;
        }
        writeln!(f, "{} {}", self.method, self.target)?;
        self.fields.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {}", value.escape_ascii()))
    }
}

/// A known option, with a line of its value.
fn option(line: &[u8]) -> Option<(&'static str, String)> {
    let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b'=')?)?;
    let name = options::names().chain(["body"]).find(|known| known.as_bytes() == name)?;
    Some((name, String::from_utf8_lossy(value.get(1..)?).into_owned()))
}

impl Exchanged {
    /// The values of a field, whatever its case.
    pub fn values(&self, name: &str) -> Vec<String> {
        let values = self.head.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The value of a field that occurs once.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        if values.len() == 1 { values.pop() } else { None }
    }
}
