//! All that is below a folder, entry by entry, in the order in which it is archived. It refuses to know forms of archives.

use crate::archive::left_out;
use crate::archive::left_out::LeftOutReason;
use crate::http::date::HttpTime;
use crate::http::target::Name;
use crate::listing::{is_shown, retain_shown};
use crate::http::refusal::Refusal;
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{DirEntry, EntryKind, Tree, Unread, found, join};
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

/// How many of them may be folders, each of which is opened and read before there is an answer.
const FOLDERS: usize = 20_000;
/// Files that a plan opens, to know that they can be had. In a folder with more it goes by what it sees of them.
const OPENED: usize = 40_000;

/// A file or a folder on its way into an archive.
#[derive(Debug)]
pub struct WalkItem<F> {
    /// Its path in the archive, without a slash at its end.
    pub path: String,
    /// When it was last changed; `None` where HTTP has no date for it.
    pub modified: Option<HttpTime>,
    /// The file and its size in bytes, which only a plan knows before it is opened; `None` for a folder.
    pub file: Option<(F, u64)>,
}

impl<F> WalkItem<F> {
    /// Its size in bytes; a folder has none.
    pub fn size(&self) -> u64 {
        self.file.as_ref().map_or(0, |(_, size)| *size)
    }
}

/// A step of a walk.
#[derive(Debug)]
pub enum WalkStep {
    /// A folder, or a file that lies at this path in the tree.
    Item(WalkItem<String>),
    /// Something that is not in the archive.
    LeftOut { path: String, why: LeftOutReason },
}

/// A walk, from its next step on.
#[derive(Debug)]
pub struct Walk {
    /// The folder in the tree, and what it is called in the archive.
    from: String,
    top: String,
    hidden: Dotfiles,
    levels: Vec<WalkLevel>,
    /// What may still be met.
    entries: usize,
    folders: usize,
    paths: usize,
    /// Files that may still be opened, if this is for a plan. Whoever opens each file need not be told its size.
    opened: Option<usize>,
    /// Whether all files were opened until now.
    is_exact: bool,
    is_empty: bool,
    /// A folder that could not be listed.
    unlisted: Option<String>,
    /// Names in the folder that the note must not take.
    names_like_the_note: Vec<Name>,
}

/// A folder that the walk is in.
#[derive(Debug)]
struct WalkLevel {
    /// Relative to the folder that is walked through.
    path: String,
    rest: vec::IntoIter<DirEntry>,
}

impl Walk {
    /// A walk through the folder at `from`, which is called `top` in the archive.
    pub fn new(from: String, top: String, hidden: Dotfiles) -> Walk {
        Walk {
            from,
            top,
            hidden,
            levels: Vec::new(),
            entries: ENTRIES,
            folders: FOLDERS,
            paths: PATHS,
            opened: None,
            is_exact: true,
            is_empty: true,
            unlisted: None,
            names_like_the_note: Vec::new(),
        }
    }

    /// The same walk for a plan, which opens files itself, as many as it may.
    pub fn into_plan(self) -> Walk {
        Walk { opened: Some(OPENED), ..self }
    }

    /// Takes note that something of the folder is in the archive.
    pub fn has_item(&mut self) {
        self.is_empty = false;
    }

    /// Whether each file that was met was opened.
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// The path in the archive of a note about what is not in it.
    pub fn path_of_note(&self) -> String {
        format!("{}/{}", self.top, left_out::name(&self.names_like_the_note))
    }

    /// Enters the folder.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if that cannot be done, [`Refusal::TooLarge`] if it is too much, [`Refusal::Fault`] where the
    /// machine fails.
    pub async fn begin<T: Tree>(&mut self, tree: &T) -> Result<(), Refusal> {
        if self.enter(tree, String::new()).await? { Ok(()) } else { Err(Refusal::NotListable) }
    }

