//! Checks whether a precompressed file next to another one (`a.css.gz` next to `a.css`) has its content.
//!
//! That does not decode the file: gzip and Zstandard declare the length of their content, which is compared. Brotli
//! does not, so for `.br` only the modification time counts.

use crate::http::accept::Coding;
use crate::tree::{Metadata, Tree, TreeError, optional};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// Bytes of the largest window of Zstandard that clients must support (RFC 9659).
const WINDOW_MAX: u64 = 8 << 20;
/// The most siblings in the cache. One more clears it.
const CACHE_MAX: usize = 1_000;

/// The declared lengths of siblings, so that each version of a file is read once. A response for which the handler
/// reads a file takes longer, and the host cannot replay it.
///
/// Size and time identify a version, as in its ETag.
#[derive(Clone, Debug, Default)]
pub struct Siblings(RefCell<SiblingCache>);

#[derive(Clone, Debug, Default)]
struct SiblingCache {
    /// By path.
    known: BTreeMap<String, (Metadata, DeclaredSize)>,
    mismatches: Vec<SiblingMismatch>,
}

/// The cache does not change responses, so it does not distinguish configurations.
impl PartialEq for Siblings {
    fn eq(&self, _: &Siblings) -> bool {
        true
    }
}

impl Eq for Siblings {}

/// The length of the content that an encoded file declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeclaredSize {
    /// In bytes.
    Exact(u64),
    /// In bytes, modulo 2^32.
    Modulo(u32),
    /// The format does not declare it.
    Unknown,
    /// The file is not in the format that its name claims.
    WrongFormat,
    /// The decoder needs more memory than browsers give it.
    LargeWindow,
}

impl DeclaredSize {
    fn fits(self, size: u64) -> bool {
        match self {
            DeclaredSize::Exact(declared) => declared == size,
            DeclaredSize::Modulo(declared) => u64::from(declared) == size & u64::from(u32::MAX),
            DeclaredSize::Unknown => true,
            DeclaredSize::WrongFormat | DeclaredSize::LargeWindow => false,
        }
    }
}

/// A precompressed file that does not fit the file next to it. Its `Display` is a message for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiblingMismatch {
    path: String,
    declared: DeclaredSize,
    size: u64,
}

impl fmt::Display for SiblingMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SiblingMismatch { path, declared, size } = self;
        match declared {
            DeclaredSize::Exact(declared) => {
                write!(f, "{path:?} is not sent: it holds {declared} bytes, but the file next to it has {size}")
            }
            DeclaredSize::Modulo(declared) => {
                write!(
                    f,
                    "{path:?} is not sent: its trailer declares {declared} bytes, but the file next to it has {size}"
                )
            }
            DeclaredSize::Unknown | DeclaredSize::WrongFormat => {
                write!(f, "{path:?} is not sent: it does not have the format of its suffix")
            }
            DeclaredSize::LargeWindow => {
                write!(
                    f,
                    "{path:?} is not sent: its window is larger than 8 MiB; compress it without --long and --ultra"
                )
            }
        }
    }
}

impl Siblings {
    /// Whether the open file at `path` can be the encoded form of a content of `size` bytes.
    ///
    /// # Errors
    /// [`TreeError`] if the file cannot be read because of a fault.
    pub async fn fits<T: Tree>(
        &self,
        tree: &T,
        (path, file, metadata): (&str, &T::File, Metadata),
        coding: Coding,
        size: u64,
    ) -> Result<bool, TreeError> {
        if let Some(declared) = self.known(path, metadata) {
            return Ok(declared.fits(size));
        }
        let declared = match header_range(coding, metadata.size) {
            Some((offset, length)) if length > 0 => {
                let read = optional(tree.read(file, offset, length).await)?;
                read.map_or(DeclaredSize::WrongFormat, |bytes| declared_size(coding, &bytes))
            }
            Some(_) => DeclaredSize::Unknown,
            None => DeclaredSize::WrongFormat,
        };
        let mut cache = self.0.borrow_mut();
        if cache.known.len() == CACHE_MAX {
            cache.known.clear();
        }
        cache.known.insert(path.to_owned(), (metadata, declared));
        if !declared.fits(size) && cache.mismatches.len() < CACHE_MAX {
            cache.mismatches.push(SiblingMismatch { path: path.to_owned(), declared, size });
        }
        Ok(declared.fits(size))
    }

