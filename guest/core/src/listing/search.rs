//! The search for names below a directory, level by level and within bounds: on a large tree it stops, and says so. It
//! refuses to follow links and to look where no listing would.

use crate::listing::{Row, is_shown, natural, retain_shown};
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{EntryKind, OpenError, Tree};
use std::collections::VecDeque;

/// Entries that one search looks at.
pub const MOST_ENTRIES: usize = 20_000;
/// Entries that one search finds.
pub const MOST_HITS: usize = 1_000;
/// How many levels of directories below the one that is searched are read.
pub const MOST_LEVELS: usize = 16;
/// Bytes that the paths of directories yet to be read may take: names can be long, and memory is not.
const MOST_BYTES: usize = 8 << 20;

/// Why a search ended before it had looked everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It had looked at [`MOST_ENTRIES`].
    Entries,
    /// It had found [`MOST_HITS`].
    Hits,
    /// There are directories more than [`MOST_LEVELS`] below, or far too many to remember.
    Levels,
}

/// What is shown of a directory.
#[derive(Debug, Default)]
pub struct Hits {
    pub rows: Vec<Row>,
    pub omitted: u64,
    pub stopped: Option<Stopped>,
}

/// The entries of the directory at `path`, and of those below it, whose names have `term` in them without regard to case.
/// What listings do not show is neither found nor looked into.
///
/// # Errors
/// A directory at `path` that cannot be read; those below it are passed over, unless it is for a fault.
pub async fn search<T: Tree>(tree: &T, path: &str, term: &str, hidden: &Dotfiles) -> Result<Hits, OpenError> {
    let term = term.to_lowercase();
    let mut hits = Hits::default();
    let (mut left, mut room) = (MOST_ENTRIES, MOST_BYTES);
    // Directories to be read: where they lie below the first, and how many levels.
    let mut due = VecDeque::from([(String::new(), 0)]);
    while let Some((above, level)) = due.pop_front() {
        room = room.saturating_add(above.len());
        let here = format!("{path}{}{}", if path.is_empty() || above.is_empty() { "" } else { "/" }, above);
        let here = here.trim_end_matches('/');
        let within = hidden.within(here);
        // One more, to know whether there is more.
        let (mut listed, unread) = match tree.list_first(here, |name| is_shown(&within, name), left, 1).await {
            Ok(listed) => listed,
            Err(OpenError::Absent) if level > 0 => continue,
            Err(missing) => return Err(missing),
        };
        left = left.saturating_sub(listed.entries.len());
        retain_shown(tree, &within, &mut listed.entries).await?;
        listed.entries.sort_unstable_by(|one, other| natural::compare(one.name.as_str(), other.name.as_str()));
        for entry in listed.entries.iter().filter(|entry| entry.kind == EntryKind::Directory) {
            let below = format!("{above}{}/", entry.name.as_str());
            match room.checked_sub(below.len()).filter(|_| level < MOST_LEVELS) {
                Some(rest) => {
                    room = rest;
                    due.push_back((below, level + 1));
                }
                None => hits.stopped = Some(Stopped::Levels),
            }
        }
        listed.entries.retain(|entry| entry.name.as_str().to_lowercase().contains(&term));
        let wanted = MOST_HITS.saturating_sub(hits.rows.len());
        let is_full = listed.entries.len() > wanted;
        listed.entries.truncate(wanted);
        tree.describe(here, listed.entries.iter_mut()).await?;
        hits.rows.extend(listed.entries.into_iter().map(|entry| Row { above: above.clone(), entry }));
        if is_full {
            hits.stopped = Some(Stopped::Hits);
            break;
        }
        if listed.omitted > 0 || unread.is_some() || (left == 0 && !due.is_empty()) {
            hits.stopped = Some(Stopped::Entries);
            break;
        }
    }
    Ok(hits)
}
