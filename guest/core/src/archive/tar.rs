//! The pax interchange format (POSIX.1-2017): a header of 512 bytes before each file, and padding after it.
//!
//! The crate `tar` depends on libc and the file system, which the core cannot use. The tests read the archives back
//! with that crate.

use crate::archive::entry::EntryEnd;
use crate::archive::walk::WalkItem;
use crate::http::date::HttpTime;
use crate::number::{byte_count, to_u64, to_usize};

const BLOCK: usize = 512;
const BLOCK_LENGTH: u64 = 512;
/// The end of an archive: two empty blocks.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The longest name in a header, in bytes. A header could hold a longer one in two parts, but a record can as well.
const NAME: usize = 100;
/// The largest number in a header: eleven octal digits.
const NUMBER: u64 = 0o777_7777_7777;

const FILE: char = '0';
const FOLDER: char = '5';
/// The type of a header whose content is records about the next entry.
const RECORDS: char = 'x';

/// The state of a tar file that is being written.
#[derive(Debug, Default)]
pub(super) struct Tar {
    /// The length of the padding after the current entry.
    padding: usize,
}

impl Tar {
    /// The length in bytes of an entry with its content.
    pub(super) fn measure<F>(item: &WalkItem<F>) -> u64 {
        let (records, size) = (byte_count(records(item).as_bytes()), item.size());
        let padded = |length: u64| length.saturating_add(to_u64(padding(length)));
        let before = if records == 0 { 0 } else { BLOCK_LENGTH.saturating_add(padded(records)) };
        before.saturating_add(BLOCK_LENGTH).saturating_add(padded(size))
    }

    /// The header of an entry, after records for the values that it cannot hold.
    pub(super) fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        let (kind, slash) = if item.file.is_some() { (FILE, "") } else { (FOLDER, "/") };
        let (path, size) = (format!("{}{slash}", item.path), item.size());
        let seconds = item.modified.map_or(0, HttpTime::seconds);
        self.padding = padding(size);

        let records = records(item);
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let length = byte_count(records.as_bytes());
            bytes.extend(head("././@PaxHeader", RECORDS, length, 0));
            bytes.extend(records.into_bytes());
            bytes.resize(bytes.len().saturating_add(padding(length)), 0);
        }
        bytes.extend(head(&path, kind, size, seconds));
        bytes
    }

    /// The padding after the current entry.
    pub(super) fn end(&self) -> EntryEnd {
        EntryEnd { now: vec![0; self.padding], ..EntryEnd::default() }
    }
}

/// The number of bytes from a size to the next whole block.
fn padding(size: u64) -> usize {
    let rest = to_usize(size % BLOCK_LENGTH);
    if rest == 0 { 0 } else { BLOCK.saturating_sub(rest) }
}

/// The records for the values that the header of an entry cannot hold. Headers have no encoding; records are UTF-8.
fn records<F>(item: &WalkItem<F>) -> String {
    let slash = if item.file.is_some() { "" } else { "/" };
    let (size, seconds) = (item.size(), item.modified.map_or(0, HttpTime::seconds));
    let mut records = String::new();
    if !item.path.is_ascii() || item.path.len().saturating_add(slash.len()) > NAME {
        record("path", &format!("{}{slash}", item.path), &mut records);
    }
    if size > NUMBER {
        record("size", &size.to_string(), &mut records);
    }
    if seconds > NUMBER {
        record("mtime", &seconds.to_string(), &mut records);
    }
    records
}

/// Writes `LENGTH KEYWORD=VALUE` and a line break. LENGTH counts the whole line, with its own digits.
fn record(keyword: &str, value: &str, to: &mut String) {
    let rest = format!(" {keyword}={value}\n");
    let mut digits = 1_usize;
    while rest.len().saturating_add(digits).to_string().len() > digits {
        digits = digits.saturating_add(1);
    }
    to.push_str(&format!("{}{rest}", rest.len().saturating_add(digits)));
}

/// A header (POSIX.1-2017 `pax`, ustar interchange format). The owner is 0: users of this machine mean nothing
/// elsewhere.
fn head(path: &str, kind: char, size: u64, seconds: u64) -> Vec<u8> {
    let mode = if kind == FOLDER { "0000755" } else { "0000644" };
    // A value that does not fit is in a record.
    let name = path.get(..path.floor_char_boundary(NAME)).unwrap_or_default();
    let [size, seconds] = [size, seconds].map(|number| if number > NUMBER { 0 } else { number });
    let before = format!("{mode}\0{0:07o}\0{0:07o}\0{size:011o}\0{seconds:011o}\0", 0);
    let after = format!("{kind}{:100}", "").replace(' ', "\0") + "ustar\x0000";
    // For the checksum, its own field counts as spaces.
    let sum = [name, &before, "        ", &after].iter().flat_map(|part| part.bytes()).map(u32::from).sum::<u32>();
    let mut head = name.as_bytes().to_vec();
    head.resize(NAME, 0);
    head.extend(format!("{before}{sum:06o}\0 {after}").into_bytes());
    head.resize(BLOCK, 0);
    head
}
