//! ZIP (APPNOTE.TXT 6.3.10): heads and sums around contents, and a directory of all of them at the end. It refuses to know
//! where contents come from.
//!
//! Contents are deflated without being compressed: in deflate's own stored blocks (RFC 1951 3.2.4). So the length of the
//! archive is known before its first byte, clients see how far they are, and little is asked of the server; who wants less
//! to travel has `tar.gz`. Plainly stored they would be no shorter worth mentioning, but as their sums are known only
//! behind them, programs that read from front to back could not tell where they end (4.4.4, bit 3), and Java's refuses to.
//!
//! Of the crates that write zip files, `zip` keeps its entries in a map that draws random numbers, which the handler has
//! none of, and `async_zip` pushes into a writer where here pieces are asked for; neither tells lengths beforehand. The
//! sums are those of `flate2`, and what is written is read back with `zip` by the tests.

use super::{CHUNK, length};
use crate::archive::ArchiveEnd;
use crate::archive::walk::WalkItem;
use crate::http::date::{HttpTime, Rfc3339};
use flate2::Crc;

/// What stands in a field of 32 bits whose value is in the ZIP64 field (4.5.3), and in one of 16 bits.
const ELSEWHERE: u32 = u32::MAX;
const ELSEWHERE_SHORT: u16 = u16::MAX;

/// Versions that are needed to unpack (4.4.3): for folders and deflate, and for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;
/// Made on Unix (4.4.2), by 6.3 of the specification: so the mode in the attributes has a meaning.
const MADE_BY: u16 = 3 << 8 | 63;
/// Names are UTF-8; sums and sizes stand behind the content (4.4.4).
const UTF8: u16 = 1 << 11;
const DESCRIBED_BEHIND: u16 = 1 << 3;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The mode in Unix, and for folders the bit of DOS.
const FILE: u32 = 0o100_644 << 16;
const FOLDER: u32 = 0o040_755 << 16 | 1 << 4;

/// A zip file under way.
#[derive(Debug, Default)]
pub struct Zip {
    /// Bytes until now.
    offset: u64,
    entries: u64,
    /// Bytes of the directory until now.
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
    /// The size of what the content becomes.
    framed: u64,
    /// Where its head is.
    start: u64,
    /// The sum over its content until now (4.4.7).
    sum: Crc,
}

/// Fields of an entry that have always the same length: of its head (4.3.7), of what stands behind its content (4.3.9) and
/// of its place in the directory (4.3.12); and those that are there if its sizes or its start need 64 bits, or if its
/// time has a field of its own.
const HEAD: u64 = 30;
const BEHIND: u64 = 16;
const IN_DIRECTORY: u64 = 46;
const FIELD: u64 = 4;
const LARGE: u64 = 8;
const TIME: u64 = 9;

impl Zip {
    /// Passes over an entry, and returns how many bytes it takes with its content, and how many in the directory.
    pub fn measure<F>(&mut self, item: &WalkItem<F>) -> (u64, u64) {
        let (size, framed) = (item.size(), framed(item.size()));
        let is_large = framed >= u64::from(ELSEWHERE);
        let name = u64::try_from(item.path.len()).unwrap_or(u64::MAX).saturating_add(u64::from(item.file.is_none()));
        let has_time = item.modified.is_some_and(|stamp| i32::try_from(stamp.seconds()).is_ok());
        let common = name.saturating_add(if has_time { TIME } else { 0 });
        let head = HEAD + if is_large { FIELD + 2 * LARGE } else { 0 };
        let behind = match (size, is_large) {
            (0, _) => 0,
            (_, false) => BEHIND,
            (_, true) => BEHIND + LARGE,
        };
        let is_far = self.offset >= u64::from(ELSEWHERE);
        let large = if is_large { 2 * LARGE } else { 0 } + if is_far { LARGE } else { 0 };
        let later = IN_DIRECTORY + large + if large > 0 { FIELD } else { 0 };
        let later = later.saturating_add(common);
        let now = head.saturating_add(common).saturating_add(framed).saturating_add(behind);
        self.offset = self.offset.saturating_add(now);
        self.directory = self.directory.saturating_add(later);
        self.entries = self.entries.saturating_add(1);
        (now, later)
    }

