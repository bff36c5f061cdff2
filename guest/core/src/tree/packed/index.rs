//! Encodes the index of a site image from the entries of a folder.

use crate::http::date::HttpTime;
use crate::number::{to_u32, to_u64, to_usize};
use crate::tree::packed::image::{HEADER, MAGIC, RECORD, Record, RecordKind, VERSION};
use std::collections::VecDeque;

/// An entry of a folder that becomes an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEntry {
    /// The name in its directory. It is empty for the root.
    pub name: String,
    /// The modification time.
    pub modified: Option<HttpTime>,
    /// Whether a listing shows it.
    pub is_listed: bool,
    /// What it is.
    pub node: ImageNode,
}

/// The kinds of an [`ImageEntry`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageNode {
    /// A regular file: its length in bytes, and the first 128 bits of the SHA-256 of its content.
    File {
        /// The length in bytes.
        length: u32,
        /// The first 128 bits of the SHA-256 of the content.
        digest: u128,
    },
    /// A directory.
    Directory(Vec<ImageEntry>),
    /// A symbolic link: the path that it contains.
    Link(String),
    /// A symbolic link that leads nowhere within the folder.
    DeadLink,
    /// An entry that is listed and never opened.
    Special,
}

/// The image of a folder, without the contents of its files.
#[derive(Debug)]
pub struct ImageIndex {
    /// The first bytes of the image. The contents follow, in the order of [`ImageIndex::files`].
    pub bytes: Vec<u8>,
    /// The paths of the files, relative to the folder.
    pub files: Vec<String>,
    /// The length of the whole image in bytes.
    pub length: u32,
}

/// The folder does not fit into an image: its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(pub u64);

impl ImageIndex {
    /// Encodes the index of a folder. The result depends on nothing but the arguments, and not on the order of entries.
    ///
    /// # Errors
    /// [`TooLarge`] for 4 GiB and more.
    pub fn encode(
        options: &[(String, String)],
        entries: Vec<ImageEntry>,
        modified: Option<HttpTime>,
    ) -> Result<ImageIndex, TooLarge> {
        let root = ImageEntry { name: String::new(), modified, is_listed: true, node: ImageNode::Directory(entries) };
        let mut writer = IndexWriter::default();
        writer.add(root);
        writer.encode(options)
    }
}

/// Directories whose entries have no records yet: the number of the record, the path, and the entries.
type PendingDirectories = VecDeque<(usize, String, Vec<ImageEntry>)>;

/// Collects records, breadth first, so that the entries of a directory are adjacent.
#[derive(Default)]
struct IndexWriter {
    records: Vec<Record>,
    names: String,
    /// The numbers of the records of files, with their paths.
    files: Vec<(usize, String)>,
    /// The numbers of the records of links, whose paths are in `names`.
    links: Vec<usize>,
}

impl IndexWriter {
    fn add(&mut self, root: ImageEntry) {
        let mut directories = PendingDirectories::new();
        self.push(root, "", &mut directories);
        while let Some((number, path, mut entries)) = directories.pop_front() {
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            let (start, length) = (to_u32(self.records.len()), to_u32(entries.len()));
            if let Some(directory) = self.records.get_mut(number) {
                (directory.start, directory.length) = (start, length);
            }
            for entry in entries {
                self.push(entry, &path, &mut directories);
            }
        }
    }

    fn push(&mut self, entry: ImageEntry, above: &str, directories: &mut PendingDirectories) {
        let ImageEntry { name, modified, is_listed, node } = entry;
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        let number = self.records.len();
        let (name_start, name_length) = self.text(&name);
        let mut record = Record { modified, is_listed, name_start, name_length, ..Record::EMPTY_DIRECTORY };
        match node {
            ImageNode::File { length, digest } => {
                (record.kind, record.length, record.digest) = (RecordKind::File, length, digest);
                self.files.push((number, path));
            }
            ImageNode::Directory(entries) => directories.push_back((number, path, entries)),
            ImageNode::Link(to) => {
                record.kind = RecordKind::Link;
                (record.start, record.length) = self.text(&to);
                self.links.push(number);
            }
            ImageNode::DeadLink => record.kind = RecordKind::DeadLink,
            ImageNode::Special => record.kind = RecordKind::Special,
        }
        self.records.push(record);
    }

    /// Adds a text. Returns its offset in `names` and its length.
    fn text(&mut self, text: &str) -> (u32, u32) {
        let start = to_u32(self.names.len());
        self.names.push_str(text);
        (start, to_u32(text.len()))
    }

    fn encode(mut self, options: &[(String, String)]) -> Result<ImageIndex, TooLarge> {
        let options: String = options.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
        let lengths = [to_u64(options.len()), to_u64(self.records.len()).saturating_mul(RECORD.into())];
        let names_start = lengths.iter().fold(u64::from(HEADER), |sum, length| sum.saturating_add(*length));
        let mut end = names_start.saturating_add(to_u64(self.names.len()));
        let index_end = end;
        for (number, _) in &self.files {
            if let Some(file) = self.records.get_mut(*number) {
                file.start = u32::try_from(end).unwrap_or(u32::MAX);
                end = end.saturating_add(file.length.into());
            }
        }
        let (Ok(length), Ok(names_start)) = (u32::try_from(end), u32::try_from(names_start)) else {
            return Err(TooLarge(end));
        };
        let mut bytes = Vec::with_capacity(to_usize(index_end));
        bytes.extend_from_slice(MAGIC);
        for number in [VERSION, to_u32(options.len()), to_u32(self.records.len()), to_u32(self.names.len())] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(options.as_bytes());
        for number in self.links {
            if let Some(link) = self.records.get_mut(number) {
                link.start = link.start.saturating_add(names_start);
            }
        }
        for mut record in self.records {
            record.name_start = record.name_start.saturating_add(names_start);
            record.write(&mut bytes);
        }
        bytes.extend_from_slice(self.names.as_bytes());
        Ok(ImageIndex { bytes, files: self.files.into_iter().map(|(_, path)| path).collect(), length })
    }
}
