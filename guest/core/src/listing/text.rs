//! Listings as lines of text.

use crate::listing::writer::ListingWriter;
use crate::listing::{Listing, ListingRow};
use crate::output_format::RenderError;
use crate::visible::questioned;
use std::fmt::Write as _;
use std::ops::Range;

/// One line for each entry: its name, with a slash after the name of a directory.
///
/// A name with a line break must not look like two entries, and control characters must not reach a terminal. So `?`
/// replaces each invisible character. JSON has the exact names.
#[derive(Debug)]
pub struct TextListing;

impl ListingWriter for TextListing {
    fn begin(&self, _: &Listing, _: &mut String) -> Result<(), RenderError> {
        Ok(())
    }

    fn rows(&self, listing: &Listing, range: Range<usize>, to: &mut String) -> Result<(), RenderError> {
        for row in listing.rows.get(range).unwrap_or_default() {
            questioned(&row.above, to);
            questioned(row.entry.name.as_str(), to);
            to.push_str(slash(row));
            to.push('\n');
        }
        Ok(())
    }

    /// No name begins with a slash, so the line cannot be an entry.
    fn begin_note(&self, to: &mut String) {
        to.push('/');
    }

    fn end(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError> {
        if listing.omitted > 0 {
            let are = if listing.omitted == 1 { "entry is" } else { "entries are" };
            writeln!(to, " {} more {are} not shown", listing.omitted)?;
        }
        Ok(())
    }

    /// Every character of this format has a meaning. So this writes a line that cannot be an entry, and only if the
    /// rows take long: a slash for each step, and a line break at the end.
    fn keep_alive(&self, listing: &Listing, is_sorted: bool, to: &mut String) {
        if listing.takes_long() {
            to.push(if is_sorted { '\n' } else { '/' });
        }
    }
}

fn slash(row: &ListingRow) -> &'static str {
    if row.is_directory() { "/" } else { "" }
}
