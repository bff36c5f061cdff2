//! The archive formats.

use crate::media_type::MediaType;

/// A form of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// The pax interchange format (POSIX.1-2017, `pax`).
    Tar,
    /// The same in gzip (RFC 1952).
    TarGz,
    /// ZIP (APPNOTE.TXT 6.3.10), with ZIP64 where it is needed.
    Zip,
}

impl ArchiveFormat {
    /// Every form.
    pub const ALL: &[ArchiveFormat] = &[ArchiveFormat::Tar, ArchiveFormat::TarGz, ArchiveFormat::Zip];

    /// The word that asks for it, which is the suffix of its files as well.
    pub fn word(self) -> &'static str {
        match self {
            ArchiveFormat::Tar => "tar",
            ArchiveFormat::TarGz => "tar.gz",
            ArchiveFormat::Zip => "zip",
        }
    }

    /// The form that a word asks for.
    pub fn parse(word: &str) -> Option<ArchiveFormat> {
        ArchiveFormat::ALL.iter().copied().find(|form| form.word() == word)
    }

    /// Its media type; tar has none that is registered, and this one is understood everywhere.
    pub fn media(self) -> MediaType {
        match self {
            ArchiveFormat::Tar => MediaType::TAR,
            ArchiveFormat::TarGz => MediaType::GZIP,
            ArchiveFormat::Zip => MediaType::ZIP,
        }
    }
}
