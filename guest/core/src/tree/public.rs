//! A tree as clients may see it: without the file in which the site has its say, whatever name leads there. The name itself is kept
//! back where paths are read; this is about links, hard links, and file systems that take `A` and `a` for the same letter. It refuses
//! to know what that file says.

use crate::http::target::Name;
use crate::tree::{Bounds, DirEntries, DirEntry, Metadata, Node, OpenError, Tree, TreeError, Unread, found, join};
use std::cell::Cell;
use std::fmt;

/// The file at the root of the tree in which a site has its say. It is never served and never listed.
pub const SITE_FILE: &str = "glasshouse.toml";
/// The longest such file in bytes.
pub const SITE_FILE_MAX: u64 = 64 << 10;

/// A tree without the file of its site.
#[derive(Debug)]
pub struct PublicTree<T> {
    tree: T,
    /// What the file is, as far as it was looked at.
    site: Cell<Option<Metadata>>,
}

impl<T: Tree> PublicTree<T> {
    /// The whole tree, until [`PublicTree::keep_back`] is called.
    pub fn new(tree: T) -> PublicTree<T> {
        PublicTree { tree, site: Cell::default() }
    }

    /// The tree with the file in it.
    pub fn whole(&self) -> &T {
        &self.tree
    }

    /// Looks at the file of the site, so that it is kept back from now on, and returns what it is.
    ///
    /// # Errors
    /// [`TreeError`], where nobody knows.
    pub async fn keep_back(&self) -> Result<Option<Metadata>, TreeError> {
        let facts = found(self.tree.facts(SITE_FILE).await)?;
        self.site.set(facts);
        Ok(facts)
    }

    /// Whether a file could be that one. An empty file tells nothing that would have to be kept back.
    fn may_be_site(&self, facts: &Metadata) -> bool {
        facts.size > 0 && self.site.get() == Some(*facts)
    }

    /// Whether a file that could be that one is. Different files can have the same facts, for clocks are coarse; but what is the same
    /// to the byte must not be sent either.
    async fn is_site(&self, file: &T::File) -> Result<bool, OpenError> {
        let site = match found(self.tree.open(SITE_FILE).await)? {
            Some(Node::File(site, _)) => site,
            // Whoever may not read it by its own name gets it by no other.
            Some(Node::Directory) | None => return Ok(true),
        };
        let (one, other) = (self.tree.read(&site, 0, SITE_FILE_MAX).await?, self.tree.read(file, 0, SITE_FILE_MAX).await?);
        Ok(one == other)
    }
}

impl<T: Tree> Tree for PublicTree<T> {
    type File = T::File;

    async fn open(&self, path: &str) -> Result<Node<T::File>, OpenError> {
        match self.tree.open(path).await? {
            Node::File(file, facts) if self.may_be_site(&facts) && self.is_site(&file).await? => Err(OpenError::Absent),
            node => Ok(node),
        }
    }

    async fn facts(&self, path: &str) -> Result<Metadata, OpenError> {
        let facts = self.tree.facts(path).await?;
        if self.may_be_site(&facts) {
            self.open(path).await?;
        }
        Ok(facts)
    }

    async fn read(&self, file: &T::File, offset: u64, limit: u64) -> Result<Vec<u8>, OpenError> {
        self.tree.read(file, offset, limit).await
    }

    async fn list(&self, path: &str, wanted: impl Fn(&Name) -> bool, bounds: Bounds) -> Result<DirEntries, OpenError> {
        let mut listed = self.tree.list(path, wanted, bounds).await?;
        self.leave_out(path, &mut listed).await?;
        Ok(listed)
    }

    async fn list_first(
        &self,
        path: &str,
        wanted: impl Fn(&Name) -> bool,
        kept: usize,
        ahead: usize,
    ) -> Result<(DirEntries, Option<Box<dyn Unread>>), OpenError> {
        let (mut listed, rest) = self.tree.list_first(path, wanted, kept, ahead).await?;
        self.leave_out(path, &mut listed).await?;
        Ok((listed, rest))
    }

