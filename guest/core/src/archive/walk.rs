//! Walks through everything below a directory, in the order of an archive.

use crate::archive::left_out;
use crate::archive::left_out::LeftOutReason;
use crate::archive::selection::Selection;
use crate::http::date::HttpTime;
use crate::http::refusal::Refusal;
use crate::http::target::Name;
use crate::listing::{is_shown, retain_shown};
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{DirEntry, EntryKind, Tree, UnreadEntries, join, optional};
use std::vec;

/// The most nested directories.
const DEPTH: usize = 128;
/// The most entries, with links. The entries of a directory are in memory during the walk, because they are sorted.
const ENTRIES: usize = 100_000;
/// The most bytes of all paths. A zip file repeats them at its end, so they stay in memory until then.
const PATHS: usize = 16 << 20;
/// The longest path in bytes: the limit of a field in a zip file, less the slash of a directory.
const PATH: usize = 0xFFFE;

/// The most directories. The plan reads each of them before the response.
const FOLDERS: usize = 20_000;
/// The most files that a plan opens to check that they are readable. For further files it relies on the metadata.
const OPENED: usize = 40_000;

/// A file or a directory for an archive.
#[derive(Debug)]
pub(super) struct WalkItem<F> {
    /// Its path in the archive, without a slash at its end.
    pub path: String,
    /// The modification time, or `None` if HTTP cannot express it.
    pub modified: Option<HttpTime>,
    /// The file and its size in bytes, or `None` for a directory. It is 0 if the walk does not read sizes.
    pub file: Option<(F, u64)>,
}

impl<F> WalkItem<F> {
    /// The size in bytes; 0 for a directory.
    pub(super) fn size(&self) -> u64 {
        self.file.as_ref().map_or(0, |(_, size)| *size)
    }
}

/// A step of a walk.
#[derive(Debug)]
pub(super) enum WalkStep {
    /// A directory, or a file with its path in the tree.
    Item(WalkItem<String>),
    /// An entry that is left out.
    LeftOut { path: String, reason: LeftOutReason },
}

/// A walk, at its current position.
#[derive(Debug)]
pub(super) struct Walk {
    /// The directory in the tree, and its name in the archive.
    from: String,
    top: String,
    hidden: Dotfiles,
    levels: Vec<WalkLevel>,
    /// The remaining limits.
    entries: usize,
    folders: usize,
    paths: usize,
    selection: Selection,
    survey: Survey,
    /// Whether every file was opened so far.
    is_exact: bool,
    is_empty: bool,
    /// A directory that could not be listed.
    unlisted: Option<String>,
    /// Names in the top directory that the note must not take.
    names_like_the_note: Vec<Name>,
}

/// What the walk reads about the entries of a directory. The directory itself reports only their kinds.
#[derive(Clone, Copy, Debug)]
enum Survey {
    /// The times of directories. The archive opens each file itself.
    Directories,
    /// Sizes and times.
    Sizes,
    /// Sizes and times, and it opens files to check that they are readable, up to this number.
    Opens(usize),
}

/// A directory that the walk is in.
#[derive(Debug)]
struct WalkLevel {
    /// The path relative to the top directory.
    path: String,
    rest: vec::IntoIter<DirEntry>,
}

impl Walk {
    /// A walk through the directory at `from`, with the name `top` in the archive.
    pub(super) fn new(from: String, top: String, hidden: Dotfiles, selection: Selection) -> Walk {
        Walk {
            from,
            top,
            hidden,
            levels: Vec::new(),
            entries: ENTRIES,
            folders: FOLDERS,
            paths: PATHS,
            selection,
            survey: Survey::Directories,
            is_exact: true,
            is_empty: true,
            unlisted: None,
            names_like_the_note: Vec::new(),
        }
    }

    /// The same walk for a plan. It opens files to check that they are readable, up to a limit.
    pub(super) fn into_plan(self) -> Walk {
        Walk { survey: Survey::Opens(OPENED), ..self }
    }

    /// The same walk with the sizes of files.
    pub(super) fn with_sizes(self) -> Walk {
        Walk { survey: Survey::Sizes, ..self }
    }

    /// Records that the archive has an entry.
    pub(super) fn has_item(&mut self) {
        self.is_empty = false;
    }

    /// Whether every file was opened.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// The path in the archive of the note about missing entries.
    pub(super) fn path_of_note(&self) -> String {
        format!("{}/{}", self.top, left_out::note_name(&self.names_like_the_note))
    }

    /// Reads the top directory.
    ///
    /// # Errors
    /// [`Refusal::NotListable`] if it cannot be read, [`Refusal::NoSuchEntry`] if a selected entry is missing,
    /// [`Refusal::TooLarge`] beyond a limit, [`Refusal::Fault`] if the tree fails.
    pub(super) async fn begin<T: Tree>(&mut self, tree: &T) -> Result<(), Refusal> {
        if self.enter(tree, String::new()).await? { Ok(()) } else { Err(Refusal::NotListable) }
    }

