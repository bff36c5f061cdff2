//! The headings of a document: their levels without gaps, their identifiers, and the table of contents.

use pulldown_cmark::HeadingLevel;
use std::collections::BTreeMap;

/// The most headings with an identifier. Further ones are only shown: an identifier costs more bytes than a heading.
pub const IDENTIFIED: usize = 2_000;

/// The fewest headings that have a table of contents.
const FEWEST: usize = 3;

/// The longest text of a heading in the table of contents, and the longest identifier, in characters.
const LONGEST: usize = 120;

/// The headings of a document, as far as they are read.
#[derive(Debug, Default)]
pub struct Outline {
    headings: Vec<OutlineHeading>,
    /// The levels of the last heading and of those above it, as the document has them.
    open: Vec<HeadingLevel>,
    /// For each identifier, the number to try next for an equal one.
    next: BTreeMap<String, usize>,
}

/// A heading with an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineHeading {
    /// 1 for a heading below no other one.
    pub depth: usize,
    /// Letters, digits, `-` and `_`, which HTML and a fragment take as they are.
    pub id: String,
    /// The text without markup, shortened.
    pub text: String,
}

impl Outline {
    /// The depth of the next heading. A document may skip levels, but a reader of headings expects each one.
    pub fn depth(&mut self, level: HeadingLevel) -> usize {
        while self.open.last().is_some_and(|above| *above >= level) {
            self.open.pop();
        }
        self.open.push(level);
        self.open.len()
    }

    /// Adds a heading. Returns its identifier, or `None` for a heading beyond [`IDENTIFIED`].
    pub fn add(&mut self, depth: usize, text: &str) -> Option<&str> {
        if self.headings.len() >= IDENTIFIED {
            return None;
        }
        let id = self.unique(slug(text));
        let text = text.trim().chars().take(LONGEST).collect();
        self.headings.push(OutlineHeading { depth, id, text });
        self.headings.last().map(|heading| heading.id.as_str())
    }

    /// The text of the first heading, if it has one.
    pub fn title(&self) -> Option<&str> {
        self.headings.first().map(|heading| heading.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The entries of the table of contents, the topmost ones with depth 1. Empty if there are few headings. A heading
    /// above all others is the title, and not an entry.
    pub fn contents(self) -> Vec<OutlineHeading> {
        if self.headings.len() < FEWEST {
            return Vec::new();
        }
        let is_title = self.headings.iter().skip(1).all(|heading| heading.depth > 1);
        let entries = self.headings.into_iter().skip(usize::from(is_title));
        entries
            .map(|entry| OutlineHeading { depth: entry.depth.saturating_sub(usize::from(is_title)), ..entry })
            .collect()
    }

    /// An identifier that no other heading has: with a number at its end, as on GitHub.
    fn unique(&mut self, slug: String) -> String {
        let mut id = slug.clone();
        while self.next.contains_key(&id) {
            let next = self.next.entry(slug.clone()).or_insert(1);
            id = format!("{slug}-{next}");
            *next = next.saturating_add(1);
        }
        self.next.insert(id.clone(), 1);
        id
    }
}

/// The identifier of a heading: its letters and digits in lower case, with `-` for a space, as on GitHub.
fn slug(text: &str) -> String {
    let kept = |letter: char| match letter {
        ' ' | '-' => Some('-'),
        letter if letter.is_alphanumeric() || letter == '_' => Some(letter),
        _ => None,
    };
    let slug: String = text.trim().chars().flat_map(char::to_lowercase).filter_map(kept).take(LONGEST).collect();
    if slug.is_empty() { "section".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HeadingLevel::{H1, H2, H3, H4, H6};

    #[test]
    fn identifiers_are_those_of_github() {
        for (text, expected) in [
            ("Getting started", "getting-started"),
            ("  What's new in 2.0?  ", "whats-new-in-20"),
            ("a_b - c", "a_b---c"),
            ("Über ñ 漢字", "über-ñ-漢字"),
            ("<script>\"x\" & 'y'", "scriptx--y"),
            ("\u{202E}a\u{0}b\tc\nd", "abcd"),
            ("🌿", "section"),
            ("", "section"),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        assert_eq!(slug(&"é".repeat(1_000)).chars().count(), LONGEST);
    }

    #[test]
    fn equal_headings_have_different_identifiers() {
        let mut outline = Outline::default();
        let ids: Vec<_> =
            ["A", "a-1", "a", "a", "A!", "a-1"].map(|text| outline.add(1, text).map(str::to_owned)).into();
        assert_eq!(ids.into_iter().flatten().collect::<Vec<_>>(), ["a", "a-1", "a-2", "a-3", "a-4", "a-1-1"]);
        for _ in 0..3_000 {
            outline.add(1, "a");
        }
        assert_eq!(outline.contents().len(), IDENTIFIED);
    }

    #[test]
    fn levels_have_no_gaps() {
        let mut outline = Outline::default();
        let depths = [H1, H3, H3, H6, H2, H4, H1].map(|level| outline.depth(level));
        assert_eq!(depths, [1, 2, 2, 3, 2, 3, 1]);
        let mut outline = Outline::default();
        assert_eq!([H4, H2, H3].map(|level| outline.depth(level)), [1, 1, 2]);
    }

    #[test]
    fn the_title_is_not_an_entry() {
        let contents = |headings: &[(HeadingLevel, &str)]| {
            let mut outline = Outline::default();
            for (level, text) in headings {
                let depth = outline.depth(*level);
                outline.add(depth, text);
            }
            outline.contents().into_iter().map(|entry| (entry.depth, entry.id)).collect::<Vec<_>>()
        };
        let entry = |depth, id: &str| (depth, id.to_owned());
        assert_eq!(contents(&[(H1, "t"), (H2, "a")]), []);
        assert_eq!(contents(&[(H1, "t"), (H2, "a"), (H3, "b")]), [entry(1, "a"), entry(2, "b")]);
        assert_eq!(contents(&[(H2, "t"), (H2, "a"), (H3, "b")]), [entry(1, "t"), entry(1, "a"), entry(2, "b")]);
    }
}