    /// Returns the mismatches since the last call.
    pub fn take_mismatches(&self) -> Vec<SiblingMismatch> {
        std::mem::take(&mut self.0.borrow_mut().mismatches)
    }

    fn known(&self, path: &str, metadata: Metadata) -> Option<DeclaredSize> {
        let cache = self.0.borrow();
        cache.known.get(path).filter(|(version, _)| *version == metadata).map(|(_, declared)| *declared)
    }
}

/// Offset and length of the bytes that declare the length of the content, in a file of `size` bytes. `None` if the file
/// is too short for its format. The length is 0 if the format does not declare it.
fn header_range(coding: Coding, size: u64) -> Option<(u64, u64)> {
    match coding {
        // RFC 1952 2.3: a header of 10 bytes, at least 2 bytes of content, a checksum, and the length.
        Coding::Gzip => size.checked_sub(4).filter(|_| size >= 18).map(|offset| (offset, 4)),
        // RFC 8878 3.1.1: a magic number, a descriptor, at most 13 bytes of header, and a block.
        Coding::Zstd => (size >= 9).then_some((0, size.min(18))),
        // RFC 7932 9: at least the byte of an empty stream.
        Coding::Brotli => (size > 0).then_some((0, 0)),
    }
}

fn declared_size(coding: Coding, bytes: &[u8]) -> DeclaredSize {
    match coding {
        Coding::Gzip => {
            bytes.try_into().map_or(DeclaredSize::WrongFormat, |end| DeclaredSize::Modulo(u32::from_le_bytes(end)))
        }
        Coding::Zstd => zstd_size(bytes).unwrap_or(DeclaredSize::WrongFormat),
        Coding::Brotli => DeclaredSize::Unknown,
    }
}

/// Reads the header of a Zstandard frame (RFC 8878 3.1.1). `None` if it is invalid.
fn zstd_size(bytes: &[u8]) -> Option<DeclaredSize> {
    let (magic, frame) = bytes.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*magic) {
        0xFD2F_B528 => {}
        // A skippable frame, as parallel encoders write it before others.
        0x184D_2A50..=0x184D_2A5F => return Some(DeclaredSize::Unknown),
        _ => return None,
    }
    let (descriptor, rest) = frame.split_first()?;
    let has_window = descriptor & 0x20 == 0;
    if has_window && window(*rest.first()?) > WINDOW_MAX {
        return Some(DeclaredSize::LargeWindow);
    }
    let rest = rest.get(usize::from(has_window)..)?;
    let rest = match descriptor & 3 {
        0 => rest,
        1 => rest.get(1..)?,
        2 => rest.get(2..)?,
        _ => rest.get(4..)?,
    };
    let size = match descriptor >> 6 {
        0 if has_window => return Some(DeclaredSize::Unknown),
        0 => u64::from(*rest.first()?),
        // The smallest value of two bytes stands for 256.
        1 => u64::from(u16::from_le_bytes(*rest.first_chunk()?)).saturating_add(256),
        2 => u64::from(u32::from_le_bytes(*rest.first_chunk()?)),
        _ => u64::from_le_bytes(*rest.first_chunk()?),
    };
    // Without a window descriptor, the window is the content.
    Some(if !has_window && size > WINDOW_MAX { DeclaredSize::LargeWindow } else { DeclaredSize::Exact(size) })
}

/// The bytes of a window, from its descriptor (RFC 8878 3.1.1.1.2).
fn window(descriptor: u8) -> u64 {
    let base = 1024_u64.checked_shl(u32::from(descriptor >> 3)).unwrap_or(u64::MAX);
    (base / 8).saturating_mul(u64::from(descriptor & 7)).saturating_add(base)
}

#[cfg(test)]
mod tests {
    use crate::at_once;
    use crate::body::encode::Encoder;
    use crate::precompressed::*;
    use crate::tree::memory::MemoryTree;

    fn fit(siblings: &Siblings, coding: Coding, bytes: &[u8], size: u64) -> bool {
        fit_at("a", siblings, coding, bytes, size)
    }

    fn fit_at(path: &str, siblings: &Siblings, coding: Coding, bytes: &[u8], size: u64) -> bool {
        let metadata = Metadata::new(u64::try_from(bytes.len()).unwrap_or_default(), None);
        let (tree, file) = (MemoryTree::default(), bytes.to_vec());
        at_once(siblings.fits(&tree, (path, &file, metadata), coding, size)) == Some(Ok(true))
    }

