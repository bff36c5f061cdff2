//! Names that a person may have meant who wrote another one. It refuses to know where the names come from, and works
//! within bounds whatever they are.

use serde::Serialize;
use strsim::osa_distance;

/// Names longer than this, in bytes, are near no other: it bounds the work, which grows with the square.
const LONGEST: usize = 128;

/// Where else a client may go whose request was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Names that it may have meant, the likeliest first.
    pub near: Vec<Link>,
    /// The nearest directory above that is there.
    pub up: Option<Link>,
}

/// A place and how it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    pub name: String,
    /// A relative reference.
    pub href: String,
}

/// How far `name` is from `asked`, in letters put in, left out, replaced or swapped with their neighbour, without regard
/// to case; `None` where it is too far to have been meant. A name that differs in its suffix alone is near as well.
pub fn distance(asked: &str, name: &str) -> Option<usize> {
    if asked.len().max(name.len()) > LONGEST {
        return None;
    }
    let (asked, name) = (asked.to_lowercase(), name.to_lowercase());
    // A third of the letters may differ, and one in any case.
    let most = (asked.chars().count().max(name.chars().count()) / 3).max(1);
    let edits = osa_distance(&asked, &name);
    (edits <= most || stem(&asked) == stem(&name)).then_some(edits)
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
    fn what_was_meant_is_near() {
        for (asked, name, expected) in [
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
            assert_eq!(distance(asked, name), expected, "{asked:?} {name:?}");
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
