//! Encodes content while it is sent (RFC 9110 8.4).

use crate::http::accept::Coding;
use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt;
use std::io;

/// Sizes in bytes of files that are encoded. A smaller file is not worth a header, a larger one not the time.
pub const WORTHWHILE: std::ops::RangeInclusive<u64> = 1 << 10..=8 << 20;
/// The codings that [`Encoder`] supports, the better first.
pub const CODINGS: &[Coding] = &[Coding::Brotli, Coding::Gzip];

/// The middle of each scale: most of the gain for little of the time. Level 6 of gzip takes a third more time, for 1 %
/// fewer bytes of text.
const GZIP_LEVEL: u32 = 5;
const BROTLI_LEVEL: u32 = 4;
/// A window of 2^18 bytes: about the length of a page, and little memory.
const BROTLI_WINDOW: u32 = 18;
const BROTLI_BUFFER: usize = 16 << 10;

/// A streaming encoder.
pub enum Encoder {
    /// RFC 1952.
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// RFC 7932.
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
    /// An encoder for one of [`CODINGS`], or `None` for another coding.
    pub fn new(coding: Coding) -> Option<Encoder> {
        match coding {
            Coding::Gzip => Some(Encoder::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))))),
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_LEVEL, BROTLI_WINDOW);
                Some(Encoder::Brotli(Box::new(writer)))
            }
            Coding::Zstd => None,
        }
    }

    /// Encodes bytes, and returns the output so far, which may be empty.
    ///
    /// # Errors
    /// Those of the encoder. The output is in memory, so none is expected.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.writer().write_all(bytes)?;
        Ok(self.take_output())
    }

    /// Returns the output for every byte pushed so far.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn flush(&mut self) -> io::Result<Vec<u8>> {
        self.writer().flush()?;
        Ok(self.take_output())
    }

    /// Returns the end of the encoded content.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
        }
    }

    /// Encodes all of `bytes` with one of [`CODINGS`].
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] for another coding; else as [`Encoder::push`].
    pub fn encode(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(coding).ok_or(io::ErrorKind::Unsupported)?;
        let mut encoded = encoder.push(bytes)?;
        encoded.extend(encoder.finish()?);
        Ok(encoded)
    }

    fn writer(&mut self) -> &mut dyn io::Write {
        match self {
            Encoder::Gzip(encoder) => encoder,
            Encoder::Brotli(encoder) => encoder,
        }
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Brotli(encoder) => encoder.get_mut(),
        })
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
    fn decoding_gives_the_input() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|line| format!("line {}\n", line % 977).into_bytes()).collect();
        for &coding in CODINGS {
            for bytes in [&text[..0], &text[..1], &text[..5000], &text[..]] {
                let Some(mut encoder) = Encoder::new(coding) else { panic!("{coding:?} is listed") };
                let mut encoded: Vec<u8> =
                    bytes.chunks(70_001).flat_map(|chunk| encoder.push(chunk).expect("memory")).collect();
                encoded.extend(encoder.finish().expect("memory"));
                assert_eq!(decode(coding, &encoded), bytes, "{coding:?}");
            }
        }
        assert!(Encoder::new(Coding::Zstd).is_none());
    }
}
