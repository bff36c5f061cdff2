//! No import cycle exists between the files of a crate.

use super::{root, sources};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::{Attribute, Item, UseTree};

/// The path of a module, such as `["http", "range"]`; the crate's root is empty.
type Module = Vec<String>;

/// What each file of a crate names of the other files.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_crate_has_an_import_cycle() {
    let cycles: Vec<_> = crates()
        .iter()
        .flat_map(|(name, imports)| {
            cycles(imports).into_iter().map(move |cycle| format!("{name}: {}", cycle.join(" ")))
        })
        .collect();
    assert!(cycles.is_empty(), "import cycles: {cycles:#?}");
}

#[test]
fn a_cycle_is_found() {
    let file = |text: &str| syn::parse_file(text).expect("the source is Rust");
    let a = paths(
        &["a".into()],
        &file("use crate::{b::Thing, c}; fn f() { super::d::g() } #[cfg(test)] mod tests { use crate::e; }"),
    );
    let named: Vec<_> = a.iter().map(|path| path.join("::")).collect();
    assert_eq!(named, ["b::Thing", "c", "d::g"]);
    let module = |name: &str| vec![name.to_owned()];
    let two = Imports::from([(module("a"), [module("b")].into()), (module("b"), [module("a")].into())]);
    assert_eq!(cycles(&two), [["a", "b"]]);
    let line = Imports::from([(module("a"), [module("b")].into()), (module("b"), BTreeSet::new())]);
    assert!(cycles(&line).is_empty());
}

/// The imports of each crate of the guest and the host, by its directory.
fn crates() -> BTreeMap<String, Imports> {
    let root = root();
    let mut files: BTreeMap<String, BTreeMap<Module, syn::File>> = BTreeMap::new();
    for (path, text) in sources() {
        let path = path.strip_prefix(&root).unwrap_or(&path);
        let Some((directory, module)) = module(path) else { continue };
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        files.entry(directory).or_default().insert(module, file);
    }
    assert!(files.contains_key("guest/core") && files.contains_key("host"), "{:?}", files.keys());
    let imports = |files: BTreeMap<Module, syn::File>| {
        let known: BTreeSet<_> = files.keys().cloned().collect();
        let of = |(module, file): (Module, syn::File)| {
            let named = paths(&module, &file).into_iter().filter_map(|path| owner(&known, path));
            // A module and the files in its folder are one: the parent declares them and gives them its types.
            let named = named.filter(|other| !other.starts_with(&module) && !module.starts_with(other)).collect();
            (module, named)
        };
        files.into_iter().map(of).collect()
    };
    files.into_iter().map(|(directory, files)| (directory, imports(files))).collect()
}

/// The directory of the crate of a source, and the module that the source is.
fn module(path: &Path) -> Option<(String, Module)> {
    let path = path.with_extension("");
    let (directory, file) = path.to_str()?.split_once("/src/")?;
    let is_ours = directory.starts_with("guest/") || directory == "host" || directory.starts_with("host/");
    let module: Module =
        file.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).map(str::to_owned).collect();
    (is_ours && module.last().is_none_or(|name| name != "tests")).then(|| (directory.to_owned(), module))
}

/// The file that holds what a path names.
fn owner(known: &BTreeSet<Module>, path: Module) -> Option<Module> {
    (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|module| known.contains(module))
}

/// The paths into its own crate that a file names, outside of its tests.
fn paths(module: &[String], file: &syn::File) -> Vec<Module> {
    let mut found = Vec::new();
    for item in file.items.iter().filter(|item| !is_test(item)) {
        match item {
            Item::Use(item) => leaves(&item.tree, &mut Vec::new(), &mut found),
            item => qualified(item.to_token_stream(), &mut found),
        }
    }
    found.into_iter().filter_map(|path| absolute(module, path)).collect()
}

fn is_test(item: &Item) -> bool {
    let is_test = |attributes: &[Attribute]| {
        attributes.iter().any(|attribute| attribute.to_token_stream().to_string().replace(' ', "") == "#[cfg(test)]")
    };
    match item {
        Item::Mod(item) => is_test(&item.attrs),
        Item::Use(item) => is_test(&item.attrs),
        Item::Fn(item) => is_test(&item.attrs),
        Item::Impl(item) => is_test(&item.attrs),
        _ => false,
    }
}

fn leaves(tree: &UseTree, prefix: &mut Module, found: &mut Vec<Module>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            leaves(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) => found.push([prefix.as_slice(), &[name.ident.to_string()]].concat()),
        UseTree::Rename(name) => found.push([prefix.as_slice(), &[name.ident.to_string()]].concat()),
        UseTree::Glob(_) => found.push(prefix.clone()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix, found)),
    }
}

/// The paths that begin with `crate` or `super`, in an item and in the macros that it calls.
fn qualified(tokens: TokenStream, found: &mut Vec<Module>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    for (start, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => qualified(group.stream(), found),
            TokenTree::Ident(ident) if *ident == "crate" || *ident == "super" => {
                let (mut path, mut at) = (vec![ident.to_string()], start + 1);
                while let (true, true, Some(TokenTree::Ident(next))) =
                    (is_colon(at), is_colon(at + 1), tokens.get(at + 2))
                {
                    path.push(next.to_string());
                    at += 3;
                }
                found.push(path);
            }
            _ => {}
        }
    }
}

/// A path from the root of the crate. `None`: a path into another crate.
fn absolute(module: &[String], path: Module) -> Option<Module> {
    let mut rest = path.iter().peekable();
    let mut base = match rest.next()?.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    while rest.next_if(|part| *part == "super").is_some() {
        base.pop();
    }
    base.extend(rest.cloned());
    Some(base)
}

/// Sets of files that import each other, directly or through others.
fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let reachable = |from: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = open.pop() {
            for next in imports.get(&module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = imports.keys().map(|module| (module, reachable(module))).collect();
    let cycles: BTreeSet<Vec<String>> = (reached.iter().filter(|(module, reached)| reached.contains(**module)))
        .map(|(module, reached_from)| {
            let is_back = |other: &&Module| reached.get(*other).is_some_and(|back| back.contains(*module));
            reached_from.iter().filter(is_back).map(|module| module.join("::")).collect()
        })
        .collect();
    cycles.into_iter().collect()
}
