//! Rule: whether a file beside another can hold its content encoded. It refuses to know where the files lie.
//!
//! Not all of it is decoded to find out: gzip and Zstandard say how long their content is, and that is compared. Brotli does
//! not say it, so an old or foreign `.br` is told by its time alone.

use crate::http::accept::Coding;
use crate::tree::{Metadata, Tree, TreeError, found};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// How many siblings are remembered; one more, and the memory begins anew.
const MOST: usize = 1_000;

/// What was read of siblings, so that each version of one is read once: an answer for which a file is read is not given again by
/// a host, and takes longer.
///
/// A version is told apart by size and time, as it is by its ETag.
#[derive(Clone, Debug, Default)]
pub struct Siblings(RefCell<State>);

#[derive(Clone, Debug, Default)]
struct State {
    /// By path.
    known: BTreeMap<String, (Metadata, Declared)>,
    complaints: Vec<SiblingMismatch>,
}

/// What is remembered changes no answer, so it makes no difference between configurations.
impl PartialEq for Siblings {
    fn eq(&self, _: &Siblings) -> bool {
        true
    }
}

impl Eq for Siblings {}

/// How long the content of an encoded file is, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    /// So many bytes.
    Size(u64),
    /// So many bytes, modulo 2^32.
    Modulo(u32),
    /// It does not say.
    Unknown,
    /// It is not encoded in this way at all.
    Foreign,
}

impl Declared {
    fn fits(self, size: u64) -> bool {
        match self {
            Declared::Size(declared) => declared == size,
            Declared::Modulo(declared) => u64::from(declared) == size & u64::from(u32::MAX),
            Declared::Unknown => true,
            Declared::Foreign => false,
        }
    }
}

/// A file that is not sent in the place of the one beside it, for the person who put both there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiblingMismatch {
    path: String,
    declared: Declared,
    size: u64,
}

impl fmt::Display for SiblingMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SiblingMismatch { path, declared, size } = self;
        match declared {
            Declared::Size(declared) => {
                write!(f, "{path:?} is not sent: it holds {declared} bytes, and the file beside it {size}")
            }
            Declared::Modulo(declared) => {
                write!(f, "{path:?} is not sent: by its end it holds {declared} bytes, and the file beside it {size}")
            }
            Declared::Unknown | Declared::Foreign => {
                write!(f, "{path:?} is not sent: it is not encoded as its name says")
            }
        }
    }
}

impl Siblings {
    /// Whether the open file at `path` can hold, encoded, a content of `size` bytes.
    ///
    /// # Errors
    /// [`TreeError`], where the machine fails to tell.
    pub async fn fit<T: Tree>(
        &self,
        tree: &T,
        (path, file, facts): (&str, &T::File, Metadata),
        coding: Coding,
        size: u64,
    ) -> Result<bool, TreeError> {
        if let Some(declared) = self.known(path, facts) {
            return Ok(declared.fits(size));
        }
        // It may have become shorter in the meantime; then what is read means nothing.
        let declared = match window(coding, facts.size) {
            Some((offset, length)) if length > 0 => {
                let read = found(tree.read(file, offset, length).await)?;
                read.map_or(Declared::Foreign, |bytes| declared(coding, &bytes))
            }
            Some(_) => Declared::Unknown,
            None => Declared::Foreign,
        };
        let mut state = self.0.borrow_mut();
        if state.known.len() == MOST {
            state.known.clear();
        }
        state.known.insert(path.to_owned(), (facts, declared));
        if !declared.fits(size) && state.complaints.len() < MOST {
            state.complaints.push(SiblingMismatch { path: path.to_owned(), declared, size });
        }
        Ok(declared.fits(size))
    }

    /// What there was to complain of since this was last asked.
    pub fn complaints(&self) -> Vec<SiblingMismatch> {
        std::mem::take(&mut self.0.borrow_mut().complaints)
    }

    fn known(&self, path: &str, facts: Metadata) -> Option<Declared> {
        let state = self.0.borrow();
        state.known.get(path).filter(|(version, _)| *version == facts).map(|(_, declared)| *declared)
    }
}

/// Where a file of `size` bytes says how long its content is: offset and length. `None` if it is too short to be encoded.
fn window(coding: Coding, size: u64) -> Option<(u64, u64)> {
    match coding {
        // RFC 1952 2.3: a head of ten bytes, content of two at least, a check sum and the length.
        Coding::Gzip => size.checked_sub(4).filter(|_| size >= 18).map(|offset| (offset, 4)),
        // RFC 8878 3.1.1: magic, a descriptor, at most 13 bytes that it announces, and a block.
        Coding::Zstd => (size >= 9).then_some((0, size.min(18))),
        // RFC 7932 9: at least the byte that says that nothing follows.
        Coding::Brotli => (size > 0).then_some((0, 0)),
    }
}

fn declared(coding: Coding, bytes: &[u8]) -> Declared {
    match coding {
        Coding::Gzip => bytes.try_into().map_or(Declared::Foreign, |end| Declared::Modulo(u32::from_le_bytes(end))),
        Coding::Zstd => zstd(bytes),
        Coding::Brotli => Declared::Unknown,
    }
}

