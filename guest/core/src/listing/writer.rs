//! The trait that each listing format implements.

use crate::listing::Listing;
use crate::output_format::RenderError;
use std::fmt;
use std::ops::Range;

/// Writes listings in one format. The calls are `begin`, `rows` for consecutive ranges of the sorted rows,
/// `begin_note` if entries are omitted, and `end`. `keep_alive` may come between `begin` and `rows`.
pub trait ListingWriter: fmt::Debug {
    /// Writes what precedes the rows.
    ///
    /// # Errors
    /// [`RenderError`] if a template or a value cannot be written.
    fn begin(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError>;

    /// Writes the rows in a range.
    ///
    /// # Errors
    /// As [`ListingWriter::begin`].
    fn rows(&self, listing: &Listing, range: Range<usize>, to: &mut String) -> Result<(), RenderError>;

    /// Writes the start of a note about omitted entries, while they are still counted. Spaces may follow it.
    fn begin_note(&self, _to: &mut String) {}

    /// Writes what follows the rows, with the number of omitted entries.
    ///
    /// # Errors
    /// As [`ListingWriter::begin`].
    fn end(&self, listing: &Listing, to: &mut String) -> Result<(), RenderError>;

    /// Writes a character without a meaning to readers, so that the client sees progress. `is_sorted` is `true` if the
    /// rows follow.
    fn keep_alive(&self, _listing: &Listing, _is_sorted: bool, to: &mut String) {
        to.push('\n');
    }
}
