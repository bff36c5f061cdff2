//! A file with text inserted at one place.

use crate::body::block::{BLOCK, Truncated, read_block};
use crate::http::range::Span;
use crate::number::byte_count;
use crate::tree::Tree;

/// The rest of such a body. Its length is known from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// The bytes of the file before the text.
    pub before: Span,
    /// The text.
    pub text: Vec<u8>,
    /// The bytes of the file after the text.
    pub after: Span,
}

impl Inserted {
    /// A file of `size` bytes with `text` at the offset `at`, or at its end if it is shorter.
    pub fn new(text: Vec<u8>, at: u64, size: u64) -> Inserted {
        let at = at.min(size);
        Inserted { before: Span { start: 0, end: at }, text, after: Span { start: at, end: size } }
    }

    /// The length in bytes.
    pub fn length(&self) -> u64 {
        let of_file = self.before.length().saturating_add(self.after.length());
        of_file.saturating_add(byte_count(&self.text))
    }

    /// Returns the next piece, or `None` at the end.
    ///
    /// # Errors
    /// [`Truncated`] if the file became shorter or cannot be read.
    pub(crate) async fn next<T: Tree>(&mut self, tree: &T, file: &T::File) -> Result<Option<Vec<u8>>, Truncated> {
        if let Some(block) = read_block(tree, file, &mut self.before, BLOCK).await? {
            return Ok(Some(block));
        }
        if !self.text.is_empty() {
            return Ok(Some(std::mem::take(&mut self.text)));
        }
        read_block(tree, file, &mut self.after, BLOCK).await
    }
}
