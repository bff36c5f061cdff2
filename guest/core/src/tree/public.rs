//! A tree as clients see it: without `glasshouse.toml`, under any name that leads to that file.
//!
//! The resolver rejects the name itself. This type covers symbolic links, hard links, and file systems that do not
//! distinguish `A` from `a`.

use crate::http::target::Name;
use crate::tree::{
    DirEntries, DirEntry, ListLimits, Metadata, OpenError, OpenedNode, Tree, TreeError, UnreadEntries, join, optional,
};
use std::cell::Cell;
use std::fmt;

/// The file with the options of the site, at the root of the tree. It is never served and never listed.
pub const SITE_FILE: &str = "glasshouse.toml";
/// The longest such file, in bytes.
pub const SITE_FILE_MAX: u64 = 64 << 10;

/// A tree without its site file.
#[derive(Debug)]
pub struct PublicTree<T> {
    tree: T,
    /// The metadata of the site file, as of the last [`PublicTree::hide_site_file`].
    site_file: Cell<Option<Metadata>>,
}

impl<T: Tree> PublicTree<T> {
    /// The whole tree, until [`PublicTree::hide_site_file`] is called.
    pub fn new(tree: T) -> PublicTree<T> {
        PublicTree { tree, site_file: Cell::default() }
    }

    /// The tree with the site file.
    pub fn inner(&self) -> &T {
        &self.tree
    }

    /// Reads the metadata of the site file, hides that file from now on, and returns the metadata.
    ///
    /// # Errors
    /// [`TreeError`] if the tree cannot report whether there is one.
    pub async fn hide_site_file(&self) -> Result<Option<Metadata>, TreeError> {
        let metadata = optional(self.tree.metadata(SITE_FILE).await)?;
        self.site_file.set(metadata);
        Ok(metadata)
    }

    /// Whether a file with this metadata could be the site file. An empty one has nothing to hide.
    fn may_be_site_file(&self, metadata: &Metadata) -> bool {
        metadata.size > 0 && self.site_file.get() == Some(*metadata)
    }

    /// Whether a file with the metadata of the site file has its content too. Clocks are coarse, so different files can
    /// share their metadata. A copy with the same bytes is hidden as well.
    async fn is_site_file(&self, file: &T::File) -> Result<bool, OpenError> {
        let site_file = match optional(self.tree.open(SITE_FILE).await)? {
            Some(OpenedNode::File(site_file, _)) => site_file,
            // The server cannot read it by its own name, so no other name may give access to it.
            Some(OpenedNode::Directory) | None => return Ok(true),
        };
        let content = self.tree.read(&site_file, 0, SITE_FILE_MAX).await?;
        Ok(content == self.tree.read(file, 0, SITE_FILE_MAX).await?)
    }
}

impl<T: Tree> Tree for PublicTree<T> {
    type File = T::File;

    async fn open(&self, path: &str) -> Result<OpenedNode<T::File>, OpenError> {
        match self.tree.open(path).await? {
            OpenedNode::File(file, metadata)
                if self.may_be_site_file(&metadata) && self.is_site_file(&file).await? =>
            {
                Err(OpenError::Absent)
            }
            node => Ok(node),
        }
    }

    async fn metadata(&self, path: &str) -> Result<Metadata, OpenError> {
        let metadata = self.tree.metadata(path).await?;
        if self.may_be_site_file(&metadata) {
            self.open(path).await?;
        }
        Ok(metadata)
    }

    async fn read(&self, file: &T::File, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        self.tree.read(file, offset, limit).await
    }

    async fn list(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        limits: ListLimits,
    ) -> Result<DirEntries, OpenError> {
        let mut listed = self.tree.list(path, wanted, limits).await?;
        self.remove_site_file(path, &mut listed).await?;
        Ok(listed)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn UnreadEntries>>), OpenError> {
        let (mut listed, rest) = self.tree.list_first(path, wanted, kept, ahead).await?;
        self.remove_site_file(path, &mut listed).await?;
        Ok((listed, rest))
    }

    /// A link to the site file stays as a link that leads nowhere. So does a link to a file with the same metadata:
    /// that costs only its size and time, while comparing the contents would cost more than a listing may.
    async fn stat_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.tree.stat_entries(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
        self.clear_site_file(path, entries).await
    }

    async fn probe_entries<'a>(
        &self,
        path: &str,
        entries: impl Iterator<Item = &'a mut DirEntry>,
    ) -> Result<(), TreeError> {
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.tree.probe_entries(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
        self.clear_site_file(path, entries).await
    }

    fn report(&self, message: &dyn fmt::Display) {
        self.tree.report(message);
    }
}

