//! A listing written down, whole or piece by piece, in the form that was asked for. It refuses to know what the forms look
//! like.

use crate::body::block::Truncated;
use crate::listing::{Listing, html, json, text};
use crate::output_format::OutputFormat;
use crate::tree::Tree;
use std::ops::Range;

/// Rows that are looked at and written down in one piece: a page of them takes about a hundred thousand bytes.
const ROWS: usize = 400;

/// Rows that are looked at in one step before they are sorted, if what they are sorted by has to be looked at.
const LOOKED_AT: usize = 20_000;
/// Entries that are counted with each piece of rows, and in one step when all rows are sent.
const COUNTED: [usize; 2] = [4_000, 100_000];

/// A listing that is written down piece by piece.
#[derive(Debug)]
pub struct ListingStream {
    listing: Listing,
    due: Due,
}

/// The piece that comes next.
#[derive(Clone, Copy, Debug)]
enum Due {
    Begin,
    /// Looks at rows from this one on, to sort them.
    Look(usize),
    Sort,
    Rows(usize),
    /// Counts what is left of the directory, and ends.
    End,
    Nothing,
}

impl ListingStream {
    /// A listing whose rows are still to be sorted.
    pub fn new(listing: Listing) -> ListingStream {
        ListingStream { listing, due: Due::Begin }
    }

    /// The next piece; `None` behind the last. The first one needs nothing of the tree, so a client sees it at once.
    ///
    /// # Errors
    /// [`Truncated`] where the machine fails: rows that nobody could look at must not pass for looked at.
    pub async fn next<T: Tree>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        let mut piece = String::new();
        while piece.is_empty() {
            match self.due {
                Due::Begin => {
                    begin(&self.listing, &mut piece);
                    self.due = Due::Look(0);
                }
                Due::Look(from) => {
                    let to = from.saturating_add(LOOKED_AT).min(self.listing.rows.len());
                    self.listing.look_to_sort(tree, from..to).await?;
                    self.due = if to < self.listing.rows.len() { Due::Look(to) } else { Due::Sort };
                    wait(&self.listing, self.due, &mut piece);
                }
                Due::Sort => {
                    self.listing.sort();
                    self.due = Due::Rows(0);
                    wait(&self.listing, self.due, &mut piece);
                }
                Due::Rows(from) if from < self.listing.rows.len() => {
                    let to = from.saturating_add(ROWS).min(self.listing.rows.len());
                    self.listing.look_at(tree, from..to).await?;
                    rows(&self.listing, from..to, &mut piece);
                    self.listing.count(COUNTED[0])?;
                    self.due = Due::Rows(to);
                }
                Due::Rows(_) => {
                    if self.listing.omitted > 0 && self.listing.form == OutputFormat::Text {
                        text::text_note_begin(&mut piece);
                    }
                    self.due = Due::End;
                }
                Due::End if self.listing.count(COUNTED[1])? => piece.push(' '),
                Due::End => {
                    self.listing.read_readme(tree).await?;
                    end(&self.listing, &mut piece);
                    self.due = Due::Nothing;
                }
                Due::Nothing => return Ok(None),
            }
        }
        Ok(Some(piece.into_bytes()))
    }
}

/// A listing whose rows are sorted and looked at, all at once.
pub fn whole(listing: &Listing) -> Vec<u8> {
    let mut sheet = String::new();
    begin(listing, &mut sheet);
    rows(listing, 0..listing.rows.len(), &mut sheet);
    if listing.omitted > 0 && listing.form == OutputFormat::Text {
        text::text_note_begin(&mut sheet);
    }
    end(listing, &mut sheet);
    sheet.into_bytes()
}

/// A sign that work goes on, where it means nothing to whoever reads it: before the rows of a page and of JSON. Lines of
/// text have no such place, so there it is a line of its own, which begins as no name does; only very many rows need it.
fn wait(listing: &Listing, due: Due, to: &mut String) {
    let is_sorted = matches!(due, Due::Rows(_));
    match listing.form {
        OutputFormat::Page | OutputFormat::Json => to.push('\n'),
        OutputFormat::Text if !listing.takes_long() => {}
        OutputFormat::Text if is_sorted => to.push('\n'),
        OutputFormat::Text => to.push('/'),
    }
}

fn begin(listing: &Listing, to: &mut String) {
    match listing.form {
        OutputFormat::Page => to.push_str(&html::begin(listing)),
        OutputFormat::Json => to.push_str(&json::json_begin(listing)),
        OutputFormat::Text => {}
    }
}

fn rows(listing: &Listing, range: Range<usize>, to: &mut String) {
    let are_first = range.start == 0;
    let rows = listing.rows.get(range).unwrap_or_default();
    match listing.form {
        OutputFormat::Page => html::rows(listing, rows, to),
        OutputFormat::Json => json::json_rows(rows, are_first, to),
        OutputFormat::Text => text::text_rows(rows, to),
    }
}

fn end(listing: &Listing, to: &mut String) {
    match listing.form {
        OutputFormat::Page => to.push_str(&html::end(listing)),
        OutputFormat::Json => to.push_str(&json::json_end(listing)),
        OutputFormat::Text => text::text_end(listing, to),
    }
}
