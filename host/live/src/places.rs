//! Converts events of the file system to changes at URL paths.

use crate::change::Change;
use crate::walk::{NodeShape, SymbolicLink, link_at};
use glasshouse_core::http::accept::Coding;
use glasshouse_core::http::target::is_dotfile;
use glasshouse_core::tree::public::SITE_FILE;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf, absolute};

/// A served tree.
#[derive(Clone, Debug)]
pub struct WatchedTree {
    /// The path at which it is served, not percent-encoded. Empty for the root.
    pub url_path: String,
    /// The directory, or the only file.
    pub directory: PathBuf,
    /// Whether some of its dotfiles are served. The others never change a page.
    pub hidden: bool,
}

impl WatchedTree {
    /// The same tree with an absolute path, and without slashes around the path of its URL.
    ///
    /// # Errors
    /// The path is empty, or the working directory is not available.
    pub(crate) fn absolute(mut self) -> io::Result<WatchedTree> {
        self.directory = absolute(&self.directory)?;
        let names = self.url_path.split('/').filter(|name| !name.is_empty());
        self.url_path = names.fold(String::new(), |path, name| path + "/" + name);
        Ok(self)
    }

    /// The URL path of a file. `None` if the tree does not contain it, or no request can name it.
    fn url(&self, path: &Path, shape: NodeShape) -> Option<String> {
        let below = path.strip_prefix(&self.directory).ok()?;
        let mut url = self.url_path.clone();
        if below.as_os_str().is_empty() && shape != NodeShape::Directory {
            // The only file of the tree.
            url.push('/');
            url.push_str(path.file_name()?.to_str()?);
        }
        for component in below.components() {
            let Component::Normal(name) = component else { return None };
            let name = name.to_str()?;
            if is_dotfile(name) && !self.hidden {
                return None;
            }
            url.push('/');
            url.push_str(name);
        }
        Some(url)
    }
}

/// The served trees and the symbolic links in them.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) trees: Vec<WatchedTree>,
    pub(crate) links: Vec<SymbolicLink>,
}

impl Places {
    /// The changes that an event means.
    pub(crate) fn changes(&mut self, event: &Event) -> Vec<Change> {
        if event.need_rescan() {
            return vec![Change::of_directory("/".to_owned())];
        }
        let mut changes = Vec::new();
        for path in &event.paths {
            let Some(shape) = shape(event.kind, path) else { continue };
            if shape == NodeShape::Unknown {
                self.update_link(path);
            }
            self.add(path, shape, &mut changes);
        }
        changes
    }

    /// Adds the changes of what is at `path`, by each name that leads to it.
    pub(crate) fn add(&self, path: &Path, shape: NodeShape, to: &mut Vec<Change>) {
        let through_links = self.links.iter().filter_map(|SymbolicLink { from, to }| {
            let below = path.strip_prefix(to).ok()?;
            Some(if below.as_os_str().is_empty() { from.clone() } else { from.join(below) })
        });
        for path in [path.to_owned()].into_iter().chain(through_links) {
            for url in self.trees.iter().filter_map(|tree| tree.url(&path, shape)) {
                add_url(url, shape, to);
            }
        }
    }

    fn update_link(&mut self, path: &Path) {
        self.links.retain(|link| link.from != path);
        self.links.extend(link_at(path));
    }
}

fn add_url(url: String, shape: NodeShape, to: &mut Vec<Change>) {
    // The options of a tree affect each of its pages.
    if let Some(tree) = url.strip_suffix(SITE_FILE).filter(|tree| tree.ends_with('/')) {
        to.push(Change::of_directory(tree.to_owned()));
    }
    if shape != NodeShape::File {
        to.push(Change::of_directory(url.clone()));
    }
    if shape != NodeShape::Directory {
        // Files that are sent in place of the file without their suffix.
        let original = Coding::ALL.iter().find_map(|coding| url.strip_suffix(coding.suffix())?.strip_suffix('.'));
        to.extend(original.map(|original| Change::of_file(original.to_owned())));
        to.push(Change::of_file(url));
    }
}

/// Whether an event can change a page. Each response opens and closes a file, which is such an event too.
pub(crate) fn is_change(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        // The halves of a rename have events too.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => false,
        _ => true,
    }
}

/// What an event is about. `None` if nothing changed: the entries of a directory have events of their own.
fn shape(kind: EventKind, path: &Path) -> Option<NodeShape> {
    match kind {
        EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) => Some(NodeShape::Directory),
        EventKind::Remove(RemoveKind::File) | EventKind::Access(_) => Some(NodeShape::File),
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            Some(shape_at(path)).filter(|shape| *shape != NodeShape::Directory)
        }
        _ => Some(shape_at(path)),
    }
}

fn shape_at(path: &Path) -> NodeShape {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => NodeShape::Directory,
        Ok(metadata) if metadata.is_file() => NodeShape::File,
        _ => NodeShape::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(url_path: &str, directory: &str) -> WatchedTree {
        let tree = WatchedTree { url_path: url_path.to_owned(), directory: directory.into(), hidden: false };
        tree.absolute().expect("an absolute path")
    }

    fn changes(places: &Places, path: &str, shape: NodeShape) -> Vec<Change> {
        let mut changes = Vec::new();
        places.add(Path::new(path), shape, &mut changes);
        changes
    }

    fn file(path: &str) -> Change {
        Change::of_file(path.to_owned())
    }

    fn directory(path: &str) -> Change {
        Change::of_directory(path.to_owned())
    }

    #[test]
    fn a_change_has_each_url_of_its_file() {
        let links = vec![
            SymbolicLink { from: "/srv/new".into(), to: "/srv/v2".into() },
            SymbolicLink { from: "/srv/a.html".into(), to: "/srv/b.html".into() },
        ];
        let places = Places { trees: vec![tree("", "/srv"), tree("a b/docs/", "/srv/v2/docs")], links };
        for (path, expected) in [
            ("/srv/x.css", vec![file("/x.css")]),
            ("/srv/b.html", vec![file("/b.html"), file("/a.html")]),
            ("/srv/v2/x", vec![file("/v2/x"), file("/new/x")]),
            ("/srv/v2/docs/é", vec![file("/v2/docs/é"), file("/a b/docs/é"), file("/new/docs/é")]),
            ("/srv/a.js.gz", vec![file("/a.js"), file("/a.js.gz")]),
            ("/srv/.git/index", vec![]),
            ("/srv/.well-known/a", vec![file("/.well-known/a")]),
            ("/srv/glasshouse.toml", vec![directory("/"), file("/glasshouse.toml")]),
            ("/other", vec![]),
        ] {
            assert_eq!(changes(&places, path, NodeShape::File), expected, "{path}");
        }
        assert_eq!(changes(&places, "/srv/d", NodeShape::Directory), [directory("/d")]);
        assert_eq!(changes(&places, "/srv/d", NodeShape::Unknown), [directory("/d"), file("/d")]);
        assert_eq!(changes(&places, "/srv", NodeShape::Directory), [directory("/")]);
    }

    #[test]
    fn dotfiles_count_where_they_are_served() {
        let places = Places { trees: vec![WatchedTree { hidden: true, ..tree("", "/srv") }], links: Vec::new() };
        assert_eq!(changes(&places, "/srv/.a/b", NodeShape::File), [file("/.a/b")]);
    }
}
