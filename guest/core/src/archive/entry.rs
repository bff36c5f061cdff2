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
}