/// Reads the head of a Zstandard frame (RFC 8878 3.1.1).
fn zstd(bytes: &[u8]) -> Declared {
    let Some((magic, frame)) = bytes.split_first_chunk::<4>() else { return Declared::Foreign };
    match u32::from_le_bytes(*magic) {
        0xFD2F_B528 => {}
        // A frame to be skipped, as parallel encoders write; it is followed by others.
        0x184D_2A50..=0x184D_2A5F => return Declared::Unknown,
        _ => return Declared::Foreign,
    }
    let Some((descriptor, rest)) = frame.split_first() else { return Declared::Foreign };
    let is_single = descriptor & 0x20 != 0;
    let window = usize::from(!is_single);
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or_default();
    let length = match descriptor >> 6 {
        0 if is_single => 1,
        0 => return Declared::Unknown,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let field = rest.get(window + dictionary..).and_then(|rest| rest.get(..length));
    let Some(field) = field else { return Declared::Foreign };
    let number = field.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Of two bytes, the smallest value stands for 256.
    Declared::Size(if length == 2 { number + 256 } else { number })
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
        let facts = Metadata { size: u64::try_from(bytes.len()).unwrap_or_default(), modified: None, changed: None };
        let (tree, file) = (MemoryTree::default(), bytes.to_vec());
        at_once(siblings.fit(&tree, (path, &file, facts), coding, size)) == Some(Ok(true))
    }

    #[track_caller]
    fn check(coding: Coding, bytes: &[u8], expected: &[(u64, bool)]) {
        for (size, fits) in expected {
            assert_eq!(fit(&Siblings::default(), coding, bytes, *size), *fits, "{coding:?} {bytes:?} {size}");
        }
    }

    #[test]
    fn what_was_encoded_fits() {
        for content in [&b""[..], b"x", &[b'a'; 100_000]] {
            let size = u64::try_from(content.len()).unwrap_or_default();
            let gzip = Encoder::encode(Coding::Gzip, content).unwrap_or_default();
            check(Coding::Gzip, &gzip, &[(size, true), (size + 1, false), (size + (1 << 32), true)]);
            if size > 0 {
                check(Coding::Gzip, gzip.get(..gzip.len() - 1).unwrap_or_default(), &[(size, false)]);
            }
            let brotli = Encoder::encode(Coding::Brotli, content).unwrap_or_default();
            check(Coding::Brotli, &brotli, &[(size, true), (size + 1, true)]);
        }
        for coding in Coding::ALL {
            check(coding, b"", &[(0, false), (1, false)]);
        }
    }

    #[test]
    fn the_head_of_a_frame_says_how_long_it_is() {
        let frame = |rest: &[u8]| [&[0x28, 0xB5, 0x2F, 0xFD], rest, &[0; 4]].concat();
        check(Coding::Zstd, &frame(&[0x20, 9]), &[(9, true), (8, false)]);
        check(Coding::Zstd, &frame(&[0x60, 1, 1]), &[(513, true), (257, false)]);
        check(Coding::Zstd, &frame(&[0xA0, 1, 0, 1, 0]), &[(65_537, true), (1, false)]);
        check(Coding::Zstd, &frame(&[0xE0, 0, 0, 0, 0, 1, 0, 0, 0]), &[(1 << 32, true), (0, false)]);
        // With a window and an identifier of a dictionary before it.
        check(Coding::Zstd, &frame(&[0x43, 0, 1, 2, 3, 4, 0, 0]), &[(256, true), (0, false)]);
        // From a pipe its length is not known beforehand.
        check(Coding::Zstd, &frame(&[0x00, 0x58]), &[(9, true)]);
        check(Coding::Zstd, &[0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0, 0], &[(9, true)]);
        check(Coding::Zstd, b"<html></html>", &[(13, false)]);
        check(Coding::Zstd, &[0x28, 0xB5, 0x2F, 0xFD, 0xE3, 0, 0, 0, 0], &[(0, false)]);
    }

    #[test]
    fn each_version_is_read_and_complained_of_once() {
        let siblings = Siblings::default();
        let gzip = Encoder::encode(Coding::Gzip, b"other").unwrap_or_default();
        for _ in 0..3 {
            assert!(!fit(&siblings, Coding::Gzip, &gzip, 9));
        }
        let told: Vec<String> = siblings.complaints().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["\"a\" is not sent: by its end it holds 5 bytes, and the file beside it 9"]);
        // What it holds is known, whatever becomes of the file beside it.
        assert!(fit(&siblings, Coding::Gzip, &gzip, 5));
        assert_eq!(siblings.complaints(), []);
        for index in 0..MOST {
            assert!(!fit_at(&index.to_string(), &siblings, Coding::Gzip, &[b'x'; 100], 9));
        }
        assert_eq!(siblings.complaints().len(), MOST);
        assert_eq!(siblings.0.borrow().known.len(), 1);
    }
}
