//! Several ranges of one file in one message: `multipart/byteranges` (RFC 9110 14.6, RFC 2046 5.1).

use crate::http::range::Span;
use crate::media_type::MediaType;
use crate::number::byte_count;
use std::collections::VecDeque;

/// A message with several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    /// The parts in the order of the message.
    pub parts: VecDeque<Part>,
    /// The closing delimiter.
    pub end: Vec<u8>,
    boundary: String,
}

/// A range of the file and the bytes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The delimiter and the header fields of the part.
    pub head: Vec<u8>,
    /// The range of the file.
    pub span: Span,
}

impl Multipart {
    /// The message with these ranges of a file of `size` bytes. The spans must not overlap.
    ///
    /// The boundary is a hash of `seed`, because the handler has no random numbers. If the file contains the boundary,
    /// readers still find the parts by the lengths in Content-Range.
    ///
    /// Each delimiter begins with its line break, the first one too: RFC 2046 5.1.1 makes that an empty preamble, nginx
    /// and Apache send it, and zsync skips a line before the first part.
    pub fn new(spans: &[Span], size: u64, media_type: &MediaType, seed: &str) -> Multipart {
        let boundary = format!("glasshouse-{:016x}", fnv1a(seed.as_bytes()));
        let part = |span: &Span| {
            let (media_type, range) = (media_type.as_str(), span.content_range(size));
            let head = format!("\r\n--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range}\r\n\r\n");
            Part { head: head.into_bytes(), span: *span }
        };
        let parts = spans.iter().map(part).collect();
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        Multipart { parts, end, boundary }
    }

    /// The value of Content-Type.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the message in bytes.
    pub fn length(&self) -> u64 {
        let part = |part: &Part| byte_count(&part.head).saturating_add(part.span.length());
        self.parts.iter().map(part).fold(byte_count(&self.end), u64::saturating_add)
    }
}

/// The FNV-1a hash.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
