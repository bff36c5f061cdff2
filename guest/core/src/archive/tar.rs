//! Tar: heads of 512 bytes before contents that are filled up to a multiple of that (POSIX.1-2017, pax interchange format).
//! It refuses to know where contents come from.
//!
//! The crate `tar` has such heads, and libc and the file system with them, which the core has no use for. What is written
//! here is read back with it by the tests.

use crate::archive::ArchiveEnd;
use crate::archive::walk::WalkItem;
use crate::http::date::HttpTime;

const BLOCK: usize = 512;
/// Two empty blocks.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The longest name that a head holds by itself. It could hold more in two parts, but then it is as well written as a
/// record.
const NAME: usize = 100;
/// The largest number that a head holds: eleven octal digits.
const NUMBER: u64 = 0o777_7777_7777;

const FILE: char = '0';
const FOLDER: char = '5';
/// Records about the next entry.
const RECORDS: char = 'x';

/// A tar file under way.
#[derive(Debug, Default)]
pub struct Tar {
    /// How much fills up the content of the current entry.
    padding: usize,
}

impl Tar {
    /// How many bytes an entry takes with its content.
    pub fn measure<F>(item: &WalkItem<F>) -> u64 {
        const HEAD: u64 = BLOCK as u64;
        let (records, size) = (super::length(records(item).as_bytes()), item.size());
        let filled = |length: u64| length.div_ceil(HEAD).saturating_mul(HEAD);
        let before = if records == 0 { 0 } else { HEAD.saturating_add(filled(records)) };
        before.saturating_add(HEAD).saturating_add(filled(size))
    }

    /// The head of an entry, behind records for what it cannot hold.
    pub fn begin<F>(&mut self, item: &WalkItem<F>) -> Vec<u8> {
        let (kind, slash) = if item.file.is_some() { (FILE, "") } else { (FOLDER, "/") };
        let (path, size) = (format!("{}{slash}", item.path), item.size());
        let seconds = item.modified.map_or(0, HttpTime::seconds);
        self.padding = padding(size);

        let records = records(item);
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let length = super::length(records.as_bytes());
            bytes.extend(head("././@PaxHeader", RECORDS, length, 0));
            bytes.extend(records.into_bytes());
            bytes.resize(bytes.len().saturating_add(padding(length)), 0);
        }
        bytes.extend(head(&path, kind, size, seconds));
        bytes
    }

    /// What fills up the content of the entry that was begun.
    pub fn end(&self) -> ArchiveEnd {
        ArchiveEnd { now: vec![0; self.padding], later: Vec::new() }
    }
}

/// What is missing to a whole block.
fn padding(size: u64) -> usize {
    const BLOCK_: u64 = BLOCK as u64;
    usize::try_from((BLOCK_ - size % BLOCK_) % BLOCK_).unwrap_or_default()
}

/// What the head of an entry cannot hold. Heads have no encoding; records are UTF-8.
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

/// `LENGTH KEYWORD=VALUE` and the end of the line, all of which LENGTH counts, itself as well.
fn record(keyword: &str, value: &str, to: &mut String) {
    let rest = format!(" {keyword}={value}\n");
    let mut digits = 1;
    while rest.len().saturating_add(digits).to_string().len() > digits {
        digits += 1;
    }
    to.push_str(&format!("{}{rest}", rest.len().saturating_add(digits)));
}

/// A head (POSIX.1-2017 `pax`, ustar interchange format). It belongs to nobody: who the owner is here means nothing there.
fn head(path: &str, kind: char, size: u64, seconds: u64) -> Vec<u8> {
    let mode = if kind == FOLDER { "0000755" } else { "0000644" };
    // What does not fit is told by records.
    let name = path.get(..path.floor_char_boundary(NAME)).unwrap_or_default();
    let [size, seconds] = [size, seconds].map(|number| if number > NUMBER { 0 } else { number });
    let before = format!("{mode}\0{0:07o}\0{0:07o}\0{size:011o}\0{seconds:011o}\0", 0);
    let after = format!("{kind}{:100}", "").replace(' ', "\0") + "ustar\x0000";
    // The sum is taken as if its own field were spaces.
    let sum = [name, &before, "        ", &after].iter().flat_map(|part| part.bytes()).map(u32::from).sum::<u32>();
    let mut head = name.as_bytes().to_vec();
    head.resize(NAME, 0);
    head.extend(format!("{before}{sum:06o}\0 {after}").into_bytes());
    head.resize(BLOCK, 0);
    head
}