    /// The next step. The folder itself comes only, and last, if there is nothing in it: any path in an archive makes the
    /// folders above it, and nobody has told its time.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] for more than is kept track of, [`Refusal::Fault`] where the machine fails.
    pub async fn next<T: Tree>(&mut self, tree: &T) -> Result<Option<WalkStep>, Refusal> {
        if let Some(path) = self.unlisted.take() {
            return Ok(Some(WalkStep::LeftOut { path, why: LeftOutReason::Unlisted }));
        }
        while let Some(level) = self.levels.last_mut() {
            let Some(entry) = level.rest.next() else {
                self.levels.pop();
                continue;
            };
            let below = join(&level.path, &entry.name);
            let left_out = |path, why| Ok(Some(WalkStep::LeftOut { path, why }));
            let file = match (entry.kind, entry.size) {
                (EntryKind::Directory, _) => {
                    // If it cannot be read, there is nothing of it to be had.
                    if !self.enter(tree, below.clone()).await? {
                        self.unlisted = Some(below.clone());
                    }
                    None
                }
                (EntryKind::File, Some(size)) => Some((self.place(&below), size)),
                (EntryKind::File, None) if self.opened.is_none() => Some((self.place(&below), 0)),
                (EntryKind::File, None) => return left_out(below, LeftOutReason::Special),
                (EntryKind::Closed, _) => return left_out(below, LeftOutReason::Closed),
                (EntryKind::Link | EntryKind::LinkToDirectory, _) => return left_out(below, LeftOutReason::Link),
            };
            return Ok(Some(WalkStep::Item(WalkItem { path: self.archived(&below)?, modified: entry.modified, file })));
        }
        let top = WalkItem { path: self.top.clone(), modified: None, file: None };
        Ok(Some(WalkStep::Item(top)).filter(|_| std::mem::take(&mut self.is_empty)))
    }

    /// Reads a folder, to go on with what is in it; `false` where it cannot be read.
    async fn enter<T: Tree>(&mut self, tree: &T, path: String) -> Result<bool, Refusal> {
        if self.levels.len() == DEPTH {
            return Err(Refusal::TooLarge);
        }
        let place = self.place(&path);
        let within = self.hidden.within(&place);
        let is_wanted = |name: &Name| is_shown(&within, name);
        let Some((listed, unread)) = found(tree.list_first(&place, is_wanted, self.entries, 1).await)? else {
            return Ok(false);
        };
        if listed.omitted > 0 || has_more(unread, &is_wanted)? {
            return Err(Refusal::TooLarge);
        }
        let mut entries = listed.entries;
        retain_shown(tree, &within, &mut entries).await?;
        self.entries = self.entries.saturating_sub(entries.len());
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        if path.is_empty() {
            self.names_like_the_note
                .extend(entries.iter().map(|entry| entry.name.clone()).filter(left_out::is_like_it));
        }
        let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
        let (files, folders) = (count(EntryKind::File), count(EntryKind::Directory));
        self.folders = self.folders.checked_sub(folders).ok_or(Refusal::TooLarge)?;
        let due = |kinds: &'static [EntryKind]| move |entry: &&mut DirEntry| kinds.contains(&entry.kind);
        const BOTH: &[EntryKind] = &[EntryKind::File, EntryKind::Directory];
        match self.opened {
            // Each look opens the folder.
            _ if files == 0 && folders == 0 => {}
            None if folders == 0 => {}
            None => tree.describe(&place, entries.iter_mut().filter(due(&[EntryKind::Directory]))).await?,
            Some(opened) if opened >= files => {
                self.opened = Some(opened - files);
                tree.probe(&place, entries.iter_mut().filter(due(BOTH))).await?;
            }
            Some(_) => {
                self.is_exact = false;
                tree.describe(&place, entries.iter_mut().filter(due(BOTH))).await?;
            }
        }
        self.levels.push(WalkLevel { path, rest: entries.into_iter() });
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

/// Whether an entry that is wanted is left of a directory.
fn has_more(unread: Option<Box<dyn Unread>>, is_wanted: &dyn Fn(&Name) -> bool) -> Result<bool, Refusal> {
    const STEP: usize = 1_000;
    let Some(mut unread) = unread else { return Ok(false) };
    while let Some(count) = unread.count(STEP, is_wanted)? {
        if count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
