//! The part of an archive that a response contains: everything, a range, or several ranges.

use crate::body::multipart::{Multipart, Part};
use crate::http::range::Span;
use crate::number::{byte_count, to_u64, to_usize};
use std::collections::VecDeque;

/// The wanted ranges that are not sent yet, and the position in the archive.
#[derive(Debug)]
pub(super) struct ArchiveExtent {
    /// The offset of the next byte of the archive.
    position: u64,
    /// The ranges in the order of the archive, with the bytes before each of them.
    parts: VecDeque<Part>,
    /// The bytes after the last range.
    end: Vec<u8>,
}

impl ArchiveExtent {
    /// One range.
    pub(super) fn of(span: Span) -> ArchiveExtent {
        ArchiveExtent { position: 0, parts: [Part { head: Vec::new(), span }].into(), end: Vec::new() }
    }

    /// Several ranges. They are sent in the order of the archive, because a step back would mean another walk. Clients
    /// find ranges by Content-Range (RFC 9110 15.3.7.2).
    pub(super) fn of_parts(multipart: Multipart) -> ArchiveExtent {
        let Multipart { mut parts, end, .. } = multipart;
        parts.make_contiguous().sort_by_key(|part| part.span.start);
        ArchiveExtent { position: 0, parts, end }
    }

    /// The offset of the next byte of the archive.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether every wanted byte is sent.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.is_empty()
    }

    /// The number of bytes before the next wanted one; `u64::MAX` after the last one.
    pub(super) fn gap(&self) -> u64 {
        self.parts.front().map_or(u64::MAX, |part| part.span.start.saturating_sub(self.position))
    }

    /// Whether any of the next `length` bytes is wanted.
    pub(super) fn wants(&self, length: u64) -> bool {
        self.gap() < length
    }

    /// Whether any byte from this offset on is wanted.
    pub(super) fn wants_after(&self, offset: u64) -> bool {
        self.parts.back().is_some_and(|part| part.span.end > offset)
    }

    /// Passes bytes that are not wanted.
    pub(super) fn skip(&mut self, length: u64) {
        self.position = self.position.saturating_add(length);
    }

    /// Appends the wanted ones of the next bytes of the archive.
    pub(super) fn push(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(part) = self.parts.front_mut()
            && !rest.is_empty()
        {
            let before = to_usize(part.span.start.saturating_sub(self.position)).min(rest.len());
            rest = rest.get(before..).unwrap_or_default();
            self.position = self.position.saturating_add(to_u64(before));
            if rest.is_empty() {
                return;
            }
            to.append(&mut part.head);
            let wanted = to_usize(part.span.end.saturating_sub(self.position)).min(rest.len());
            to.extend(rest.get(..wanted).unwrap_or_default());
            rest = rest.get(wanted..).unwrap_or_default();
            self.position = self.position.saturating_add(to_u64(wanted));
            if self.position >= part.span.end {
                self.parts.pop_front();
            }
        }
        self.skip(byte_count(rest));
    }

    /// The same for the bytes of `to` from `mark` on, which are the next ones of the archive. Wanted ones stay in
    /// place.
    pub(super) fn clip(&mut self, to: &mut Vec<u8>, mark: usize) {
        let after = self.position.saturating_add(to_u64(to.len().saturating_sub(mark)));
        let is_within = |part: &Part| part.head.is_empty() && part.span.start <= self.position && after < part.span.end;
        if self.parts.front().is_some_and(is_within) {
            self.position = after;
        } else {
            let bytes = to.split_off(mark);
            self.push(&bytes, to);
        }
    }

    /// Appends the bytes after the last range.
    pub(super) fn finish(&mut self, to: &mut Vec<u8>) {
        to.append(&mut self.end);
    }
}
