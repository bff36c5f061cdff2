//! Reads the contents of files: digests, and encoded variants.

use crate::error::PackError;
use crate::folder::{Folder, length};
use crate::numbers::byte_count;
use glasshouse_core::http::accept::Coding;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

/// Smaller files fit into the first packets of a connection anyway.
const MIN_LENGTH: usize = 256;
/// The best levels: a site is packed once and sent often.
const GZIP_LEVEL: u32 = 9;
const ZSTD_LEVEL: i32 = 22;
/// 8 MiB, the largest window that clients must support (RFC 9659).
const ZSTD_WINDOW: u32 = 23;
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 24;

/// The content of a file in a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// That of the file with this path in the folder.
    File { path: String, digest: u128 },
    /// Bytes of the spool.
    Spooled { start: u64, length: u32 },
}

/// A temporary file with the contents that are not in the folder.
pub(crate) struct Spool {
    file: Mutex<File>,
}

impl Spool {
    pub(crate) fn new() -> Result<Spool, PackError> {
        Ok(Spool { file: Mutex::new(tempfile::tempfile().map_err(PackError::Temporary)?) })
    }

    fn add(&self, bytes: &[u8]) -> io::Result<Content> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let start = file.seek(SeekFrom::End(0))?;
        file.write_all(bytes)?;
        Ok(Content::Spooled { start, length: u32::try_from(bytes.len()).unwrap_or(u32::MAX) })
    }

    fn copy(&self, start: u64, length: u32, to: &mut impl Write) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        io::copy(&mut (&mut *file).take(length.into()), to).map(drop)
    }
}

/// A variant of a file in a coding.
#[derive(Debug)]
pub(crate) struct EncodedVariant {
    pub(crate) coding: Coding,
    pub(crate) content: Content,
    pub(crate) length: u32,
    pub(crate) digest: u128,
}

/// The digest of a file of an expected length.
///
/// # Errors
/// [`PackError::Changed`] if it has another length, [`PackError::Read`] if it cannot be read.
pub(crate) fn digest(folder: &Folder, path: &str, expected: u32) -> Result<u128, PackError> {
    let mut hashing = Hashing { hasher: Sha256::new(), to: &mut io::sink() };
    copy(folder, path, expected, &mut hashing)?;
    Ok(short(hashing.hasher))
}

/// The digest of a file, and its variants that are shorter than the file, except those in `existing`. Both are of the
/// same bytes, also if the file changes meanwhile.
///
/// # Errors
/// As [`digest`], and errors of the spool.
pub(crate) fn encode(
    folder: &Folder,
    path: &str,
    expected: u32,
    existing: &[Coding],
    spool: &Spool,
) -> Result<(u128, Vec<EncodedVariant>), PackError> {
    let mut bytes = Vec::new();
    copy(folder, path, expected, &mut bytes)?;
    let of_file = short(Sha256::new_with_prefix(&bytes));
    if bytes.len() < MIN_LENGTH {
        return Ok((of_file, Vec::new()));
    }
    let mut variants = Vec::new();
    for coding in Coding::ALL.into_iter().filter(|coding| !existing.contains(coding)) {
        let encoded = encoded(coding, &bytes)?;
        // Not worth an entry if it saves less than a twentieth.
        if encoded.len().saturating_mul(20) < bytes.len().saturating_mul(19) {
            let digest = short(Sha256::new_with_prefix(&encoded));
            let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
            let content = spool.add(&encoded).map_err(PackError::Temporary)?;
            variants.push(EncodedVariant { coding, content, length, digest });
        }
    }
    Ok((of_file, variants))
}

fn encoded(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Zstd => {
            let mut encoder = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
            encoder.window_log(ZSTD_WINDOW)?;
            encoder.compress(bytes)
        }
        Coding::Brotli => {
            let mut encoded = Vec::new();
            let size = usize::try_from(byte_count(bytes).min(1 << 20)).unwrap_or(1 << 20);
            let mut encoder = brotli::CompressorWriter::new(&mut encoded, size.max(1), BROTLI_QUALITY, BROTLI_WINDOW);
            encoder.write_all(bytes)?;
            encoder.flush()?;
            drop(encoder);
            Ok(encoded)
        }
    }
}

impl Content {
    /// Writes the content.
    ///
    /// # Errors
    /// [`PackError::Changed`] if a file has another content than its digest.
    pub(crate) fn write(
        &self,
        folder: &Folder,
        expected: u32,
        spool: &Spool,
        to: &mut impl Write,
    ) -> Result<(), PackError> {
        match self {
            Content::Spooled { start, length } => Ok(spool.copy(*start, *length, to)?),
            Content::File { path, digest } => {
                let mut hashing = Hashing { hasher: Sha256::new(), to };
                copy(folder, path, expected, &mut hashing)?;
                if short(hashing.hasher) == *digest { Ok(()) } else { Err(PackError::Changed { path: path.clone() }) }
            }
        }
    }
}

/// A writer that computes the digest of what it writes.
struct Hashing<'a, W> {
    hasher: Sha256,
    to: &'a mut W,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Copies a file of an expected length.
fn copy(folder: &Folder, path: &str, expected: u32, to: &mut impl Write) -> Result<(), PackError> {
    let failed = |error: io::Error| PackError::Read { path: path.to_owned(), source: error };
    let changed = || PackError::Changed { path: path.to_owned() };
    let (mut file, stat) = folder.file(path).map_err(failed)?;
    if length(&stat)? != expected {
        return Err(changed());
    }
    let mut block = vec![0; 64 << 10];
    let mut left = usize::try_from(expected).unwrap_or(usize::MAX);
    loop {
        let count = file.read(&mut block).map_err(failed)?;
        if count == 0 {
            return if left == 0 { Ok(()) } else { Err(changed()) };
        }
        left = left.checked_sub(count).ok_or_else(changed)?;
        to.write_all(block.get(..count).unwrap_or_default())?;
    }
}

/// The first 128 bits of a digest.
fn short(hasher: Sha256) -> u128 {
    hasher.finalize().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}
