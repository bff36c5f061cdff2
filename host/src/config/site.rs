//! The file of each tree, read once at the start: so that an error in it is told before the first request, and what it says by
//! `--check`. The handler reads it again for itself.

use super::Served;
use glasshouse_core::date::Stamp;
use glasshouse_core::memory::{MemoryNode, MemoryTree};
use glasshouse_core::site::FILE;
use glasshouse_core::target::Target;
use glasshouse_core::{Config, Site, at_once, options};
use glasshouse_front::file;
use glasshouse_sandbox::Tree;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use toml::{Spanned, Value};

/// A file that is longer is refused by the handler, which says so.
const LONGEST: usize = 128 << 10;

/// The options of a tree.
#[derive(Debug)]
pub struct SiteFile {
    /// The text and the line of each option that the file sets; nothing where there is no file, or it has no say.
    pub values: BTreeMap<String, (String, usize)>,
    config: Config,
}

/// Reads the file of a tree, over which the variables `guest` win.
///
/// # Errors
/// What is wrong with it, in words for whoever runs the server.
pub fn read(served: &Served, guest: &[(String, String)]) -> Result<SiteFile, String> {
    let plain = Config::from_pairs(guest.iter().map(|(key, value)| (key, value))).unwrap_or_default();
    let Tree::Directory(directory) = &served.tree else {
        return Ok(SiteFile { values: BTreeMap::new(), config: plain });
    };
    let path = directory.join(FILE);
    // Links that lead out of the tree, pipes and the like are not there for the handler.
    let is_there = is_file_within(&path, directory);
    if !plain.site_file || !is_there {
        return Ok(SiteFile { values: BTreeMap::new(), config: plain });
    }
    let unusable = |reason: &str| {
        let place = path.display();
        format!("cannot use '{place}'{reason}; until it is corrected, every request below it is answered with 500")
    };
    let bytes = file::read(&path, LONGEST).map_err(|reason| unusable(&format!(": {reason}")))?;
    let values = String::from_utf8(bytes.clone()).map(|text| values(&text)).unwrap_or_default();
    let config = judged(bytes, guest).map_err(|error| unusable(error.strip_prefix(FILE).unwrap_or(&error)))?;
    Ok(SiteFile { values, config })
}

/// The options with those of the file, as the handler reads it.
fn judged(bytes: Vec<u8>, guest: &[(String, String)]) -> Result<Config, String> {
    let mut tree = MemoryTree::default();
    tree.insert(FILE, MemoryNode::File(bytes, Stamp::new(0, 0)));
    let site = Site::new(guest.iter().cloned()).map_err(|error| error.to_string())?;
    let mut heard = None;
    let config = at_once(site.config(&tree, |error| heard = Some(error.to_string())));
    match (config.flatten(), heard) {
        (Some(config), None) => Ok((*config).clone()),
        (_, error) => Err(error.unwrap_or_else(|| "it cannot be read".to_owned())),
    }
}

/// The text and the line of each option, in a file that is known to make sense.
fn values(text: &str) -> BTreeMap<String, (String, usize)> {
    let table: BTreeMap<String, Spanned<Value>> = toml::from_str(text).unwrap_or_default();
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    table.into_iter().map(|(name, value)| (name, (written(value.get_ref()), line(value.span().start)))).collect()
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(written).collect::<Vec<_>>().join("\n"),
        _ => value.to_string(),
    }
}

/// What the options of a tree name and is not there, in words for whoever runs the server.
pub fn missing(served: &Served, site: &SiteFile, guest: &[(String, String)]) -> Vec<String> {
    let Tree::Directory(directory) = &served.tree else { return Vec::new() };
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
    fn errors_and_missing_pages_are_told() {
        let place = tempfile::tempdir().unwrap();
        let served = Served { at: None, tree: Tree::Directory(place.path().to_owned()) };
        let guest = [("GLASSHOUSE_SPA".to_owned(), "x.html".to_owned())];
        let site = read(&served, &guest).unwrap();
        assert!(site.values.is_empty());
        let told = missing(&served, &site, &guest);
        assert!(matches!(&told[..], [line] if line.starts_with("--spa: there is no file 'x.html'")), "{told:?}");
        fs::write(place.path().join("x.html"), "x").unwrap();
        assert!(missing(&served, &site, &guest).is_empty());

        fs::write(place.path().join(FILE), "\nnot-found = 'y.html'\n").unwrap();
        let site = read(&served, &[]).unwrap();
        assert_eq!(site.values.get("not-found"), Some(&("y.html".to_owned(), 2)));
        let told = missing(&served, &site, &[]);
        assert!(matches!(&told[..], [line] if line.starts_with("glasshouse.toml, line 2, not-found: ")), "{told:?}");

        fs::write(place.path().join(FILE), "clean-url = true\n").unwrap();
        let error = read(&served, &[]).unwrap_err();
        assert!(error.contains("glasshouse.toml'") && error.contains("clean-url") && error.ends_with("500"), "{error}");
        let ignored = [("GLASSHOUSE_NO_SITE_FILE".to_owned(), "1".to_owned())];
        assert!(read(&served, &ignored).is_ok());
    }
}
