//! Reads an open file block by block, and reports a file that became shorter.

use crate::http::range::Span;
use crate::output_format::RenderError;
use crate::tree::{Tree, TreeError};

/// The largest read of a file, in bytes: few calls out of the sandbox, and little memory for each client.
pub const BLOCK: u64 = 128 << 10;

/// The rest of a body is not available: a file became shorter, a read failed, or the client has gone.
///
/// The sender must abort the connection. A clean end would make the client take the part for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl From<TreeError> for Truncated {
    fn from(TreeError: TreeError) -> Truncated {
        Truncated
    }
}

impl From<RenderError> for Truncated {
    fn from(RenderError: RenderError) -> Truncated {
        Truncated
    }
}

/// Reads at most `most` bytes from the front of a span and removes them from it. Returns `None` if the span is empty.
/// Bytes after the span are not read, even if the file has grown.
///
/// # Errors
/// [`Truncated`] if the read fails or the file ends within the block.
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
