//! ZIP (APPNOTE.TXT 6.3.10): a header before each file, and a directory at the end.
//!
//! Contents are in stored blocks of deflate (RFC 1951 3.2.4), so not compressed. So the length of the archive is known
//! before its first byte, clients show progress, and the server does little work. A client that wants fewer bytes can
//! request `tar.gz`. The method "stored" would save nothing: checksums are known only after the contents, and programs
//! that read from front to back could not find their ends (4.4.4, bit 3). Java rejects such files.
//!
//! The crate `zip` keeps entries in a map that needs random numbers, which the handler does not have, and `async_zip`
//! needs a writer to push to. Neither knows lengths in advance. The checksum is that of `flate2`, and the tests read
//! the archives back with `zip`.

use crate::archive::entry::{CHUNK, EntryEnd, EntryLength};
use crate::archive::walk::WalkItem;
use crate::http::date::{HttpTime, Rfc3339};
use crate::number::{byte_count, to_u64, to_usize};
use flate2::Crc;

/// The value of a field of 32 bits whose number is in the ZIP64 field (4.5.3), and of a field of 16 bits.
const ELSEWHERE: u32 = u32::MAX;
const ELSEWHERE_SHORT: u16 = u16::MAX;

/// The version needed to unpack (4.4.3): for directories and deflate, and for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Made on Unix (4.4.2) by version 6.3 of the specification, so that the attributes contain a mode.
const MADE_BY: u16 = 3 << 8 | 63;
/// Flags (4.4.4): names are UTF-8, and checksum and sizes follow the content.
const UTF8: u16 = 1 << 11;
const HAS_DESCRIPTOR: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The mode of Unix, and for directories the bit of DOS.
const FILE: u32 = 0o100_644 << 16;
const FOLDER: u32 = 0o040_755 << 16 | 1 << 4;

/// The state of a zip file that is being written.
#[derive(Debug, Default)]
pub(super) struct Zip {
    /// Bytes so far.
    offset: u64,
    entries: u64,
    /// Bytes of the directory so far.
    directory: u64,
    entry: Option<ZipEntry>,
}

/// The current entry.
#[derive(Debug)]
struct ZipEntry {
    name: String,
    attributes: u32,
    modified: Option<HttpTime>,
    size: u64,
    /// The size of the content with the headers of its blocks.
    framed: u64,
    /// The offset of its header.
    start: u64,
    /// The checksum of its content so far (4.4.7), or `None` if some of it was skipped.
    sum: Option<Crc>,
}

/// Lengths in bytes: of a header (4.3.7), a data descriptor (4.3.9) and an entry of the directory (4.3.12), each
/// without names and extra fields; then of the header of an extra field, a number of 64 bits, and a timestamp field.
const HEAD: u64 = 30;
const DESCRIPTOR: u64 = 16;
const DIRECTORY_ENTRY: u64 = 46;
const FIELD: u64 = 4;
const LARGE: u64 = 8;
const TIME: u64 = 9;
/// The lengths of a header and a descriptor with sizes of 64 bits.
const HEAD_LARGE: u64 = HEAD + FIELD + 2 * LARGE;
const DESCRIPTOR_LARGE: u64 = DESCRIPTOR + LARGE;
/// The head of a stored block.
pub(super) const BLOCK_HEAD: u64 = 5;
/// A checksum, and its offset in an entry of the directory; then the offset of the length of the name.
pub(super) const SUM: u64 = 4;
const SUM_AT: usize = 16;
const NAME_LENGTH_AT: usize = 28;

impl Zip {
    /// Passes an entry, and returns its length.
    pub(super) fn measure<F>(&mut self, item: &WalkItem<F>) -> EntryLength {
        let length = self.length(item);
        self.offset = self.offset.saturating_add(length.now);
        self.directory = self.directory.saturating_add(length.trailer);
        self.entries = self.entries.saturating_add(1);
        length
    }

    /// The length of an entry. The trailer is its entry in the directory.
    pub(super) fn length<F>(&self, item: &WalkItem<F>) -> EntryLength {
        let (size, framed) = (item.size(), framed(item.size()));
        let is_large = framed >= u64::from(ELSEWHERE);
        let name = to_u64(item.path.len()).saturating_add(u64::from(item.file.is_none()));
        let has_time = item.modified.is_some_and(|time| i32::try_from(time.seconds()).is_ok());
        let common = name.saturating_add(if has_time { TIME } else { 0 });
        let head = if is_large { HEAD_LARGE } else { HEAD };
        let descriptor = match (size, is_large) {
            (0, _) => 0,
            (_, false) => DESCRIPTOR,
            (_, true) => DESCRIPTOR_LARGE,
        };
        let is_far = self.offset >= u64::from(ELSEWHERE);
        let numbers = match (is_large, is_far) {
            (false, false) => 0,
            (false, true) => FIELD.saturating_add(LARGE),
            (true, false) => FIELD.saturating_add(LARGE).saturating_add(LARGE),
            (true, true) => FIELD.saturating_add(LARGE).saturating_add(LARGE).saturating_add(LARGE),
        };
        let trailer = DIRECTORY_ENTRY.saturating_add(numbers).saturating_add(common);
        let now = head.saturating_add(common).saturating_add(framed).saturating_add(descriptor);
        EntryLength { now, trailer }
    }