    #[track_caller]
    fn check(coding: Coding, bytes: &[u8], expected: &[(u64, bool)]) {
        for (size, fits) in expected {
            assert_eq!(fit(&Siblings::default(), coding, bytes, *size), *fits, "{coding:?} {bytes:?} {size}");
        }
    }

    #[test]
    fn encoded_content_fits() {
        for content in [&b""[..], b"x", &[b'a'; 100_000]] {
            let size = u64::try_from(content.len()).unwrap_or_default();
            let gzip = Encoder::encode(Coding::Gzip, content).expect("gzip");
            check(Coding::Gzip, &gzip, &[(size, true), (size + 1, false), (size + (1 << 32), true)]);
            if size > 0 {
                check(Coding::Gzip, gzip.get(..gzip.len() - 1).unwrap_or_default(), &[(size, false)]);
            }
            let brotli = Encoder::encode(Coding::Brotli, content).expect("brotli");
            check(Coding::Brotli, &brotli, &[(size, true), (size + 1, true)]);
        }
        for coding in Coding::ALL {
            check(coding, b"", &[(0, false), (1, false)]);
        }
    }

    #[test]
    fn the_header_of_a_frame_declares_the_length() {
        let frame = |rest: &[u8]| [&[0x28, 0xB5, 0x2F, 0xFD], rest, &[0; 4]].concat();
        check(Coding::Zstd, &frame(&[0x20, 9]), &[(9, true), (8, false)]);
        check(Coding::Zstd, &frame(&[0x60, 1, 1]), &[(513, true), (257, false)]);
        check(Coding::Zstd, &frame(&[0xA0, 1, 0, 1, 0]), &[(65_537, true), (1, false)]);
        check(Coding::Zstd, &frame(&[0xC0, 0x58, 0, 0, 0, 0, 1, 0, 0, 0]), &[(1 << 32, true), (0, false)]);
        // After a window and a dictionary identifier.
        check(Coding::Zstd, &frame(&[0x43, 0, 1, 2, 3, 4, 0, 0]), &[(256, true), (0, false)]);
        // An encoder that reads a pipe does not know the length.
        check(Coding::Zstd, &frame(&[0x00, 0x58]), &[(9, true)]);
        check(Coding::Zstd, &[0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0, 0], &[(9, true)]);
        check(Coding::Zstd, b"<html></html>", &[(13, false)]);
        check(Coding::Zstd, &[0x28, 0xB5, 0x2F, 0xFD, 0xE3, 0, 0, 0, 0], &[(0, false)]);
    }

    /// RFC 8878 3.1.1.1.2: 8 MiB, and more.
    #[test]
    fn browsers_do_not_decode_a_large_window() {
        let frame = |rest: &[u8]| [&[0x28, 0xB5, 0x2F, 0xFD], rest, &[0; 4]].concat();
        check(Coding::Zstd, &frame(&[0x00, 13 << 3]), &[(9, true)]);
        check(Coding::Zstd, &frame(&[0x00, 13 << 3 | 1]), &[(9, false)]);
        check(Coding::Zstd, &frame(&[0x80, 31 << 3 | 7, 9, 0, 0, 0]), &[(9, false)]);
        // The window of a single segment is its content.
        check(Coding::Zstd, &frame(&[0xA0, 0, 0, 0x80, 0]), &[(8 << 20, true)]);
        check(Coding::Zstd, &frame(&[0xA0, 1, 0, 0x80, 0]), &[((8 << 20) + 1, false)]);
    }

    #[test]
    fn each_version_is_read_and_reported_once() {
        let siblings = Siblings::default();
        let gzip = Encoder::encode(Coding::Gzip, b"other").unwrap_or_default();
        for _ in 0..3 {
            assert!(!fit(&siblings, Coding::Gzip, &gzip, 9));
        }
        let messages: Vec<String> = siblings.take_mismatches().iter().map(ToString::to_string).collect();
        assert_eq!(messages, ["\"a\" is not sent: its trailer declares 5 bytes, but the file next to it has 9"]);
        // Its length is cached, also if the file next to it changes.
        assert!(fit(&siblings, Coding::Gzip, &gzip, 5));
        assert_eq!(siblings.take_mismatches(), []);
        for index in 0..CACHE_MAX {
            assert!(!fit_at(&index.to_string(), &siblings, Coding::Gzip, &[b'x'; 100], 9));
        }
        assert_eq!(siblings.take_mismatches().len(), CACHE_MAX);
        assert_eq!(siblings.0.borrow().known.len(), 1);
    }
}
