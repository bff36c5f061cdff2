//! The entries of a directory that a client selects for an archive: `?only=NAME`, repeatable.

use crate::http::refusal::Refusal;
use crate::http::target::{Name, parameters};
use crate::tree::{DirEntry, EntryKind};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The entries of a directory that an archive contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Those with these names. The value is whether the client wrote a slash after the name, as for a directory.
    Only(BTreeMap<String, bool>),
}

impl Selection {
    /// Reads a query as forms send it (`application/x-www-form-urlencoded`): `+` is a space. Repeated names count once.
    ///
    /// # Errors
    /// [`Refusal::BadRequest`] for a value that cannot be the name of an entry.
    pub fn parse(query: &str) -> Result<Selection, Refusal> {
        let mut names = BTreeMap::new();
        for value in parameters(query, "only") {
            let (text, is_directory) = match value.strip_suffix('/') {
                Some(text) => (text, true),
                None => (value.as_str(), false),
            };
            let name = Name::new(text).ok_or(Refusal::BadRequest)?;
            *names.entry(name.as_str().to_owned()).or_default() |= is_directory;
        }
        Ok(if names.is_empty() { Selection::All } else { Selection::Only(names) })
    }

    /// Whether an entry with this name is selected.
    pub(super) fn has(&self, name: &Name) -> bool {
        match self {
            Selection::All => true,
            Selection::Only(names) => spellings(name).iter().any(|spelling| names.contains_key(spelling.as_ref())),
        }
    }

    /// Checks that the directory has each selected entry.
    ///
    /// # Errors
    /// [`Refusal::NoSuchEntry`] if one is missing, or is a file that was written as a directory.
    pub(super) fn check(&self, entries: &[DirEntry]) -> Result<(), Refusal> {
        let Selection::Only(names) = self else { return Ok(()) };
        let mut missing: BTreeMap<&str, bool> = names.iter().map(|(name, slash)| (name.as_str(), *slash)).collect();
        for entry in entries {
            let is_file = matches!(entry.kind, EntryKind::File | EntryKind::Unreadable);
            for spelling in spellings(&entry.name) {
                if missing.remove(spelling.as_ref()) == Some(true) && is_file {
                    return Err(Refusal::NoSuchEntry);
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Refusal::NoSuchEntry) }
    }
}

/// The name as it is, and as forms send it: browsers turn each line break into CR and LF (HTML, "converting
/// an entry list to a list of name-value pairs").
fn spellings(name: &Name) -> [Cow<'_, str>; 2] {
    let name = name.as_str();
    let in_form = match name.contains(['\r', '\n']) {
        true => Cow::Owned(name.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n")),
        false => Cow::Borrowed(name),
    };
    [Cow::Borrowed(name), in_form]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<Vec<(String, bool)>, Refusal> {
        Selection::parse(query).map(|selection| match selection {
            Selection::All => Vec::new(),
            Selection::Only(names) => names.into_iter().collect(),
        })
    }

    #[test]
    fn names_are_read_as_forms_send_them() {
        for (query, expected) in [
            ("", &[][..]),
            ("download=zip&x=only", &[]),
            ("only=a&only=b+c&download=zip", &[("a", false), ("b c", false)]),
            ("only=b%2Bc&only=%C3%A9%26&only=a%3Db", &[("a=b", false), ("b+c", false), ("\u{e9}&", false)]),
            ("only=a&only=a&only=a%2F", &[("a", true)]),
            ("only=d/&only=f", &[("d", true), ("f", false)]),
            ("only=+&only=%0D%0A", &[("\r\n", false), (" ", false)]),
        ] {
            let expected = expected.iter().map(|(name, slash)| ((*name).to_owned(), *slash)).collect();
            assert_eq!(parsed(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for value in ["", ".", "..", "%2E%2E", "./", "../", "/", "//", "a//", "/a", "a/b", "a%2Fb", "a%00"] {
            assert_eq!(parsed(&format!("only=a&only={value}")), Err(Refusal::BadRequest), "{value}");
        }
    }

    #[test]
    fn every_name_survives_a_form() {
        for (name, sent) in [("a\nb", "a%0D%0Ab"), ("a\rb", "a%0D%0Ab"), ("a\nb", "a%0Ab"), ("+ %", "%2B+%25")] {
            let selection = Selection::parse(&format!("only={sent}")).expect("a selection");
            let entry = DirEntry::new(Name::new(name).expect("a name"), EntryKind::File);
            assert!(selection.has(&entry.name), "{name:?} {sent}");
            assert_eq!(selection.check(std::slice::from_ref(&entry)), Ok(()), "{name:?} {sent}");
        }
        let exact = Selection::parse("only=a%0Ab").expect("a selection");
        assert!(!exact.has(&Name::new("a\r\nb").expect("a name")));
    }
}
