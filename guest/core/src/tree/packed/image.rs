//! The format of a site image: options, directories and the contents of files in one block of bytes.
//!
//! ```text
//! image   = header options records names contents
//! header  = "glasshouse-site\n" version options-length record-count names-length, each number a u32
//! options = *( name NUL value NUL )      variables, as the handler reads them from its environment
//! record  = 48 bytes, see `Record`       record 0 is the root; the entries of a directory are adjacent and sorted
//! names   = the names of all entries and the paths in links, in UTF-8
//! ```
//!
//! All numbers are little-endian. Offsets are relative to the start of the image, which is shorter than 4 GiB. The
//! handler reads the image in place, so the cost of a request does not grow with the number of files.

use crate::http::date::HttpTime;
use crate::number::to_usize;
use std::cmp::Ordering;

pub(super) const MAGIC: &[u8; 16] = b"glasshouse-site\n";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: u32 = 32;
pub(super) const RECORD: u32 = 48;
/// In the field `nanoseconds`: the entry has no time that HTTP can express.
const NO_TIME: u32 = u32::MAX;

/// An image, as far as its header is valid. Each access checks the bounds of what it reads.
#[derive(Clone, Copy, Debug)]
pub struct SiteImage<'a> {
    bytes: &'a [u8],
    options_length: u32,
    record_count: u32,
}

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link within the tree.
    Link,
    /// A symbolic link that leads nowhere within the tree.
    DeadLink,
    /// A FIFO, a socket, a device or an unreadable file: listed, and never opened.
    Special,
}

/// An entry of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its type.
    pub kind: RecordKind,
    /// Whether a listing shows it.
    pub is_listed: bool,
    /// The offset of the content, the path in a link, or the number of the first entry of a directory.
    pub start: u32,
    /// The length in bytes, or the number of entries of a directory.
    pub length: u32,
    /// The modification time.
    pub modified: Option<HttpTime>,
    /// The first 128 bits of the SHA-256 of the content of a file.
    pub digest: u128,
    pub(super) name_start: u32,
    pub(super) name_length: u32,
}

/// The image is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidImage;

impl<'a> SiteImage<'a> {
    /// Reads the header. `None` if the bytes are not an image of this version, or have no root.
    pub fn parse(bytes: &'a [u8]) -> Option<SiteImage<'a>> {
        let header = bytes.strip_prefix(MAGIC)?;
        let (version, rest) = header.split_first_chunk()?;
        let (options_length, rest) = rest.split_first_chunk()?;
        let (record_count, _) = rest.split_first_chunk()?;
        let [version, options_length, record_count] =
            [version, options_length, record_count].map(|bytes| u32::from_le_bytes(*bytes));
        let image = SiteImage { bytes, options_length, record_count };
        let is_directory = image.record(0).is_some_and(|root| root.kind == RecordKind::Directory);
        (version == VERSION && is_directory).then_some(image)
    }

    /// The names and values of the options.
    pub fn options(&self) -> Vec<(String, String)> {
        let text = self.text(HEADER, self.options_length).unwrap_or_default();
        let mut parts = text.split('\0').map(str::to_owned);
        std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect()
    }

    pub(crate) fn root(&self) -> Record {
        self.record(0).unwrap_or(Record::EMPTY_DIRECTORY)
    }

    /// The entry of a directory with a name.
    pub(crate) fn find(&self, directory: Record, name: &str) -> Result<Option<Record>, InvalidImage> {
        let (mut low, mut high) = (directory.start, directory.start.saturating_add(directory.length));
        while low < high {
            let middle = low.midpoint(high);
            let (found, record) = self.named(middle).ok_or(InvalidImage)?;
            match found.cmp(name) {
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Equal => return Ok(Some(record)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The entries of a directory with their names, `None` for a damaged one.
    pub(crate) fn children(&self, directory: Record) -> impl Iterator<Item = Option<(&'a str, Record)>> {
        let numbers = directory.start..directory.start.saturating_add(directory.length);
        // A damaged length must not make a request endless.
        numbers.take(to_usize(self.record_count.into())).map(|number| self.named(number))
    }

    /// The content of a file.
    pub(crate) fn content(&self, file: Record) -> Option<&'a [u8]> {
        self.slice(file.start, file.length)
    }

    /// The path in a link.
    pub(crate) fn link(&self, link: Record) -> Option<&'a str> {
        self.text(link.start, link.length)
    }

    fn named(&self, number: u32) -> Option<(&'a str, Record)> {
        let record = self.record(number)?;
        Some((self.text(record.name_start, record.name_length)?, record))
    }

    fn record(&self, number: u32) -> Option<Record> {
        if number >= self.record_count {
            return None;
        }
        let start = HEADER.checked_add(self.options_length)?.checked_add(number.checked_mul(RECORD)?)?;
        Record::read(self.slice(start, RECORD)?)
    }

    fn text(&self, start: u32, length: u32) -> Option<&'a str> {
        str::from_utf8(self.slice(start, length)?).ok()
    }

    fn slice(&self, start: u32, length: u32) -> Option<&'a [u8]> {
        let [start, length] = [start, length].map(|number| to_usize(number.into()));
        self.bytes.get(start..start.checked_add(length)?)
    }
}

impl Record {
    pub(super) const EMPTY_DIRECTORY: Record = Record {
        kind: RecordKind::Directory,
        is_listed: true,
        start: 0,
        length: 0,
        modified: None,
        digest: 0,
        name_start: 0,
        name_length: 0,
    };

    /// The byte of a kind, with bit 7 for an entry that listings do not show.
    fn code(&self) -> u8 {
        let kind = match self.kind {
            RecordKind::File => 1,
            RecordKind::Directory => 2,
            RecordKind::Link => 3,
            RecordKind::DeadLink => 4,
            RecordKind::Special => 5,
        };
        if self.is_listed { kind } else { kind | 0x80 }
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let (seconds, nanoseconds) = self.modified.map_or((0, NO_TIME), |time| (time.seconds(), time.nanoseconds()));
        to.extend_from_slice(&[self.code(), 0, 0, 0]);
        for number in [self.name_start, self.name_length, self.start, self.length, nanoseconds] {
            to.extend_from_slice(&number.to_le_bytes());
        }
        to.extend_from_slice(&seconds.to_le_bytes());
        to.extend_from_slice(&self.digest.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Record> {
        let ([code, ..], rest) = bytes.split_first_chunk::<4>()?;
        let mut rest = rest;
        let mut number = || {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u32::from_le_bytes(*number))
        };
        let [name_start, name_length, start, length, nanoseconds] =
            [number()?, number()?, number()?, number()?, number()?];
        let (seconds, rest) = rest.split_first_chunk()?;
        let seconds = i64::try_from(u64::from_le_bytes(*seconds)).ok()?;
        let digest = u128::from_be_bytes(*rest.first_chunk()?);
        let kind = match code & 0x7f {
            1 => RecordKind::File,
            2 => RecordKind::Directory,
            3 => RecordKind::Link,
            4 => RecordKind::DeadLink,
            5 => RecordKind::Special,
            _ => return None,
        };
        let modified = HttpTime::new(seconds, nanoseconds);
        Some(Record { kind, is_listed: code & 0x80 == 0, start, length, modified, digest, name_start, name_length })
    }
}
