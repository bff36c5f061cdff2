//! Listings as lines of text.

use crate::listing::{Listing, Row};
use crate::visible::questioned;

/// Entries in lines: the name of each, with a slash behind a directory's. A name with a line break in it must not pass for
/// two, and one that moves a cursor or turns what is around it must not reach a terminal. JSON has names to the byte.
pub fn text_rows(rows: &[Row], to: &mut String) {
    for row in rows {
        questioned(&row.above, to);
        questioned(row.entry.name.as_str(), to);
        to.push_str(slash(row));
        to.push('\n');
    }
}

/// What a line about entries that are not shown begins with: no name does. Spaces may follow while they are counted.
pub fn text_note_begin(to: &mut String) {
    to.push('/');
}

/// What is behind the entries in lines: how many are not shown, if any.
pub fn text_end(listing: &Listing, to: &mut String) {
    if listing.omitted > 0 {
        let are = if listing.omitted == 1 { "entry is" } else { "entries are" };
        to.push_str(&format!(" {} more {are} not shown\n", listing.omitted));
    }
}

fn slash(row: &Row) -> &'static str {
    if row.is_directory() { "/" } else { "" }
}
