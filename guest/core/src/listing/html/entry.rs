//! The entries of a page: rows of a table, or tiles of a grid.

use crate::http::date::Rfc3339;
use crate::listing::query::Layout;
use crate::listing::{Href, ListingRow};
use crate::output_format::RenderError;
use crate::page::file_category::{FileCategories, FileCategory};
use crate::page::size::Size;
use crate::tree::EntryKind;
use crate::visible::{letters, visible};
use askama::filters::HtmlSafe;
use askama::{FastWritable, Template, Values};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// The approximate length of an entry in bytes.
const ENTRY_LENGTH: usize = 440;

/// Writes entries in one layout.
#[derive(Debug)]
pub(super) struct EntryWriter {
    layout: Layout,
    /// Whether archives of the directory can be downloaded, so that a person selects entries for them.
    has_archives: bool,
}

#[derive(Template)]
#[template(path = "entry.html")]
struct ListedEntry<'a> {
    is_grid: bool,
    href: Href<'a>,
    category: FileCategory,
    above: Cow<'a, str>,
    name: Cow<'a, str>,
    /// The character after the name (PY-37).
    slash: &'static str,
    is_link: bool,
    size: Option<Size>,
    modified: Option<Rfc3339>,
    selects: Option<FieldValue<'a>>,
}

impl EntryWriter {
    pub(super) fn new(layout: Layout, has_archives: bool) -> EntryWriter {
        EntryWriter { layout, has_archives }
    }

    /// Writes each entry as one line, because some programs read a listing line by line.
    pub(super) fn write(&self, rows: &[ListingRow], to: &mut String) -> Result<(), RenderError> {
        to.reserve(rows.len().saturating_mul(ENTRY_LENGTH));
        let mut categories = FileCategories::default();
        for row in rows {
            let category = categories.of(row.entry.name.as_str(), row.is_directory());
            self.entry(row, category).render_into(to)?;
            to.push('\n');
        }
        Ok(())
    }

    fn entry<'a>(&self, row: &'a ListingRow, category: FileCategory) -> ListedEntry<'a> {
        let (slash, is_link) = match row.entry.kind {
            EntryKind::File | EntryKind::Unreadable => ("", false),
            EntryKind::Directory => ("/", false),
            EntryKind::LinkToDirectory | EntryKind::Link => ("", true),
        };
        let name = row.entry.name.as_str();
        // Archives hold no links.
        let is_offered = self.has_archives && !is_link;
        ListedEntry {
            is_grid: self.layout == Layout::Grid,
            href: Href(row),
            category,
            above: visible(&row.above),
            name: visible(name),
            slash,
            is_link,
            size: row.entry.size.map(Size),
            modified: row.entry.modified.map(Rfc3339::from),
            selects: FieldValue::new(name).filter(|_| is_offered),
        }
    }
}

impl HtmlSafe for Href<'_> {}

impl FastWritable for Href<'_> {
    fn write_into(&self, to: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(self.write(to)?)
    }
}

/// A name as the value of a form field. Invisible characters are character references, so that they cannot reorder the
/// source of a page, or break its lines.
#[derive(Clone, Copy)]
struct FieldValue<'a>(&'a str);

impl<'a> FieldValue<'a> {
    /// `None` for a name with a control character: forms replace line breaks, and HTML has no reference to the others.
    fn new(name: &'a str) -> Option<FieldValue<'a>> {
        (!name.contains(char::is_control)).then_some(FieldValue(name))
    }
}

impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly every name. A listing may have 100,000.
        if self.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -._".contains(&byte)) {
            return f.write_str(self.0);
        }
        for (letter, is_visible) in letters(self.0) {
            let is_plain = letter == ' ' || (is_visible && !matches!(letter, '"' | '&' | '\'' | '<' | '>'));
            match is_plain {
                true => f.write_char(letter)?,
                false => write!(f, "&#{};", u32::from(letter))?,
            }
        }
        Ok(())
    }
}

impl HtmlSafe for FieldValue<'_> {}

impl FastWritable for FieldValue<'_> {
    fn write_into(&self, to: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(write!(to, "{self}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_name_without_characters_that_act() {
        for (name, value) in [
            ("a b", Some("a b")),
            ("\"<&>'", Some("&#34;&#60;&#38;&#62;&#39;")),
            (" a  b ", Some(" a  b ")),
            ("é漢", Some("é漢")),
            ("a\u{202e}b\u{2028}c", Some("a&#8238;b&#8232;c")),
            ("a\nb", None),
            ("a\rb", None),
            ("a\u{85}b", None),
        ] {
            let written = FieldValue::new(name).map(|value| value.to_string());
            assert_eq!(written.as_deref(), value, "{name:?}");
        }
    }
}
