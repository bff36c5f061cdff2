//! The archive formats.

use crate::media_type::MediaType;

/// An archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// The pax interchange format (POSIX.1-2017, `pax`).
    Tar,
    /// The same, compressed with gzip (RFC 1952).
    TarGz,
    /// ZIP (APPNOTE.TXT 6.3.10), with ZIP64 where it is needed.
    Zip,
}

impl ArchiveFormat {
    /// All formats.
    pub const ALL: &[ArchiveFormat] = &[ArchiveFormat::Tar, ArchiveFormat::TarGz, ArchiveFormat::Zip];

    /// The suffix of its files, without the first dot. It is also the value of `?download=`.
    pub fn extension(self) -> &'static str {
        match self {
            ArchiveFormat::Tar => "tar",
            ArchiveFormat::TarGz => "tar.gz",
            ArchiveFormat::Zip => "zip",
        }
    }

    /// The format with this extension.
    pub fn parse(extension: &str) -> Option<ArchiveFormat> {
        ArchiveFormat::ALL.iter().copied().find(|format| format.extension() == extension)
    }

    /// The media type. None is registered for tar; this one is in general use.
    pub fn media_type(self) -> MediaType {
        match self {
            ArchiveFormat::Tar => MediaType::TAR,
            ArchiveFormat::TarGz => MediaType::GZIP,
            ArchiveFormat::Zip => MediaType::ZIP,
        }
    }
}