    /// What leads to the file of the site stays as an entry that leads nowhere. What merely looks like it does too: it costs no more
    /// than a size and a time, and reading it would cost more than a listing may.
    async fn describe<'a>(&self, path: &str, entries: impl Iterator<Item = &'a mut DirEntry>) -> Result<(), TreeError> {
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.tree.describe(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
        self.leave_undescribed(path, entries).await
    }

    async fn probe<'a>(&self, path: &str, entries: impl Iterator<Item = &'a mut DirEntry>) -> Result<(), TreeError> {
        let mut entries: Vec<&mut DirEntry> = entries.collect();
        self.tree.probe(path, entries.iter_mut().map(|entry| &mut **entry)).await?;
        self.leave_undescribed(path, entries).await
    }

    fn complain(&self, reason: &dyn fmt::Display) {
        self.tree.complain(reason);
    }
}

impl<T: Tree> PublicTree<T> {
    /// Removes the file of the site from the entries of the root, in whatever case the file system has its name.
    async fn leave_out(&self, path: &str, listed: &mut DirEntries) -> Result<(), OpenError> {
        let is_like = |entry: &DirEntry| path.is_empty() && entry.name.as_str().eq_ignore_ascii_case(SITE_FILE);
        let alike: Vec<Name> =
            listed.entries.iter().filter(|entry| is_like(entry)).map(|entry| entry.name.clone()).collect();
        for name in alike {
            let facts = found(self.tree.facts(name.as_str()).await)?;
            if facts.is_some_and(|facts| self.may_be_site(&facts)) && found(self.open(name.as_str()).await)?.is_none() {
                listed.entries.retain(|entry| entry.name != name);
            }
        }
        Ok(())
    }

    async fn leave_undescribed(&self, path: &str, entries: Vec<&mut DirEntry>) -> Result<(), TreeError> {
        let Some(site) = self.site.get() else { return Ok(()) };
        for entry in entries {
            let is_alike = entry.size == Some(site.size) && entry.modified == site.modified;
            if is_alike
                && let Some(facts) = found(self.tree.facts(&join(path, &entry.name)).await)?
                && self.may_be_site(&facts)
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

    /// A tree with the file of a site, other names of it, and files that are like it.
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
        let (open, facts) = (at_once(tree.open(path)), at_once(tree.facts(path)));
        assert_eq!(matches!(open, Some(Ok(_))), matches!(facts, Some(Ok(_))), "{path}");
        matches!(open, Some(Ok(_)))
    }

    #[test]
    fn no_name_leads_to_the_file_of_the_site() {
        let tree = tree();
        assert!(is_there(&tree, SITE_FILE) && is_there(&tree, "lnk.toml"), "nothing is kept back yet");
        assert!(matches!(at_once(tree.keep_back()), Some(Ok(Some(_)))));
        for path in [SITE_FILE, "GlassHouse.TOML", "lnk.toml", "sub/lnk", "index.html"] {
            assert!(!is_there(&tree, path), "{path}");
        }
        for path in ["sub/glasshouse.toml", "sub/later"] {
            assert!(is_there(&tree, path), "{path}");
        }
    }

    #[test]
    fn a_listing_does_not_tell_of_it() {
        let tree = tree();
        assert!(matches!(at_once(tree.keep_back()), Some(Ok(Some(_)))));
        let listed = at_once(tree.list("", |_| true, Bounds::kept(9)));
        let Some(Ok(mut listed)) = listed else { panic!("{listed:?}") };
        let names: Vec<_> = listed.entries.iter().map(|entry| entry.name.as_str().to_owned()).collect();
        assert_eq!(names, ["index.html", "lnk.toml", "sub"]);
        assert_eq!(at_once(tree.describe("", listed.entries.iter_mut())), Some(Ok(())));
        for entry in listed.entries.iter().filter(|entry| entry.kind == EntryKind::Link) {
            assert_eq!((entry.size, entry.modified), (None, None), "{entry:?}");
        }
        let below = at_once(tree.list("sub", |_| true, Bounds::kept(9)));
        let Some(Ok(mut below)) = below else { panic!("{below:?}") };
        assert_eq!(below.entries.len(), 3);
        assert_eq!(at_once(tree.describe("sub", below.entries.iter_mut())), Some(Ok(())));
        let told: Vec<_> = below.entries.iter().map(|entry| entry.size.is_some()).collect();
        assert_eq!(told, [false, true, false], "{below:?}");
    }
}
