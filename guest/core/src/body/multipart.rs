//! Several ranges of one file in one message: `multipart/byteranges` (RFC 9110 14.6, RFC 2046 5.1). It refuses to know
//! how ranges are asked for.

use crate::http::range::Span;
use crate::media_type::MediaType;
use std::collections::VecDeque;

/// The parts of a message, each with what precedes it, and the line that ends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    pub parts: VecDeque<Part>,
    pub end: Vec<u8>,
    boundary: String,
}

/// A delimiter with the fields of the part, and the bytes of the file that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub head: Vec<u8>,
    pub span: Span,
}

impl Multipart {
    /// The message with these parts of a file of `size` bytes. `seed` makes the boundary: the handler has no random
    /// numbers, and whoever reads the message goes by the lengths in Content-Range if a file should contain it.
    ///
    /// Each delimiter begins with its line break, the first one too: RFC 2046 5.1.1 makes that an empty preamble, nginx
    /// and Apache send it, and zsync skips a line before it looks for the first part.
    pub fn new(spans: &[Span], size: u64, media: &MediaType, seed: &str) -> Multipart {
        let boundary = format!("glasshouse-{:016x}", hash(seed.as_bytes()));
        let part = |span: &Span| {
            let (media, range) = (media.as_str(), span.content_range(size));
            let head = format!("\r\n--{boundary}\r\ncontent-type: {media}\r\ncontent-range: {range}\r\n\r\n");
            Part { head: head.into_bytes(), span: *span }
        };
        let parts = spans.iter().map(part).collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        Multipart { parts, end, boundary }
    }

    /// The value of Content-Type.
    pub fn media(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the message in bytes. The spans are parts of one file and do not overlap, so it fits.
    pub fn length(&self) -> u64 {
        let heads = self.parts.iter().map(|part| part.head.len()).sum::<usize>().saturating_add(self.end.len());
        let spans = self.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.span.length()));
        spans.saturating_add(u64::try_from(heads).unwrap_or(u64::MAX))
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
