//! Reads files block by block, and reports files that changed.

use crate::http::range::Span;
use crate::tree::{Tree, TreeError};

/// The most bytes of a file that are read at once: few calls out of the sandbox, and little memory for each client.
pub const BLOCK: u64 = 128 << 10;

/// The content cannot be completed: a file is shorter than it was, the machine fails, or the client is gone. Whoever sends it ends the
/// connection, for a clean end would pass off what was sent for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl From<TreeError> for Truncated {
    fn from(TreeError: TreeError) -> Truncated {
        Truncated
    }
}

/// Takes the next `most` bytes off the front of a span, or what is left of it; `None` where that is nothing. What a file has
/// grown by is not read.
///
/// # Errors
/// [`Truncated`] where the file has not so many bytes any more.
pub async fn read_block<T: Tree>(
    tree: &T,
    file: &T::File,
    span: &mut Span,
    most: u64,
) -> Result<Option<Vec<u8>>, Truncated> {
    let wanted = span.length().min(most);
    if wanted == 0 {
        return Ok(None);
    }
    let block = tree.read(file, span.start, wanted).await.map_err(|_| Truncated)?;
    if u64::try_from(block.len()) != Ok(wanted) {
        return Err(Truncated);
    }
    span.start = span.start.saturating_add(wanted);
    Ok(Some(block))
}
