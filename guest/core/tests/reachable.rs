//! Every file of a tree can be reached: a client that follows redirects from the path of a file gets this file, under
//! every combination of options.

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::http::target::{Name, Target, encode_path};
use glasshouse_core::tree::dotfiles::Dotfiles;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeMap;

/// Names that matter to an option or to another name.
const NAMES: &[&str] = &[
    "docs",
    "docs.html",
    "docs.html.html",
    "docs.html.gz",
    "docs.md",
    "docs.md.md",
    "index.html",
    "index.htm",
    "index",
    "start.html",
    "a:b",
    "a:b.html",
    "404.html",
    ".well-known",
    ".well-known.html",
    ".x.html",
    "...html",
    "%2e.html",
    "glasshouse.toml.html",
];

const OPTIONS: &[(&str, &str)] = &[
    ("GLASSHOUSE_CLEAN_URLS", "1"),
    ("GLASSHOUSE_MARKDOWN", "1"),
    ("GLASSHOUSE_NO_LISTING", "1"),
    ("GLASSHOUSE_HIDDEN", "1"),
    ("GLASSHOUSE_SPA", "index.html"),
    ("GLASSHOUSE_PREFIX", "/p q/docs"),
    ("GLASSHOUSE_NOT_FOUND", "docs.html"),
];
const INDEXES: &[&str] = &["index.html,index.htm", "start.html,index.html", "docs.html", ""];
/// Rules that redirect paths without suffixes, to which other paths may be redirected.
const REDIRECTS: &[&str] = &["", "/docs /elsewhere", "/docs/ /elsewhere", "/* https://example.com/*"];

/// Queries after the path.
const QUERIES: &[&str] = &["", "?a=b", "?download=zip", "?format=json"];

#[derive(Clone, Debug)]
struct SiteCase {
    /// Each file by its path, and the target of each link.
    files: Vec<(String, Option<String>)>,
    options: Vec<(&'static str, &'static str)>,
}

impl SiteCase {
    fn tree(&self) -> MemoryTree {
        let mut tree = MemoryTree::default();
        let files = self.files.iter().filter(|(_, link)| link.is_none());
        for (path, _) in files {
            tree.insert(path, MemoryNode::File(path.clone().into_bytes(), HttpTime::new(784_111_777, 0)));
        }
        for (path, link) in &self.files {
            let up = "../".repeat(path.matches('/').count());
            if let Some(to) = link {
                tree.insert(path, MemoryNode::Link(format!("{up}{to}")));
            }
        }
        tree
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, value)| *name == option && !value.is_empty())
    }

    fn config(&self) -> Config {
        Config::from_pairs(self.options.iter().copied()).expect("the options have a meaning")
    }
}

/// Paths of files. A path below another is left out: a file is not a directory.
fn sites() -> impl Strategy<Value = SiteCase> {
    let path = prop::collection::vec(select(NAMES), 1..4).prop_map(|names| names.join("/"));
    let paths = prop::collection::btree_set(path, 1..9).prop_map(|paths| {
        let is_above = |above: &String, path: &String| path.starts_with(&format!("{above}/"));
        let all = paths.clone();
        paths.into_iter().filter(|path| !all.iter().any(|other| is_above(other, path))).collect::<Vec<_>>()
    });
    let links = prop::collection::vec(any::<prop::sample::Index>(), 0..2);
    let options = (subsequence(OPTIONS, 0..=OPTIONS.len()), select(INDEXES), select(REDIRECTS), any::<bool>());
    (paths, links, options).prop_map(|(paths, links, (mut options, index, redirect, has_mount))| {
        options.push(("GLASSHOUSE_INDEX", index));
        options.push(("GLASSHOUSE_REDIRECT", redirect));
        options.push(("GLASSHOUSE_MOUNTS", if has_mount { "/docs/ /p%20q/docs/docs/" } else { "" }));
        let mut files: BTreeMap<String, Option<String>> = paths.iter().map(|path| (path.clone(), None)).collect();
        // A link replaces a file and leads to another one.
        for index in links {
            let (link, to) = (index.get(&paths), paths.first().expect("there is one"));
            if link != to {
                files.insert(link.clone(), Some(to.clone()));
            }
        }
        SiteCase { files: files.into_iter().collect(), options }
    })
}

