//! Walks through a tree: counts its directories, and finds symbolic links and what changed since some time.

#[cfg_attr(not(unix), path = "walk/links_and_times_portable.rs")]
mod links_and_times;

use links_and_times::{changed, read_link};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// The most directories that the kernel watches. With more, the trees are polled.
pub const MAX_DIRECTORIES: usize = 8_192;
/// The most symbolic links that are followed.
const MAX_LINKS: usize = 1_024;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeShape {
    File,
    Directory,
    /// It is gone, or a symbolic link.
    Unknown,
}

/// A symbolic link in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SymbolicLink {
    pub(crate) from: PathBuf,
    /// The target, if the names in it lead through no other link.
    pub(crate) to: PathBuf,
}

/// The result of a walk.
#[derive(Debug, Default)]
pub(crate) struct DirectoryWalk {
    pub(crate) directories: usize,
    pub(crate) links: Vec<SymbolicLink>,
    /// What changed, and directories whose entries did.
    pub(crate) changed: Vec<(PathBuf, NodeShape)>,
}

impl DirectoryWalk {
    /// Adds a tree, or the only file of one. Stops after `MAX_DIRECTORIES`. Without `since` it reads no metadata of
    /// files.
    pub(crate) fn add(&mut self, root: &Path, since: Option<SystemTime>) {
        let mut directories = vec![root.to_owned()];
        if !root.is_dir() {
            self.inspect(root, NodeShape::File, since);
            return;
        }
        while let Some(directory) = directories.pop() {
            self.directories = self.directories.saturating_add(1);
            if self.directories > MAX_DIRECTORIES {
                return;
            }
            self.inspect(&directory, NodeShape::Directory, since);
            // What cannot be listed is not served, or only by its name.
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            for entry in entries {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => directories.push(path),
                    Ok(kind) if kind.is_symlink() => {
                        self.inspect(&path, NodeShape::Unknown, since);
                        self.links.extend(link_at(&path).filter(|_| self.links.len() < MAX_LINKS));
                    }
                    Ok(_) => self.inspect(&path, NodeShape::File, since),
                    Err(_) => {}
                }
            }
        }
    }

    fn inspect(&mut self, path: &Path, shape: NodeShape, since: Option<SystemTime>) {
        let Some(since) = since else { return };
        if fs::symlink_metadata(path).ok().and_then(|metadata| changed(&metadata)).is_some_and(|time| time >= since) {
            self.changed.push((path.to_owned(), shape));
        }
    }
}

/// The symbolic link at a path.
pub(crate) fn link_at(path: &Path) -> Option<SymbolicLink> {
    let target = read_link(path).ok()?;
    let mut to = PathBuf::new();
    for component in path.parent()?.join(target).components() {
        match component {
            Component::ParentDir => drop(to.pop()),
            Component::CurDir => {}
            other => to.push(other),
        }
    }
    Some(SymbolicLink { from: path.to_owned(), to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    #[test]
    fn a_walk_finds_links_and_changes() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path();
        fs::create_dir_all(root.join("a/b")).expect("directories");
        fs::write(root.join("a/file"), "x").expect("a file");
        symlink("../a/./file", root.join("a/link")).expect("a link");
        symlink("link", root.join("a/link")).expect_err("it exists");

        let mut walk = DirectoryWalk::default();
        walk.add(root, None);
        assert_eq!((walk.directories, walk.changed.len()), (3, 0));
        assert_eq!(walk.links, [SymbolicLink { from: root.join("a/link"), to: root.join("a/file") }]);

        let changed = fs::metadata(root.join("a/file")).ok().and_then(|metadata| super::changed(&metadata));
        let changed = changed.expect("a time");
        for (since, number) in [(SystemTime::UNIX_EPOCH, 5), (changed + Duration::from_secs(3600), 0)] {
            let mut walk = DirectoryWalk::default();
            walk.add(root, Some(since));
            assert_eq!(walk.changed.len(), number, "{:?}", walk.changed);
        }
        let mut walk = DirectoryWalk::default();
        walk.add(&root.join("a/file"), Some(changed));
        assert_eq!(walk.changed, [(root.join("a/file"), NodeShape::File)]);
    }
}