impl<T: Tree> PublicTree<T> {
    /// Removes the site file from the entries of the root, whatever the case of its name.
    async fn remove_site_file(&self, path: &str, listed: &mut DirEntries) -> Result<(), OpenError> {
        let is_similar = |entry: &DirEntry| path.is_empty() && entry.name.as_str().eq_ignore_ascii_case(SITE_FILE);
        let similar: Vec<Name> =
            listed.entries.iter().filter(|entry| is_similar(entry)).map(|entry| entry.name.clone()).collect();
        for name in similar {
            let metadata = optional(self.tree.metadata(name.as_str()).await)?;
            if metadata.is_some_and(|metadata| self.may_be_site_file(&metadata))
                && optional(self.open(name.as_str()).await)?.is_none()
            {
                listed.entries.retain(|entry| entry.name != name);
            }
        }
        Ok(())
    }

    /// Clears size and time of the entries that could lead to the site file.
    async fn clear_site_file(&self, path: &str, entries: Vec<&mut DirEntry>) -> Result<(), TreeError> {
        let Some(site_file) = self.site_file.get() else { return Ok(()) };
        for entry in entries {
            let is_similar = entry.size == Some(site_file.size) && entry.modified == site_file.modified;
            if is_similar
                && let Some(metadata) = optional(self.tree.metadata(&join(path, &entry.name)).await)?
                && self.may_be_site_file(&metadata)
            {
                (entry.size, entry.modified) = (None, None);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::at_once;
    use crate::http::date::HttpTime;
    use crate::tree::EntryKind;
    use crate::tree::memory::{MemoryNode, MemoryTree};
    use crate::tree::public::*;

    const RULES: &str = "no-listing = true\n";

    /// A tree with a site file, other names of it, and files that are similar to it.
    fn tree() -> PublicTree<MemoryTree> {
        let mut tree = MemoryTree::default();
        let mut put = |path: &str, text: &str, seconds| {
            tree.insert(path, MemoryNode::File(text.as_bytes().to_vec(), HttpTime::new(seconds, 0)));
        };
        put(SITE_FILE, RULES, 5);
        put("GlassHouse.TOML", RULES, 5);
        put("sub/glasshouse.toml", "no-listing = fals\n", 5);
        put("sub/later", RULES, 6);
        for (path, to) in [("lnk.toml", SITE_FILE), ("sub/lnk", "../glasshouse.toml"), ("index.html", "sub/lnk")] {
            tree.insert(path, MemoryNode::Link(to.to_owned()));
        }
        PublicTree::new(tree)
    }

    fn is_there(tree: &PublicTree<MemoryTree>, path: &str) -> bool {
        let (open, metadata) = (at_once(tree.open(path)), at_once(tree.metadata(path)));
        assert_eq!(matches!(open, Some(Ok(_))), matches!(metadata, Some(Ok(_))), "{path}");
        matches!(open, Some(Ok(_)))
    }

    #[test]
    fn no_name_leads_to_the_site_file() {
        let tree = tree();
        assert!(is_there(&tree, SITE_FILE) && is_there(&tree, "lnk.toml"), "nothing is hidden yet");
        assert!(matches!(at_once(tree.hide_site_file()), Some(Ok(Some(_)))));
        for path in [SITE_FILE, "GlassHouse.TOML", "lnk.toml", "sub/lnk", "index.html"] {
            assert!(!is_there(&tree, path), "{path}");
        }
        for path in ["sub/glasshouse.toml", "sub/later"] {
            assert!(is_there(&tree, path), "{path}");
        }
    }

    #[test]
    fn a_listing_does_not_show_it() {
        let tree = tree();
        assert!(matches!(at_once(tree.hide_site_file()), Some(Ok(Some(_)))));
        let listed = at_once(tree.list("", |_| true, ListLimits::keep(9)));
        let Some(Ok(mut listed)) = listed else { panic!("{listed:?}") };
        let names: Vec<_> = listed.entries.iter().map(|entry| entry.name.as_str().to_owned()).collect();
        assert_eq!(names, ["index.html", "lnk.toml", "sub"]);
        assert_eq!(at_once(tree.stat_entries("", listed.entries.iter_mut())), Some(Ok(())));
        for entry in listed.entries.iter().filter(|entry| entry.kind == EntryKind::Link) {
            assert_eq!((entry.size, entry.modified), (None, None), "{entry:?}");
        }
        let below = at_once(tree.list("sub", |_| true, ListLimits::keep(9)));
        let Some(Ok(mut below)) = below else { panic!("{below:?}") };
        assert_eq!(below.entries.len(), 3);
        assert_eq!(at_once(tree.stat_entries("sub", below.entries.iter_mut())), Some(Ok(())));
        let has_size: Vec<_> = below.entries.iter().map(|entry| entry.size.is_some()).collect();
        assert_eq!(has_size, [false, true, false], "{below:?}");
    }
}