    /// Returns the next step. The top directory itself is an item only if it is empty: a path in an archive implies the
    /// directories above it, and the time of the top directory is unknown.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] beyond a limit, [`Refusal::Fault`] if the tree fails.
    pub(super) async fn next<T: Tree>(&mut self, tree: &T) -> Result<Option<WalkStep>, Refusal> {
        if let Some(path) = self.unlisted.take() {
            return Ok(Some(WalkStep::LeftOut { path, reason: LeftOutReason::Unlisted }));
        }
        while let Some(level) = self.levels.last_mut() {
            let Some(entry) = level.rest.next() else {
                self.levels.pop();
                continue;
            };
            let below = join(&level.path, &entry.name);
            let left_out = |path, reason| Ok(Some(WalkStep::LeftOut { path, reason }));
            let file = match (entry.kind, entry.size) {
                (EntryKind::Directory, _) => {
                    if !self.enter(tree, below.clone()).await? {
                        self.unlisted = Some(below.clone());
                    }
                    None
                }
                (EntryKind::File, Some(size)) => Some((self.source(&below), size)),
                (EntryKind::File, None) if matches!(self.survey, Survey::Directories) => Some((self.source(&below), 0)),
                (EntryKind::File, None) => return left_out(below, LeftOutReason::Special),
                (EntryKind::Unreadable, _) => return left_out(below, LeftOutReason::Unreadable),
                (EntryKind::Link | EntryKind::LinkToDirectory, _) => return left_out(below, LeftOutReason::Link),
            };
            return Ok(Some(WalkStep::Item(WalkItem { path: self.archived(&below)?, modified: entry.modified, file })));
        }
        let top = WalkItem { path: self.top.clone(), modified: None, file: None };
        Ok(Some(WalkStep::Item(top)).filter(|_| std::mem::take(&mut self.is_empty)))
    }

    /// Reads a directory, to continue with its entries. Returns `false` if it cannot be read.
    async fn enter<T: Tree>(&mut self, tree: &T, path: String) -> Result<bool, Refusal> {
        if self.levels.len() == DEPTH {
            return Err(Refusal::TooLarge);
        }
        let source = self.source(&path);
        let directory = self.hidden.within(&source);
        let is_top = path.is_empty();
        let selection = &self.selection;
        let is_wanted = |name: &Name| is_shown(&directory, name) && (!is_top || selection.has(name));
        let Some((listed, unread)) = optional(tree.list_first(&source, is_wanted, self.entries, 1).await)? else {
            return Ok(false);
        };
        if listed.omitted > 0 || has_more(unread, &is_wanted)? {
            return Err(Refusal::TooLarge);
        }
        let mut entries = listed.entries;
        retain_shown(tree, &directory, &mut entries).await?;
        self.entries = self.entries.saturating_sub(entries.len());
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        if is_top {
            self.selection.check(&entries)?;
            self.names_like_the_note
                .extend(entries.iter().map(|entry| entry.name.clone()).filter(left_out::is_like_note));
        }
        let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
        let (files, folders) = (count(EntryKind::File), count(EntryKind::Directory));
        self.folders = self.folders.checked_sub(folders).ok_or(Refusal::TooLarge)?;
        let due = |kinds: &'static [EntryKind]| move |entry: &&mut DirEntry| kinds.contains(&entry.kind);
        const BOTH: &[EntryKind] = &[EntryKind::File, EntryKind::Directory];
        match self.survey {
            // A call opens the directory, so it is left out if it has nothing to do.
            _ if files == 0 && folders == 0 => {}
            Survey::Directories if folders == 0 => {}
            Survey::Directories => {
                tree.stat_entries(&source, entries.iter_mut().filter(due(&[EntryKind::Directory]))).await?
            }
            Survey::Sizes => tree.stat_entries(&source, entries.iter_mut().filter(due(BOTH))).await?,
            Survey::Opens(left) if left >= files => {
                self.survey = Survey::Opens(left.saturating_sub(files));
                tree.probe_entries(&source, entries.iter_mut().filter(due(BOTH))).await?;
            }
            Survey::Opens(_) => {
                self.is_exact = false;
                tree.stat_entries(&source, entries.iter_mut().filter(due(BOTH))).await?;
            }
        }
        self.levels.push(WalkLevel { path, rest: entries.into_iter() });
        Ok(true)
    }

    /// The path in the tree of something below the top directory.
    pub(super) fn source(&self, below: &str) -> String {
        match (self.from.as_str(), below) {
            (from, "") => from.to_owned(),
            ("", below) => below.to_owned(),
            (from, below) => format!("{from}/{below}"),
        }
    }

    /// The path in the archive of something below the top directory.
    fn archived(&mut self, below: &str) -> Result<String, Refusal> {
        let path = format!("{}/{below}", self.top);
        if path.len() > PATH {
            return Err(Refusal::TooLarge);
        }
        self.paths = self.paths.checked_sub(path.len()).ok_or(Refusal::TooLarge)?;
        Ok(path)
    }
}

/// Whether the rest of a directory has a wanted entry.
fn has_more(unread: Option<Box<dyn UnreadEntries>>, is_wanted: &dyn Fn(&Name) -> bool) -> Result<bool, Refusal> {
    const STEP: usize = 1_000;
    let Some(mut unread) = unread else { return Ok(false) };
    while let Some(count) = unread.count(STEP, is_wanted)? {
        if count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
