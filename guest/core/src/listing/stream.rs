//! Writes a listing in its format, whole or piece by piece.

use crate::body::block::Truncated;
use crate::listing::Listing;
use crate::listing::html::HtmlListing;
use crate::listing::json::JsonListing;
use crate::listing::text::TextListing;
use crate::listing::writer::ListingWriter;
use crate::output_format::{OutputFormat, RenderError};
use crate::tree::Tree;

/// Rows in one piece. In HTML that is about 100,000 bytes, and a group of rows whose height `listing.css` estimates.
const ROWS: usize = 300;

/// Rows that one step reads the metadata of, before they are sorted.
const STAT_ROWS: usize = 20_000;
/// Entries that are counted with each piece of rows.
const COUNTED_WITH_ROWS: usize = 4_000;
/// Entries that one step counts after the last row.
const COUNTED_AT_END: usize = 100_000;

/// A long listing that is written piece by piece.
#[derive(Debug)]
pub struct ListingStream {
    listing: Listing,
    writer: &'static dyn ListingWriter,
    step: ListingStep,
}

/// What the next call does.
#[derive(Clone, Copy, Debug)]
enum ListingStep {
    Begin,
    /// Reads the metadata of rows from this one on, as far as sorting needs it.
    Stat(usize),
    Sort,
    Rows(usize),
    /// Counts the rest of the directory and ends.
    End,
    Done,
}

impl ListingStream {
    /// A stream of a listing whose rows are not sorted yet.
    pub fn new(listing: Listing) -> ListingStream {
        let writer = writer(listing.format);
        ListingStream { listing, writer, step: ListingStep::Begin }
    }

    /// Returns the next piece, or `None` after the last one. The first piece needs no call of the tree, so that the
    /// client gets it early.
    ///
    /// # Errors
    /// [`Truncated`] if the tree reports a fault or a piece cannot be written.
    pub async fn next<T: Tree>(&mut self, tree: &T) -> Result<Option<Vec<u8>>, Truncated> {
        let mut piece = String::new();
        while piece.is_empty() {
            match self.step {
                ListingStep::Begin => {
                    self.writer.begin(&self.listing, &mut piece)?;
                    self.step = ListingStep::Stat(0);
                }
                ListingStep::Stat(from) => {
                    let to = self.end_of(from, STAT_ROWS);
                    self.listing.stat_for_sort(tree, from..to).await?;
                    self.step = if to < self.listing.rows.len() { ListingStep::Stat(to) } else { ListingStep::Sort };
                    self.writer.keep_alive(&self.listing, false, &mut piece);
                }
                ListingStep::Sort => {
                    self.listing.sort();
                    self.step = ListingStep::Rows(0);
                    self.writer.keep_alive(&self.listing, true, &mut piece);
                }
                ListingStep::Rows(from) if from < self.listing.rows.len() => {
                    let to = self.end_of(from, ROWS);
                    self.listing.stat_rest(tree, from..to).await?;
                    self.writer.rows(&self.listing, from..to, &mut piece)?;
                    self.listing.count(COUNTED_WITH_ROWS)?;
                    self.step = ListingStep::Rows(to);
                }
                ListingStep::Rows(_) => {
                    if self.listing.omitted > 0 {
                        self.writer.begin_note(&mut piece);
                    }
                    self.step = ListingStep::End;
                }
                ListingStep::End if self.listing.count(COUNTED_AT_END)? => piece.push(' '),
                ListingStep::End => {
                    self.listing.read_readme(tree).await?;
                    self.writer.end(&self.listing, &mut piece)?;
                    self.step = ListingStep::Done;
                }
                ListingStep::Done => return Ok(None),
            }
        }
        Ok(Some(piece.into_bytes()))
    }

    fn end_of(&self, from: usize, rows: usize) -> usize {
        from.saturating_add(rows).min(self.listing.rows.len())
    }
}

/// Writes a short listing, whose rows are sorted and have their metadata.
///
/// # Errors
/// [`RenderError`] if a piece cannot be written.
pub fn whole(listing: &Listing) -> Result<Vec<u8>, RenderError> {
    whole_with(writer(listing.format), listing)
}

fn whole_with(writer: &dyn ListingWriter, listing: &Listing) -> Result<Vec<u8>, RenderError> {
    let mut text = String::new();
    writer.begin(listing, &mut text)?;
    writer.rows(listing, 0..listing.rows.len(), &mut text)?;
    if listing.omitted > 0 {
        writer.begin_note(&mut text);
    }
    writer.end(listing, &mut text)?;
    Ok(text.into_bytes())
}

fn writer(format: OutputFormat) -> &'static dyn ListingWriter {
    match format {
        OutputFormat::Html => &HtmlListing,
        OutputFormat::Json => &JsonListing,
        OutputFormat::Text => &TextListing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::at_once;
    use crate::config::Config;
    use crate::http::refusal::Refusal;
    use crate::http::request::Request;
    use crate::tree::memory::{MemoryNode, MemoryTree};
    use std::ops::Range;

    /// A format whose rows cannot be written.
    #[derive(Debug)]
    struct Broken;

    impl ListingWriter for Broken {
        fn begin(&self, _: &Listing, to: &mut String) -> Result<(), RenderError> {
            to.push('[');
            Ok(())
        }

        fn rows(&self, _: &Listing, _: Range<usize>, _: &mut String) -> Result<(), RenderError> {
            Err(RenderError)
        }

        fn end(&self, _: &Listing, to: &mut String) -> Result<(), RenderError> {
            to.push(']');
            Ok(())
        }
    }

    #[test]
    fn rows_that_cannot_be_written_end_a_listing() {
        let mut tree = MemoryTree::default();
        tree.insert("a", MemoryNode::File(Vec::new(), None));
        let request = Request::read("GET", Some("/"), |_| Vec::new());
        let target = request.target.clone().expect("a target");
        let listing = at_once(Listing::read(&request, &target, &tree, &Config::default()));
        let listing = listing.expect("memory never waits").expect("a directory");

        let whole = whole_with(&Broken, &listing);
        assert_eq!(whole.map_err(|error| Refusal::from(error).status()), Err(500));

        let mut stream = ListingStream { listing, writer: &Broken, step: ListingStep::Begin };
        let mut pieces = Vec::new();
        let end = loop {
            match at_once(stream.next(&tree)).expect("memory never waits") {
                Ok(Some(piece)) => pieces.push(piece),
                end => break end,
            }
        };
        assert_eq!((pieces.concat(), end), (b"[\n\n".to_vec(), Err(Truncated)));
    }
}
