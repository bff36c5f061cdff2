//! What is left out of an archive, for the log and for whoever unpacks it. It refuses to know how it is found.
//!
//! Symbolic links are never in an archive, which the documentation says, so they are counted for the log alone. What could
//! not be read is another matter: without a word an archive would pass for all that a listing shows.

use crate::http::target::Name;
use crate::visible::visible;
use std::fmt;

/// The name of the file in the archive that says what is not in it.
const NAME: &str = "LEFT-OUT";
const SUFFIX: &str = ".txt";
/// The longest note in bytes: it is written in one piece.
const LONGEST: usize = 60_000;
/// Paths that a line of the log names.
const MOST_NAMED: usize = 3;

/// Why something that a listing shows is not in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOutReason {
    /// What it leads to lies elsewhere, and is there under its own name if it may be had.
    Link,
    /// It is a FIFO, a socket or a device.
    Special,
    /// A file that cannot be opened.
    Closed,
    /// A folder that cannot be listed. It is in the archive, empty.
    Unlisted,
}

/// What was left out until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    links: u64,
    specials: u64,
    closed: u64,
    unlisted: u64,
    /// The first paths that were left out, but for links.
    named: Vec<String>,
    lines: String,
    /// Entries for which there was no room in the lines.
    unnamed: u64,
}

impl LeftOut {
    /// Takes note of an entry.
    pub fn add(&mut self, path: &str, why: LeftOutReason) {
        let (count, reason) = match why {
            LeftOutReason::Link => {
                self.links = self.links.saturating_add(1);
                return;
            }
            LeftOutReason::Special => (&mut self.specials, "neither a file nor a folder"),
            LeftOutReason::Closed => (&mut self.closed, "cannot be read"),
            LeftOutReason::Unlisted => (&mut self.unlisted, "cannot be listed"),
        };
        *count = count.saturating_add(1);
        let path = visible(path);
        let line = format!("{path}: {reason}\n");
        match self.lines.len().saturating_add(line.len()) <= LONGEST {
            true => self.lines.push_str(&line),
            false => self.unnamed = self.unnamed.saturating_add(1),
        }
        if self.named.len() < MOST_NAMED {
            self.named.push(path.into_owned());
        }
    }

    /// Whether nothing was left out at all.
    pub fn is_empty(&self) -> bool {
        *self == LeftOut::default()
    }

    /// The content of the note in the archive, if it needs one.
    pub fn note(&self) -> Option<Vec<u8>> {
        if self.lines.is_empty() {
            return None;
        }
        let mut note = String::from("Left out of this archive:\n\n");
        note.push_str(&self.lines);
        if self.unnamed > 0 {
            note.push_str(&format!("and {} more\n", self.unnamed));
        }
        Some(note.into_bytes())
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeftOut { links, specials, closed, unlisted, named, .. } = self;
        let mut separator = "";
        for (count, one, many) in [
            (closed, "file that cannot be read", "files that cannot be read"),
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
        let all = specials.saturating_add(*closed).saturating_add(*unlisted);
        let more = all.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// Whether a name could be that of the note.
pub fn is_like_it(name: &Name) -> bool {
    name.as_str().starts_with(NAME)
}

/// The name of the note, which none of these has.
pub fn name(taken: &[Name]) -> String {
    let is_free = |name: &String| taken.iter().all(|taken| taken.as_str() != name);
    let numbered = (2_u32..).map(|number| format!("{NAME}-{number}{SUFFIX}"));
    let mut names = std::iter::once(format!("{NAME}{SUFFIX}")).chain(numbered);
    names.find(is_free).unwrap_or_default()
}
