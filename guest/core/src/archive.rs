//! Archives of a directory and everything below it, for download.
//!
//! An archive contains what the listings of these directories show. It omits symbolic links: their targets are
//! elsewhere, and are in the archive under their own names if they are below the directory. It omits files that cannot
//! be read, and names them in a note. Entries are in the byte order of their names, and a directory comes before its
//! entries, so an unchanged directory gives the same bytes again.

pub mod format;

mod entry;
mod extent;
mod fingerprint;
mod left_out;
mod member;
mod plan;
mod selection;
mod stream;
mod tar;
mod walk;
mod writer;
mod zip;

pub use plan::Plan;
pub use selection::Selection;
pub use stream::Archive;

#[cfg(test)]
mod tests;
