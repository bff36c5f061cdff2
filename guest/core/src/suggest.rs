//! Suggestions for a mistyped name.

use serde::Serialize;
use strsim::osa_distance;

/// The longest name that is compared, in bytes. The work grows with the square of the length.
const NAME_MAX: usize = 128;

/// Suggestions in an error response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Entries with a similar name, the most similar first.
    pub near: Vec<Link>,
    /// The nearest existing directory above.
    pub up: Option<Link>,
}

/// A link in an error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The name to show.
    pub name: String,
    /// A relative reference.
    pub href: String,
}

/// The distance of two names: the number of letters that are inserted, deleted, replaced or swapped with a neighbour,
/// whatever the case. `None` if the names are not similar. Names that differ only in their suffix are similar.
pub fn distance(typed: &str, name: &str) -> Option<usize> {
    if typed.len().max(name.len()) > NAME_MAX {
        return None;
    }
    let (typed, name) = (typed.to_lowercase(), name.to_lowercase());
    // A third of the letters may differ, but at least one.
    let most = (typed.chars().count().max(name.chars().count()) / 3).max(1);
    let edits = osa_distance(&typed, &name);
    (edits <= most || stem(&typed) == stem(&name)).then_some(edits)
}

/// The name without its suffix.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use crate::suggest::*;
    use proptest::prelude::*;

    #[test]
    fn similar_names_are_near() {
        for (typed, name, expected) in [
            ("hello.txt", "hello.txt", Some(0)),
            ("Hello.TXT", "hello.txt", Some(0)),
            ("helo.txt", "hello.txt", Some(1)),
            ("hlelo.txt", "hello.txt", Some(1)),
            ("hallo.text", "hello.txt", Some(2)),
            ("readme", "README.md", Some(3)),
            ("index.htm", "index.html", Some(1)),
            ("picture.jpeg", "picture.png", Some(2)),
            ("picture.tiff", "picture.m", Some(4)),
            ("a", "b", Some(1)),
            ("ab", "cd", None),
            ("src", "docs", None),
            ("\u{e9}t\u{e9}", "ete", None),
            ("\u{e9}t\u{e9}s", "\u{c9}t\u{e9}", Some(1)),
            (".a", ".b", Some(1)),
        ] {
            assert_eq!(distance(typed, name), expected, "{typed:?} {name:?}");
        }
        assert_eq!(distance(&"a".repeat(129), &"a".repeat(129)), None);
    }

    proptest! {
        #[test]
        fn it_is_a_distance(one in "[a-c.é]{0,8}", other in "[a-cA.]{0,8}") {
            prop_assert_eq!(distance(&one, &other), distance(&other, &one));
            prop_assert_eq!(distance(&one, &other) == Some(0), one.to_lowercase() == other.to_lowercase());
        }
    }
}