    /// The header of an entry (4.3.7).
    pub(super) fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        let (attributes, slash) = if item.file.is_some() { (FILE, "") } else { (FOLDER, "/") };
        let (name, size) = (format!("{}{slash}", item.path), item.size());
        let (modified, start, sum) = (item.modified, self.offset, Some(Crc::new()));
        let entry = ZipEntry { name, attributes, modified, size, framed: framed(size), start, sum };
        let (sizes, extra) = match entry.is_large() {
            true => (ELSEWHERE, Bytes::default().u16(1).u16(16).u64(0).u64(0)),
            false => (0, Bytes::default()),
        };
        let extra = extra.bytes(&entry.time_field());
        let head = entry.common(Bytes::default().u32(0x0403_4B50), 0, [sizes; 2], &extra);
        let head = head.bytes(entry.name.as_bytes()).bytes(&extra.0).0;
        self.offset = self.offset.saturating_add(byte_count(&head));
        self.entry = Some(entry);
        head
    }

    /// Writes a part of the content as a stored block of deflate (RFC 1951 3.2.4). A block has at most [`CHUNK`] bytes.
    pub(super) fn frame(&mut self, bytes: &[u8], is_last: bool, to: &mut Vec<u8>) {
        if let Some(sum) = self.entry.as_mut().and_then(|entry| entry.sum.as_mut()) {
            sum.update(bytes);
        }
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        to.push(u8::from(is_last));
        to.extend(length.to_le_bytes());
        to.extend((!length).to_le_bytes());
        to.extend(bytes);
    }

    /// Records that content of the current entry is skipped.
    pub(super) fn lose_sum(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.sum = None;
        }
    }

    /// Sets the checksum of the content of the current entry.
    pub(super) fn set_sum(&mut self, sum: Crc) {
        if let Some(entry) = &mut self.entry {
            entry.sum = Some(sum);
        }
    }

    /// The length of the data descriptor of the current entry if it lacks the checksum; otherwise 0.
    pub(super) fn length_without_sum(&self) -> u64 {
        self.entry.as_ref().filter(|entry| entry.sum.is_none()).map_or(0, |entry| byte_count(&entry.descriptor()))
    }

    /// The data descriptor of the current entry (4.3.9), and its entry in the directory (4.3.12).
    pub(super) fn end(&mut self) -> EntryEnd {
        let Some(entry) = self.entry.take() else { return EntryEnd::default() };
        let (now, trailer) = (entry.descriptor(), entry.directory_entry());
        self.offset = self.offset.saturating_add(entry.framed).saturating_add(byte_count(&now));
        self.directory = self.directory.saturating_add(byte_count(&trailer));
        self.entries = self.entries.saturating_add(1);
        EntryEnd { now, trailer, lacks_sum: entry.sum.is_none() }
    }

    /// The end of the directory (4.3.16), after that of ZIP64 (4.3.14 and 4.3.15) if a number does not fit.
    pub(super) fn finish(&self) -> Vec<u8> {
        let Zip { offset, entries, directory, .. } = *self;
        let few = u16::try_from(entries).unwrap_or(ELSEWHERE_SHORT);
        let [short, start] = [directory, offset].map(|number| u32::try_from(number).unwrap_or(ELSEWHERE));
        let mut bytes = Bytes::default();
        if few == ELSEWHERE_SHORT || short == ELSEWHERE || start == ELSEWHERE {
            bytes = bytes.u32(0x0606_4B50).u64(44).u16(MADE_BY).u16(ZIP64).u32(0).u32(0);
            bytes = bytes.u64(entries).u64(entries).u64(directory).u64(offset);
            bytes = bytes.u32(0x0706_4B50).u32(0).u64(offset.saturating_add(directory)).u32(1);
        }
        bytes.u32(0x0605_4B50).u16(0).u16(0).u16(few).u16(few).u32(short).u32(start).u16(0).0
    }
}

impl ZipEntry {
    /// Whether its sizes need 64 bits.
    fn is_large(&self) -> bool {
        self.framed >= u64::from(ELSEWHERE)
    }

    /// Whether it has no content.
    fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The fields that a header and an entry of the directory share: from the version to the length of the extra
    /// fields.
    fn common(&self, bytes: Bytes, sum: u32, [framed, size]: [u32; 2], extra: &Bytes) -> Bytes {
        let version = if self.is_large() { ZIP64 } else { PLAIN };
        let (flags, method) = if self.is_empty() { (UTF8, STORED) } else { (UTF8 | HAS_DESCRIPTOR, DEFLATED) };
        let (time, date) = dos(self.modified);
        let bytes = bytes.u16(version).u16(flags).u16(method).u16(time).u16(date);
        // The walk limits the length of paths.
        let name = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        bytes.u32(sum).u32(framed).u32(size).u16(name).u16(u16::try_from(extra.0.len()).unwrap_or(u16::MAX))
    }

