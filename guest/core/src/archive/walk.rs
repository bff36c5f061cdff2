//! All that is below a folder, entry by entry, in the order in which it is archived. It refuses to know forms of archives.

use crate::date::Stamp;
use crate::dotfiles::Dotfiles;
use crate::listing::{is_shown, join, retain_shown};
use crate::reply::Refusal;
use crate::tree::{Bounds, Entry, EntryKind, Node, Tree, found};
use std::vec;

/// How deep folders may lie in each other.
const DEPTH: usize = 128;
/// How many entries there may be, links among them. The entries of a folder are in memory while it is walked through, for
/// they are sorted.
const ENTRIES: usize = 100_000;
/// How long all paths may be together, in bytes: a zip file has them again at its end, so they are in memory until then.
const PATHS: usize = 16 << 20;
/// How long one may be: what a field of a zip file can say, with the slash of a folder.
const PATH: usize = 0xFFFE;

/// A file or a folder on its way into an archive.
#[derive(Debug)]
pub struct Item<F> {
    /// Its path in the archive, without a slash at its end.
    pub path: String,
    /// When it was last changed; `None` where HTTP has no date for it.
    pub modified: Option<Stamp>,
    /// The open file and its size in bytes; `None` for a folder.
    pub file: Option<(F, u64)>,
}

impl<F> Item<F> {
    /// Its size in bytes; a folder has none.
    pub fn size(&self) -> u64 {
        self.file.as_ref().map_or(0, |(_, size)| *size)
    }
}

/// A walk, from its next step on.
#[derive(Debug)]
pub struct Walk {
    /// The folder in the tree, and what it is called in the archive.
    from: String,
    top: String,
    hidden: Dotfiles,
    levels: Vec<Level>,
    /// What may still be met.
    entries: usize,
    paths: usize,
    is_empty: bool,
}

/// A folder that the walk is in.
#[derive(Debug)]
struct Level {
    /// Relative to the folder that is walked through.
    path: String,
    rest: vec::IntoIter<Entry>,
}

impl Walk {
    /// A walk through the folder at `from`, which is called `top` in the archive.
    pub fn new(from: String, top: String, hidden: Dotfiles) -> Walk {
        Walk { from, top, hidden, levels: Vec::new(), entries: ENTRIES, paths: PATHS, is_empty: true }
    }

    /// Enters the folder.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if that cannot be done, [`Refusal::TooLarge`] if it is too much, [`Refusal::Fault`] where the
    /// machine fails.
    pub async fn begin<T: Tree>(&mut self, tree: &T) -> Result<(), Refusal> {
        if self.enter(tree, String::new()).await? { Ok(()) } else { Err(Refusal::NotListable) }
    }

    /// The next file or folder. The folder itself comes only, and last, if there is nothing in it: any path in an archive
    /// makes the folders above it, and nobody has told its time.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] for more than is kept track of, [`Refusal::Fault`] where the machine fails.
    pub async fn next<T: Tree>(&mut self, tree: &T) -> Result<Option<Item<T::File>>, Refusal> {
        while let Some(level) = self.levels.last_mut() {
            let Some(entry) = level.rest.next() else {
                self.levels.pop();
                continue;
            };
            let below = join(&level.path, &entry.name);
            let item = match entry.kind {
                EntryKind::Directory => {
                    // If it cannot be read, there is nothing of it to be had.
                    self.enter(tree, below.clone()).await?;
                    Item { path: self.archived(&below)?, modified: entry.modified, file: None }
                }
                EntryKind::File => match found(tree.open(&self.place(&below)).await)? {
                    Some(Node::File(file, facts)) => {
                        Item { path: self.archived(&below)?, modified: facts.modified, file: Some((file, facts.size)) }
                    }
                    Some(Node::Directory) | None => continue,
                },
                EntryKind::Link | EntryKind::LinkToDirectory => continue,
            };
            self.is_empty = false;
            return Ok(Some(item));
        }
        let top = Item { path: self.top.clone(), modified: None, file: None };
        Ok(Some(top).filter(|_| std::mem::take(&mut self.is_empty)))
    }

    /// Reads a folder, to go on with what is in it; `false` where it cannot be read.
    async fn enter<T: Tree>(&mut self, tree: &T, path: String) -> Result<bool, Refusal> {
        if self.levels.len() == DEPTH {
            return Err(Refusal::TooLarge);
        }
        let place = self.place(&path);
        let within = self.hidden.within(&place);
        let listed = tree.list(&place, |name| is_shown(&within, name), Bounds::kept(self.entries)).await;
        let Some(mut listed) = found(listed)? else { return Ok(false) };
        if listed.omitted > 0 {
            return Err(Refusal::TooLarge);
        }
        self.entries = self.entries.saturating_sub(listed.entries.len());
        retain_shown(tree, &within, &mut listed.entries).await?;
        listed.entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let folders = listed.entries.iter_mut().filter(|entry| entry.kind == EntryKind::Directory);
        tree.describe(&place, folders).await?;
        self.levels.push(Level { path, rest: listed.entries.into_iter() });
        Ok(true)
    }

    /// Where something below the folder lies in the tree.
    fn place(&self, below: &str) -> String {
        match (self.from.as_str(), below) {
            (from, "") => from.to_owned(),
            ("", below) => below.to_owned(),
            (from, below) => format!("{from}/{below}"),
        }
    }

    /// What it is called in the archive.
    fn archived(&mut self, below: &str) -> Result<String, Refusal> {
        let path = format!("{}/{below}", self.top);
        if path.len() > PATH {
            return Err(Refusal::TooLarge);
        }
        self.paths = self.paths.checked_sub(path.len()).ok_or(Refusal::TooLarge)?;
        Ok(path)
    }
}
