//! A file of an archive while it is read.

use crate::archive::fingerprint::version;
use crate::body::block::{Truncated, read_block};
use crate::http::range::Span;
use crate::tree::{Metadata, OpenedNode, Tree, optional};

/// An open file, as long as it was when it was opened.
#[derive(Debug)]
pub(super) struct Member<F> {
    file: F,
    /// The path in the tree.
    path: String,
    metadata: Metadata,
    /// The bytes that are not read yet.
    rest: Span,
}

impl<F> Member<F> {
    /// Opens the file at a path of the tree. `None` if it cannot be opened.
    ///
    /// # Errors
    /// [`Truncated`] if the tree fails.
    pub(super) async fn open<T: Tree<File = F>>(tree: &T, path: String) -> Result<Option<Member<F>>, Truncated> {
        Ok(match optional(tree.open(&path).await)? {
            Some(OpenedNode::File(file, metadata)) => {
                Some(Member { file, path, metadata, rest: Span { start: 0, end: metadata.size } })
            }
            Some(OpenedNode::Directory) | None => None,
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A hash of its size and modification time.
    pub(super) fn version(&self) -> u64 {
        version(self.metadata.size, self.metadata.modified)
    }

    /// The number of bytes that are not read yet.
    pub(super) fn left(&self) -> u64 {
        self.rest.length()
    }

    /// Passes bytes without reading them.
    pub(super) fn skip(&mut self, length: u64) {
        self.rest.start = self.rest.start.saturating_add(length).min(self.rest.end);
    }

    /// Reads the next bytes, at most `most`. Returns `None` at the end, if the file is unchanged.
    ///
    /// # Errors
    /// [`Truncated`] if the read fails, or if the file changed since it was opened.
    pub(super) async fn read<T: Tree<File = F>>(&mut self, tree: &T, most: u64) -> Result<Option<Vec<u8>>, Truncated> {
        if let Some(bytes) = read_block(tree, &self.file, &mut self.rest, most).await? {
            return Ok(Some(bytes));
        }
        let beyond = tree.read(&self.file, self.rest.end, 1).await.map_err(|_| Truncated)?;
        // A file that was overwritten would be a mix of two versions with a valid checksum.
        let now = optional(tree.metadata(&self.path).await)?;
        let is_same = beyond.is_empty() && now.is_some_and(|now| now.agrees_with(&self.metadata));
        if is_same { Ok(None) } else { Err(Truncated) }
    }
}