/// Whether a request for this path reaches the tree.
fn is_asked(target: &Target, config: &Config) -> bool {
    let is_moved = config.redirects.iter().any(|rule| rule.apply(&target.title(), str::to_owned).is_some());
    !is_moved && !config.mounts.iter().any(|mount| target.is_within(mount))
}

/// Follows redirects, and returns every path, the last status and its body.
fn follow(site: &SiteCase, tree: &MemoryTree, config: &Config, path: String) -> (Vec<String>, u16, Vec<u8>) {
    let mut way = vec![path];
    loop {
        let here = way.last().expect("there is a first").clone();
        let target = Target::parse(&here).expect("a target");
        assert!(way.len() == 1 || is_asked(&target, config), "{site:?}: {way:?} leads elsewhere");
        let request = Request::read("GET", Some(&here), |_| Vec::new());
        let (head, body) = at_once(answer(&request, tree, config)).expect("memory never waits").write(request.method);
        let location = head.fields.iter().find(|(name, _)| name == "location");
        let Some((_, location)) = location else {
            let bytes = match body {
                Body::File(bytes, _) | Body::Bytes(bytes) => bytes,
                Body::Nothing | Body::Generated(_) => Vec::new(),
            };
            return (way, head.status, bytes);
        };
        let location = String::from_utf8_lossy(location);
        // Every location is relative to the directory of the path.
        let path = here.split('?').next().unwrap_or_default();
        let (above, _) = path.rsplit_once('/').expect("a path has a slash");
        let location = location.strip_prefix("./").unwrap_or(&location);
        assert!(!location.starts_with('/') && !location.starts_with("../"), "{site:?}: {location}");
        way.push(format!("{above}/{location}"));
        assert!(way.len() < 4, "{site:?}: {way:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_reached_from_its_own_path(site in sites(), query in select(QUERIES)) {
        let (tree, config) = (site.tree(), site.config());
        for (path, link) in &site.files {
            let is_hidden = path.split('/').any(|name| Name::new(name).is_none_or(|name| name.is_hidden()));
            let prefix = if site.has("GLASSHOUSE_PREFIX") { "/p%20q/docs/" } else { "/" };
            let asked = format!("{prefix}{}{query}", encode_path(path));
            if (is_hidden && config.hidden != Dotfiles::Shown) || !is_asked(&Target::parse(&asked).expect("a target"), &config) {
                continue;
            }
            let (way, status, bytes) = follow(&site, &tree, &config, asked);
            let expected = link.as_ref().unwrap_or(path);
            prop_assert_eq!(
                (status, String::from_utf8_lossy(&bytes).into_owned()), (200, expected.clone()), "{:?}: {:?}", site, way
            );
        }
    }

    /// A path without a suffix is the page with that name, if there is one. Without the option, only the path of the
    /// file is the page.
    #[test]
    fn pages_have_short_paths(site in sites()) {
        let (tree, config) = (site.tree(), site.config());
        let is_file = |path: &str| site.files.iter().any(|(file, _)| file == path);
        for (path, link) in &site.files {
            let Some(short) = path.strip_suffix(".html").filter(|short| !short.is_empty() && !short.ends_with('/')) else {
                continue;
            };
            let names = short.split('/').chain(path.split('/'));
            let is_hidden = names.clone().any(|name| Name::new(name).is_some_and(|name| name.is_hidden()));
            let prefix = if site.has("GLASSHOUSE_PREFIX") { "/p%20q/docs/" } else { "/" };
            let asked = format!("{prefix}{}", encode_path(short));
            let is_unusual = names.clone().any(|name| Name::new(name).is_none()) || is_file(short)
                || (is_hidden && config.hidden != Dotfiles::Shown) || !is_asked(&Target::parse(&asked).expect("a target"), &config);
            if is_unusual || !config.clean_urls {
                continue;
            }
            let (way, status, bytes) = follow(&site, &tree, &config, asked);
            prop_assert_eq!((way.len(), status), (if short.ends_with(".html") { way.len() } else { 1 }, 200), "{:?}", site);
            let expected = link.as_ref().unwrap_or(path);
            prop_assert_eq!(String::from_utf8_lossy(&bytes).into_owned(), expected.clone(), "{:?}: {:?}", site, way);
        }
    }
}
