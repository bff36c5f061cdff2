//! From a path to what lies there. The only step that looks at the tree; it refuses to know conditions, ranges and
//! fields.

use crate::config::Config;
use crate::reply::Refusal;
use crate::target::{Name, Target};
use crate::tree::{Entry, Facts, Node, Tree};

/// What a target leads to.
#[derive(Debug)]
pub enum Found<F> {
    /// A regular file, held open; the name tells its media type.
    File { file: F, facts: Facts, name: Name },
    /// A directory without an index.
    Listing(Vec<Entry>),
    /// A directory whose path lacks the slash at its end.
    Slashless,
    /// Nothing that may be served.
    Refused(Refusal),
}

/// Looks for the target: the file, the index of the directory (S33), or else its entries.
pub async fn find<T: Tree>(target: &Target, tree: &T, config: &Config) -> Found<T::File> {
    if target.is_hidden() && !config.shows_hidden() {
        return Found::Refused(Refusal::NotFound);
    }
    let path = target.path();
    match (tree.open(&path).await, target.names().last(), target.is_directory()) {
        (Ok(Node::File(file, facts)), Some(name), false) => Found::File { file, facts, name: name.clone() },
        // S23: a file is no directory, so a path with a slash at its end does not name it.
        (Ok(Node::File(..)) | Err(_), _, _) => Found::Refused(Refusal::NotFound),
        (Ok(Node::Directory), _, false) => Found::Slashless,
        (Ok(Node::Directory), _, true) => in_directory(&path, tree, config).await,
    }
}

async fn in_directory<T: Tree>(path: &str, tree: &T, config: &Config) -> Found<T::File> {
    for name in config.index() {
        let index = match path {
            "" => name.as_str().to_owned(),
            _ => format!("{path}/{}", name.as_str()),
        };
        if let Ok(Node::File(file, facts)) = tree.open(&index).await {
            return Found::File { file, facts, name: name.clone() };
        }
    }
    match tree.list(path).await {
        Ok(mut entries) => {
            entries.retain(|entry| config.shows_hidden() || !entry.name.is_hidden());
            Found::Listing(entries)
        }
        Err(_) => Found::Refused(Refusal::NotListable),
    }
}
