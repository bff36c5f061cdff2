//! The bytes around the contents of files, in any format.

use crate::archive::entry::{EntryEnd, EntryLength, SkippedContent};
use crate::archive::format::ArchiveFormat;
use crate::archive::tar;
use crate::archive::tar::Tar;
use crate::archive::walk::WalkItem;
use crate::archive::zip;
use crate::archive::zip::Zip;
use flate2::Crc;

/// The writer of a format.
#[derive(Debug)]
pub(super) enum Writer {
    Tar(Tar),
    Zip(Zip),
}

impl Writer {
    pub(super) fn new(format: ArchiveFormat) -> Writer {
        match format {
            ArchiveFormat::Tar | ArchiveFormat::TarGz => Writer::Tar(Tar::default()),
            ArchiveFormat::Zip => Writer::Zip(Zip::default()),
        }
    }

    /// Returns the bytes before the content of an entry.
    pub(super) fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        match self {
            Writer::Tar(tar) => tar.begin(item),
            Writer::Zip(zip) => zip.begin(item),
        }
    }

    /// Writes a part of the content. Every part has the length [`CHUNK`](crate::archive::entry::CHUNK), except the last
    /// one, which may be shorter.
    pub(super) fn frame(&mut self, bytes: &[u8], is_last: bool, to: &mut Vec<u8>) {
        match self {
            Writer::Tar(_) => to.extend(bytes),
            Writer::Zip(zip) => zip.frame(bytes, is_last, to),
        }
    }

    /// Skips the longest part of the content within `gap` bytes of the archive, if `left` bytes of it are left. Before
    /// the last byte of the content, it skips whole blocks.
    pub(super) fn skip(&mut self, gap: u64, left: u64) -> SkippedContent {
        match self {
            Writer::Tar(_) => SkippedContent::within(gap, left, 0),
            Writer::Zip(zip) => {
                let skipped = SkippedContent::within(gap, left, zip::BLOCK_HEAD);
                if skipped.content > 0 {
                    zip.lose_sum();
                }
                skipped
            }
        }
    }

    /// The length of the bytes after the content, if they lack its checksum because content was skipped; otherwise 0.
    pub(super) fn length_without_sum(&self) -> u64 {
        match self {
            Writer::Tar(_) => 0,
            Writer::Zip(zip) => zip.length_without_sum(),
        }
    }

    /// Sets the checksum of the whole content of the current entry.
    pub(super) fn set_sum(&mut self, sum: Crc) {
        match self {
            Writer::Tar(_) => {}
            Writer::Zip(zip) => zip.set_sum(sum),
        }
    }

    /// The length of an entry.
    pub(super) fn length<F>(&self, item: &WalkItem<F>) -> EntryLength {
        match self {
            Writer::Tar(_) => EntryLength { now: Tar::measure(item), trailer: 0 },
            Writer::Zip(zip) => zip.length(item),
        }
    }

    /// Passes an entry, and returns its length.
    pub(super) fn measure<F>(&mut self, item: &WalkItem<F>) -> EntryLength {
        match self {
            Writer::Tar(_) => self.length(item),
            Writer::Zip(zip) => zip.measure(item),
        }
    }

    /// Ends the current entry.
    pub(super) fn end(&mut self) -> EntryEnd {
        match self {
            Writer::Tar(tar) => tar.end(),
            Writer::Zip(zip) => zip.end(),
        }
    }

    /// Returns the last bytes of the archive.
    pub(super) fn finish(&self) -> Vec<u8> {
        match self {
            Writer::Tar(_) => tar::END.to_vec(),
            Writer::Zip(zip) => zip.finish(),
        }
    }
}