    /// The head of an entry (4.3.7).
    pub fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        let (attributes, slash) = if item.file.is_some() { (FILE, "") } else { (FOLDER, "/") };
        let (name, size) = (format!("{}{slash}", item.path), item.size());
        let (modified, start, sum) = (item.modified, self.offset, Crc::new());
        let entry = ZipEntry { name, attributes, modified, size, framed: framed(size), start, sum };
        let (sizes, extra) = match entry.is_large() {
            true => (ELSEWHERE, Bytes::default().u16(1).u16(16).u64(0).u64(0)),
            false => (0, Bytes::default()),
        };
        let extra = extra.bytes(&entry.time_field());
        let head = entry.common(Bytes::default().u32(0x0403_4B50), 0, [sizes; 2], &extra);
        let head = head.bytes(entry.name.as_bytes()).bytes(&extra.0).0;
        self.offset = self.offset.saturating_add(length(&head));
        self.entry = Some(entry);
        head
    }

    /// Writes a part of the content as a stored block of deflate (RFC 1951 3.2.4), given no more than one can hold.
    pub fn frame(&mut self, bytes: &[u8], is_last: bool, to: &mut Vec<u8>) {
        if let Some(entry) = &mut self.entry {
            entry.sum.update(bytes);
        }
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        to.push(u8::from(is_last));
        to.extend(length.to_le_bytes());
        to.extend((!length).to_le_bytes());
        to.extend(bytes);
    }

    /// What stands behind the content of the entry that was begun (4.3.9), and its place in the directory (4.3.12).
    pub fn end(&mut self) -> ArchiveEnd {
        let Some(entry) = self.entry.take() else { return ArchiveEnd::default() };
        let (now, later) = (entry.described_behind(), entry.in_directory());
        self.offset = self.offset.saturating_add(entry.framed).saturating_add(length(&now));
        self.directory = self.directory.saturating_add(length(&later));
        self.entries = self.entries.saturating_add(1);
        ArchiveEnd { now, later }
    }

    /// The end of the directory (4.3.16), behind that of ZIP64 (4.3.14 and 4.3.15) where a number does not fit.
    pub fn finish(&self) -> Vec<u8> {
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

    /// Whether nothing follows its head.
    fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The fields that a head and the directory have in common: from the version that is needed to the length of the
    /// fields behind the name.
    fn common(&self, bytes: Bytes, sum: u32, [framed, size]: [u32; 2], extra: &Bytes) -> Bytes {
        let version = if self.is_large() { ZIP64 } else { PLAIN };
        let (flags, method) = if self.is_empty() { (UTF8, STORED) } else { (UTF8 | DESCRIBED_BEHIND, DEFLATED) };
        let (time, date) = dos(self.modified);
        let bytes = bytes.u16(version).u16(flags).u16(method).u16(time).u16(date);
        // The walk lets no longer name through.
        let name = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        bytes.u32(sum).u32(framed).u32(size).u16(name).u16(u16::try_from(extra.0.len()).unwrap_or(u16::MAX))
    }

    fn described_behind(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let bytes = Bytes::default().u32(0x0807_4B50).u32(self.sum.sum());
        match self.is_large() {
            true => bytes.u64(self.framed).u64(self.size).0,
            false => self.sizes().into_iter().fold(bytes, Bytes::u32).0,
        }
    }

    fn in_directory(&self) -> Vec<u8> {
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
        let bytes = self.common(bytes, self.sum.sum(), self.sizes(), &extra);
        // Neither a comment nor another disk, and nothing is known of the content.
        let bytes = bytes.u16(0).u16(0).u16(0).u32(self.attributes).u32(start);
        bytes.bytes(self.name.as_bytes()).bytes(&extra.0).0
    }

    /// What its content becomes and its size, as fields of 32 bits; both are elsewhere if one is.
    fn sizes(&self) -> [u32; 2] {
        match self.is_large() {
            true => [ELSEWHERE; 2],
            false => [self.framed, self.size].map(|size| u32::try_from(size).unwrap_or(ELSEWHERE)),
        }
    }

    /// The time of the last change to the second and in UTC: Info-ZIP's extended timestamp, 0x5455, as far as it goes.
    fn time_field(&self) -> Vec<u8> {
        match self.modified.map(|stamp| i32::try_from(stamp.seconds())) {
            Some(Ok(seconds)) => Bytes::default().u16(0x5455).u16(5).bytes(&[1]).bytes(&seconds.to_le_bytes()).0,
            _ => Vec::new(),
        }
    }
}

/// How many bytes a content of so many becomes.
pub fn framed(size: u64) -> u64 {
    size.saturating_add(size.div_ceil(CHUNK).saturating_mul(5))
}

/// Time and date as DOS has them (4.4.6): local there, UTC here, for nobody knows where the client is; in steps of two
/// seconds, from 1980 to 2107.
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
        1980..=2107 => (time | half, (year - 1980) << 9 | month << 5 | day),
        _ => LAST,
    }
}

/// Bytes under way, numbers as ZIP has them: the lowest byte first.
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
