//! The note in an archive, and the log message, about entries that are left out.
//!
//! Symbolic links are never in an archive, as the documentation states, so only the log counts them. Entries that
//! cannot be read are named in the note: without it, the archive would seem to contain all that a listing shows.

use crate::http::target::Name;
use crate::number::to_u64;
use crate::visible::visible;
use std::fmt;
use std::fmt::Write as _;

/// The name of the note in the archive.
const NAME: &str = "LEFT-OUT";
const SUFFIX: &str = ".txt";
/// The longest list in the note, in bytes. The note is written in one piece.
const LIST_MAX: usize = 60_000;
/// Paths in a log message.
const MAX_NAMED: usize = 3;

/// Why something that a listing shows is not in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOutReason {
    /// A symbolic link. Its target is in the archive under its own name if it is below the directory.
    Link,
    /// A FIFO, a socket or a device.
    Special,
    /// A file that cannot be opened.
    Unreadable,
    /// A directory that cannot be listed. It is in the archive, but empty.
    Unlisted,
}

/// The entries that are left out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    links: u64,
    specials: u64,
    unreadable: u64,
    unlisted: u64,
    /// The first paths, without links.
    named: Vec<String>,
    lines: String,
    /// Entries that did not fit into the lines.
    unnamed: u64,
}

impl LeftOut {
    /// Adds an entry.
    pub(super) fn add(&mut self, path: &str, reason: LeftOutReason) {
        let (count, text) = match reason {
            LeftOutReason::Link => {
                self.links = self.links.saturating_add(1);
                return;
            }
            LeftOutReason::Special => (&mut self.specials, "neither a file nor a folder"),
            LeftOutReason::Unreadable => (&mut self.unreadable, "cannot be read"),
            LeftOutReason::Unlisted => (&mut self.unlisted, "cannot be listed"),
        };
        *count = count.saturating_add(1);
        let path = visible(path);
        let line = format!("{path}: {text}\n");
        match self.lines.len().saturating_add(line.len()) <= LIST_MAX {
            true => self.lines.push_str(&line),
            false => self.unnamed = self.unnamed.saturating_add(1),
        }
        if self.named.len() < MAX_NAMED {
            self.named.push(path.into_owned());
        }
    }

    /// Whether a file cannot be opened.
    pub(super) fn has_unreadable(&self) -> bool {
        self.unreadable > 0
    }

    /// Whether nothing is left out.
    pub(super) fn is_empty(&self) -> bool {
        *self == LeftOut::default()
    }

    /// The content of the note, or `None` if the archive needs no note.
    pub(super) fn note(&self) -> Option<Vec<u8>> {
        if self.lines.is_empty() {
            return None;
        }
        let mut note = format!("Left out of this archive:\n\n{}", self.lines);
        if self.unnamed > 0 {
            note.push_str(&format!("and {} more\n", self.unnamed));
        }
        Some(note.into_bytes())
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeftOut { links, specials, unreadable, unlisted, named, .. } = self;
        let mut separator = "";
        for (count, one, many) in [
            (unreadable, "file that cannot be read", "files that cannot be read"),
            (unlisted, "content of a folder that cannot be listed", "contents of folders that cannot be listed"),
            (specials, "entry that is neither a file nor a folder", "entries that are neither files nor folders"),
            (links, "symbolic link", "symbolic links"),
        ] {
            if *count > 0 {
                write!(f, "{separator}{count} {}", if *count == 1 { one } else { many })?;
                separator = ", ";
            }
        }
        for (index, path) in named.iter().enumerate() {
            write!(f, "{}'{path}'", if index == 0 { ": " } else { ", " })?;
        }
        let all = specials.saturating_add(*unreadable).saturating_add(*unlisted);
        let more = all.saturating_sub(to_u64(named.len()));
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// Whether a name could be that of the note.
pub(super) fn is_like_note(name: &Name) -> bool {
    name.as_str().starts_with(NAME)
}

/// A name for the note that is not taken.
pub(super) fn note_name(taken: &[Name]) -> String {
    let is_free = |name: &String| taken.iter().all(|taken| taken.as_str() != name);
    let mut name = format!("{NAME}{SUFFIX}");
    for number in 2_u32.. {
        if is_free(&name) {
            break;
        }
        name.clear();
        // Writing to a string cannot fail.
        let _ = write!(name, "{NAME}-{number}{SUFFIX}");
    }
    name
}
