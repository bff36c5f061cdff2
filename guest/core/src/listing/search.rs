//! Searches names below a directory, level by level and within limits. Does not follow links.

use crate::listing::{ListingRow, is_shown, natural, retain_shown};
use crate::tree::dotfiles::Dotfiles;
use crate::tree::{EntryKind, OpenError, Tree};
use std::collections::VecDeque;

/// The most entries that a search reads.
pub const MAX_ENTRIES: usize = 20_000;
/// The most results of a search.
pub const MAX_HITS: usize = 1_000;
/// The most levels of directories below the start.
pub const MAX_LEVELS: usize = 16;
/// The most bytes for the paths of directories that are still to be read.
const QUEUE_MAX: usize = 8 << 20;

/// Why a search is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It has read [`MAX_ENTRIES`].
    Entries,
    /// It has found [`MAX_HITS`].
    Hits,
    /// There are directories more than [`MAX_LEVELS`] below the start, or too many to queue.
    Levels,
}

/// The results of a search.
#[derive(Debug, Default)]
pub struct Hits {
    /// The entries that were found.
    pub rows: Vec<ListingRow>,
    /// The number of further entries.
    pub omitted: u64,
    /// Why the search is incomplete; `None` if it is complete.
    pub stopped: Option<Stopped>,
}

/// Finds the entries in the directory at `path` and below whose names contain `term`, whatever the case. Entries that
/// listings hide are not found, and directories that they hide are not read.
///
/// # Errors
/// [`OpenError`] if the directory at `path` cannot be read. Unreadable directories below are skipped, but a fault is an
/// error there too.
pub async fn search<T: Tree>(tree: &T, path: &str, term: &str, hidden: &Dotfiles) -> Result<Hits, OpenError> {
    let term = term.to_lowercase();
    let mut hits = Hits::default();
    let (mut left, mut room) = (MAX_ENTRIES, QUEUE_MAX);
    // Directories to read: their path below the start, and their level.
    let mut queue = VecDeque::from([(String::new(), 0_usize)]);
    while let Some((above, level)) = queue.pop_front() {
        room = room.saturating_add(above.len());
        let here = format!("{path}{}{}", if path.is_empty() || above.is_empty() { "" } else { "/" }, above);
        let here = here.trim_end_matches('/');
        let directory = hidden.within(here);
        // One more entry shows whether there are more.
        let (mut listed, unread) = match tree.list_first(here, |name| is_shown(&directory, name), left, 1).await {
            Ok(listed) => listed,
            Err(OpenError::Absent) if level > 0 => continue,
            Err(error) => return Err(error),
        };
        left = left.saturating_sub(listed.entries.len());
        retain_shown(tree, &directory, &mut listed.entries).await?;
        listed.entries.sort_unstable_by(|one, other| natural::compare(one.name.as_str(), other.name.as_str()));
        for entry in listed.entries.iter().filter(|entry| entry.kind == EntryKind::Directory) {
            let below = format!("{above}{}/", entry.name.as_str());
            match room.checked_sub(below.len()).filter(|_| level < MAX_LEVELS) {
                Some(rest) => {
                    room = rest;
                    queue.push_back((below, level.saturating_add(1)));
                }
                None => hits.stopped = Some(Stopped::Levels),
            }
        }
        listed.entries.retain(|entry| entry.name.as_str().to_lowercase().contains(&term));
        let wanted = MAX_HITS.saturating_sub(hits.rows.len());
        let is_full = listed.entries.len() > wanted;
        listed.entries.truncate(wanted);
        tree.stat_entries(here, listed.entries.iter_mut()).await?;
        hits.rows.extend(listed.entries.into_iter().map(|entry| ListingRow { above: above.clone(), entry }));
        if is_full {
            hits.stopped = Some(Stopped::Hits);
            break;
        }
        if listed.omitted > 0 || unread.is_some() || (left == 0 && !queue.is_empty()) {
            hits.stopped = Some(Stopped::Entries);
            break;
        }
    }
    Ok(hits)
}