    /// The checksum, or 0 if it is missing.
    fn sum(&self) -> u32 {
        self.sum.as_ref().map_or(0, Crc::sum)
    }

    fn descriptor(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let bytes = Bytes::default().u32(0x0807_4B50).u32(self.sum());
        match self.is_large() {
            true => bytes.u64(self.framed).u64(self.size).0,
            false => self.sizes().into_iter().fold(bytes, Bytes::u32).0,
        }
    }

    fn directory_entry(&self) -> Vec<u8> {
        let start = u32::try_from(self.start).unwrap_or(ELSEWHERE);
        let mut large = Bytes::default();
        if self.is_large() {
            large = large.u64(self.size).u64(self.framed);
        }
        if start == ELSEWHERE {
            large = large.u64(self.start);
        }
        let mut extra = Bytes::default();
        if !large.0.is_empty() {
            extra = extra.u16(1).u16(u16::try_from(large.0.len()).unwrap_or_default()).bytes(&large.0);
        }
        let extra = extra.bytes(&self.time_field());
        let bytes = Bytes::default().u32(0x0201_4B50).u16(MADE_BY);
        let bytes = self.common(bytes, self.sum(), self.sizes(), &extra);
        // No comment, no second disk, no internal attributes.
        let bytes = bytes.u16(0).u16(0).u16(0).u32(self.attributes).u32(start);
        bytes.bytes(self.name.as_bytes()).bytes(&extra.0).0
    }

    /// Its framed size and its size in 32 bits. If one needs 64 bits, both are in the ZIP64 field.
    fn sizes(&self) -> [u32; 2] {
        match self.is_large() {
            true => [ELSEWHERE; 2],
            false => [self.framed, self.size].map(|size| u32::try_from(size).unwrap_or(ELSEWHERE)),
        }
    }

    /// The modification time in seconds and UTC: the extended timestamp of Info-ZIP, 0x5455. Empty beyond 2038.
    fn time_field(&self) -> Vec<u8> {
        match self.modified.map(|time| i32::try_from(time.seconds())) {
            Some(Ok(seconds)) => Bytes::default().u16(0x5455).u16(5).bytes(&[1]).bytes(&seconds.to_le_bytes()).0,
            _ => Vec::new(),
        }
    }
}

/// The offset of the checksum of the entry at an offset of the directory.
pub(super) fn sum_position(at: usize) -> usize {
    at.saturating_add(SUM_AT)
}

/// Sets the checksum of the entry at an offset of the directory. Returns the offset of the checksum.
pub(super) fn put_sum(directory: &mut [u8], at: usize, sum: u32) -> usize {
    let position = sum_position(at);
    let place = directory.get_mut(position..).and_then(|rest| rest.first_chunk_mut());
    if let Some(place) = place {
        *place = sum.to_le_bytes();
    }
    position
}

/// The name of the entry at an offset of the directory.
pub(super) fn name_at(directory: &[u8], at: usize) -> Option<&str> {
    let entry = directory.get(at..)?;
    let length = u16::from_le_bytes(*entry.get(NAME_LENGTH_AT..)?.first_chunk()?);
    let name = entry.get(to_usize(DIRECTORY_ENTRY)..)?.get(..usize::from(length))?;
    str::from_utf8(name).ok()
}

/// The length of a content of `size` bytes with the headers of its blocks.
pub(super) fn framed(size: u64) -> u64 {
    size.saturating_add(size.div_ceil(CHUNK).saturating_mul(BLOCK_HEAD))
}

/// Time and date in the format of DOS (4.4.6), from 1980 to 2107 in steps of two seconds. The format has local time,
/// but the time zone of the client is unknown, so this is UTC.
fn dos(modified: Option<HttpTime>) -> (u16, u16) {
    const FIRST: (u16, u16) = (0, 1 << 5 | 1);
    const LAST: (u16, u16) = (23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31);
    let Some(written) = modified.map(Rfc3339::from) else { return FIRST };
    let numbers =
        written.as_str().split_terminator(['-', 'T', ':', 'Z']).map(|number| number.parse().unwrap_or_default());
    let numbers: Vec<u16> = numbers.collect();
    let [year, month, day, hour, minute, second] = *numbers.as_slice() else { return FIRST };
    let (time, half) = (hour << 11 | minute << 5, second / 2);
    match year {
        ..1980 => FIRST,
        1980..=2107 => (time | half, year.saturating_sub(1980) << 9 | month << 5 | day),
        _ => LAST,
    }
}

/// A buffer for numbers in little-endian order, as ZIP has them.
#[derive(Debug, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(self, number: u16) -> Bytes {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(self, number: u32) -> Bytes {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(self, number: u64) -> Bytes {
        self.bytes(&number.to_le_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Bytes {
        self.0.extend(bytes);
        self
    }
}
