//! The parts of an archive entry that all formats share.

/// The bytes of a file that are read at once: what one stored block of deflate can hold (RFC 1951 3.2.4).
pub(super) const CHUNK: u64 = 0xFFFF;

/// The bytes that end an entry.
#[derive(Debug, Default)]
pub(super) struct EntryEnd {
    /// The bytes after the content.
    pub now: Vec<u8>,
    /// The bytes for the end of the archive.
    pub trailer: Vec<u8>,
    /// Whether the checksum of the content is missing in both.
    pub lacks_sum: bool,
}

/// Lengths in bytes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryLength {
    /// With its content.
    pub now: u64,
    /// Of its part of the end of the archive.
    pub trailer: u64,
}

/// A part of the content of an entry that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SkippedContent {
    /// Its length in the file.
    pub content: u64,
    /// Its length in the archive.
    pub framed: u64,
}

impl SkippedContent {
    /// The longest next part of a content of `left` bytes within `gap` bytes of the archive. A block of [`CHUNK`] bytes
    /// has a head of `overhead` bytes.
    pub(super) fn within(gap: u64, left: u64, overhead: u64) -> SkippedContent {
        let framed = |content: u64| content.saturating_add(content.div_ceil(CHUNK).saturating_mul(overhead));
        let blocks = gap.checked_div(CHUNK.saturating_add(overhead)).unwrap_or_default();
        let content = if gap >= framed(left) { left } else { blocks.saturating_mul(CHUNK).min(left) };
        SkippedContent { content, framed: framed(content) }
    }
}
