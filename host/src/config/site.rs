//! The options that the file of each tree sets, read once at the start for `--check` and for pages that are missing. Errors in the
//! file are reported elsewhere, and the handler reads it for itself.

use super::ServedTree;
use glasshouse_core::Config;
use glasshouse_core::config::{options, site_file};
use glasshouse_core::http::target::Target;
use glasshouse_core::tree::public::{SITE_FILE as FILE, SITE_FILE_MAX as LONGEST};
use glasshouse_http::bounded_file;
use glasshouse_sandbox::ServedPath;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The options of a tree.
#[derive(Debug)]
pub struct SiteFile {
    /// The text and the line of each option that the file sets; nothing where there is no file, or none that can be used.
    pub values: BTreeMap<String, (String, usize)>,
    config: Config,
}

/// Reads the file of a tree, over which the variables `guest` win.
pub fn read(served: &ServedTree, guest: &[(String, String)]) -> SiteFile {
    let pairs = || guest.iter().map(|(key, value)| (key, value));
    let plain = Config::from_pairs(pairs()).unwrap_or_default();
    let said = match &served.tree {
        ServedPath::Directory(directory) if plain.site_file => parsed(directory),
        _ => None,
    };
    match said.and_then(|(config, settings)| Some((config.with_pairs(pairs()).ok()?, settings))) {
        Some((config, settings)) => {
            let values = settings.into_iter().map(|setting| (setting.name.to_owned(), (setting.text, setting.line)));
            SiteFile { values: values.collect(), config }
        }
        None => SiteFile { values: BTreeMap::new(), config: plain },
    }
}

/// What the file in a directory says, if it is one that the handler can use.
fn parsed(directory: &Path) -> Option<(Config, Vec<site_file::SiteSetting>)> {
    let path = directory.join(FILE);
    // Links that lead out of the tree, pipes and the like are not there for the handler.
    let bytes =
        is_file_within(&path, directory).then(|| bounded_file::read(&path, usize::try_from(LONGEST).ok()?).ok());
    site_file::parse(&bytes.flatten()?).ok()
}

/// What the options of a tree name and is not there, in words for whoever runs the server.
pub fn missing(served: &ServedTree, site: &SiteFile, guest: &[(String, String)]) -> Vec<String> {
    let ServedPath::Directory(directory) = &served.tree else { return Vec::new() };
    let place = |name: &str| match guest.iter().any(|(key, _)| *key == options::variable(name)) {
        true => Some(format!("--{name}")),
        false => site.values.get(name).map(|(_, line)| format!("{FILE}, line {line}, {name}")),
    };
    let usual = Config::default();
    let not_found = site.config.not_found.as_ref().filter(|page| Some(*page) != usual.not_found.as_ref());
    let pages = [("spa", site.config.spa.as_ref()), ("not-found", not_found)];
    let is_there = |page: &Target| is_file_within(&directory.join(page.path()), directory);
    let named = pages.into_iter().filter_map(|(name, page)| Some((place(name)?, page?)));
    let missing = named.filter(|(_, page)| !is_there(page)).map(|(place, page)| {
        format!(
            "{place}: there is no file '{}' in '{}'; until there is, it is not sent",
            page.path(),
            directory.display()
        )
    });
    missing.collect()
}

/// Whether a path is that of a regular file beneath a directory, links followed.
fn is_file_within(path: &Path, directory: &Path) -> bool {
    let is_within =
        matches!((path.canonicalize(), directory.canonicalize()), (Ok(path), Ok(above)) if path.starts_with(&above));
    is_within && fs::metadata(path).is_ok_and(|facts| facts.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_pages_are_reported() {
        let place = tempfile::tempdir().unwrap();
        let served = ServedTree { at: None, tree: ServedPath::Directory(place.path().to_owned()) };
        let guest = [("GLASSHOUSE_SPA".to_owned(), "x.html".to_owned())];
        let site = read(&served, &guest);
        assert!(site.values.is_empty());
        let told = missing(&served, &site, &guest);
        assert!(matches!(&told[..], [line] if line.starts_with("--spa: there is no file 'x.html'")), "{told:?}");
        fs::write(place.path().join("x.html"), "x").unwrap();
        assert!(missing(&served, &site, &guest).is_empty());

        fs::write(place.path().join(FILE), "\nnot-found = 'y.html'\n").unwrap();
        let site = read(&served, &[]);
        assert_eq!(site.values.get("not-found"), Some(&("y.html".to_owned(), 2)));
        let told = missing(&served, &site, &[]);
        assert!(matches!(&told[..], [line] if line.starts_with("glasshouse.toml, line 2, not-found: ")), "{told:?}");

        let ignored = [("GLASSHOUSE_NO_SITE_FILE".to_owned(), "1".to_owned())];
        assert!(read(&served, &ignored).values.is_empty());
        fs::write(place.path().join(FILE), "clean-url = true\n").unwrap();
        assert!(read(&served, &[]).values.is_empty());
    }
}
