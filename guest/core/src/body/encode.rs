//! Content encoded while it is sent (RFC 9110 8.4). It refuses to know where the bytes come from and when encoding
//! pays.

use crate::http::accept::Coding;
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt;
use std::io::Write as _;

/// Sizes in bytes between which a file is encoded: less is not worth a header, more not the wait.
pub const WORTHWHILE: std::ops::RangeInclusive<u64> = 1 << 10..=8 << 20;
/// Codings that can be made here, the better first.
pub const CODINGS: &[Coding] = &[Coding::Brotli, Coding::Gzip];

/// The middle of what both formats offer: most of the gain for little of the time.
const GZIP_LEVEL: u32 = 6;
const BROTLI_LEVEL: u32 = 4;
/// 2^18 bytes are looked back upon: what a page is long, and little memory.
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER: usize = 16 << 10;

/// An encoder: bytes in, fewer bytes out.
pub enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoder::Gzip(_) => "Gzip",
            Encoder::Brotli(_) => "Brotli",
        })
    }
}

impl Encoder {
    /// An encoder for one of [`CODINGS`]; `None` for any other.
    pub fn new(coding: Coding) -> Option<Encoder> {
        match coding {
            Coding::Gzip => Some(Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL)))),
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_LEVEL, BROTLI_WINDOW);
                Some(Encoder::Brotli(Box::new(writer)))
            }
            Coding::Zstd => None,
        }
    }

    /// Takes bytes in; what is encoded by now comes out, which may be nothing.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        // Writing to memory cannot fail.
        match self {
            Encoder::Gzip(encoder) => {
                drop(encoder.write_all(bytes));
                std::mem::take(encoder.get_mut())
            }
            Encoder::Brotli(encoder) => {
                drop(encoder.write_all(bytes));
                std::mem::take(encoder.get_mut())
            }
        }
    }

    /// All that was taken in and has not come out yet.
    pub fn flush(&mut self) -> Vec<u8> {
        // As above.
        match self {
            Encoder::Gzip(encoder) => {
                drop(encoder.flush());
                std::mem::take(encoder.get_mut())
            }
            Encoder::Brotli(encoder) => {
                drop(encoder.flush());
                std::mem::take(encoder.get_mut())
            }
        }
    }

    /// The end of the encoded content.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish().unwrap_or_default(),
            Encoder::Brotli(encoder) => encoder.into_inner(),
        }
    }

    /// All of it at once.
    pub fn encode(coding: Coding, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut encoder = Encoder::new(coding)?;
        let mut encoded = encoder.push(bytes);
        encoded.extend(encoder.finish());
        Some(encoded)
    }
}

#[cfg(test)]
mod tests {
    use crate::body::encode::*;
    use std::io::Read as _;

    fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        let read = match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
            _ => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
        };
        assert!(read.is_ok(), "{coding:?}: {read:?}");
        decoded
    }

    #[test]
    fn what_goes_in_comes_out() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|line| format!("line {}\n", line % 977).into_bytes()).collect();
        for &coding in CODINGS {
            for bytes in [&text[..0], &text[..1], &text[..5000], &text[..]] {
                let Some(mut encoder) = Encoder::new(coding) else { panic!("{coding:?} is listed") };
                let mut encoded: Vec<u8> = bytes.chunks(70_001).flat_map(|chunk| encoder.push(chunk)).collect();
                encoded.extend(encoder.finish());
                assert_eq!(decode(coding, &encoded), bytes, "{coding:?}");
            }
        }
        assert!(Encoder::new(Coding::Zstd).is_none());
    }
}
