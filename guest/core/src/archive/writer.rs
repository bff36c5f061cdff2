//! The bytes around the contents of files, in any format.

use crate::archive::entry::EntryEnd;
use crate::archive::format::ArchiveFormat;
use crate::archive::tar;
use crate::archive::tar::Tar;
use crate::archive::walk::WalkItem;
use crate::archive::zip::Zip;

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

    /// Skips an entry, and returns its length in bytes, and that of its part of the trailer.
    pub(super) fn measure<F>(&mut self, item: &WalkItem<F>) -> (u64, u64) {
        match self {
            Writer::Tar(_) => (Tar::measure(item), 0),
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
