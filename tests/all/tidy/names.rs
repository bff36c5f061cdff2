//! A name of a type means one thing in the whole workspace.

use super::{root, sources};
use std::collections::{BTreeMap, BTreeSet};
use syn::Item;

/// Names that several crates have on purpose, with the reason.
const SHARED: &[(&str, &str)] = &[
    ("Handler", "each component exports one; wit-bindgen expects a type per component"),
    ("PreopenedTree", "the tree over the preopen, once for each WASI version"),
];

#[test]
fn a_type_name_has_one_meaning() {
    let root = root();
    let mut defined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        let path = path.strip_prefix(&root).unwrap_or(&path);
        let is_shipped = ["guest", "host"].iter().any(|directory| path.starts_with(directory))
            && path.iter().any(|part| part == "src")
            && !path.ends_with("tests.rs")
            // They stand for what a build or a system does not have.
            && !["unavailable.rs", "portable.rs"].iter().any(|end| path.to_string_lossy().ends_with(end));
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for name in file.items.iter().filter(|_| is_shipped).filter_map(type_name) {
            defined.entry(name).or_default().insert(path.display().to_string());
        }
    }
    assert!(defined.contains_key("Target"), "no type was found");
    let is_shared = |name: &str| SHARED.iter().any(|(shared, _)| *shared == name);
    let wrong: Vec<_> = defined.iter().filter(|(name, files)| files.len() > 1 && !is_shared(name)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The name of the type or trait that an item defines.
fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        _ => None,
    }
    .map(ToString::to_string)
}
