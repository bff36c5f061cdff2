//! What a handler does for one request: the request headers, metadata, directories and file contents that it reads.

use crate::beneath::{FileId, OpenOptions, RawDirEntry, Symlinks, identify};
use crate::settled::{Extent, FileClock, TrustedUntil, extent};
use http::HeaderName;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::Duration;

/// Bytes of a recording. A handler that reads more is not replayed.
const MAX_RECORDING: usize = 1 << 20;

/// The result of a stat or open.
pub(crate) type StatResult = Result<FileId, Errno>;

/// One thing that a handler did for a response.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// It read the metadata at a path.
    Stat(Box<str>, Symlinks, StatResult),
    /// It opened a path.
    Open(Box<str>, OpenOptions, StatResult),
    /// It read the directory that an earlier step had opened. One result for each call.
    Entries(usize, Vec<DirEntryResult>),
    /// It read the metadata of an entry of the directory that an earlier step had opened.
    StatEntry(usize, Box<str>, Symlinks, StatResult),
}

/// The result of reading one directory entry. `None` at the end.
pub(crate) type DirEntryResult = Option<Result<RawDirEntry, Errno>>;

/// A header that a handler read, with one value for each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadField {
    pub(crate) name: HeaderName,
    pub(crate) values: Box<[Box<[u8]>]>,
}

impl Step {
    /// The number of system calls that repeat the step.
    pub(crate) fn system_calls(&self) -> usize {
        match self {
            Step::Stat(..) | Step::Open(..) | Step::StatEntry(..) => 1,
            Step::Entries(_, entries) => entries.len(),
        }
    }

    /// The memory of the step.
    pub(crate) fn bytes(&self) -> usize {
        let heap = match self {
            Step::Stat(path, ..) | Step::Open(path, ..) | Step::StatEntry(_, path, ..) => path.len(),
            Step::Entries(_, entries) => sum(entries.iter().map(entry_bytes)),
        };
        heap.saturating_add(size_of::<Step>())
    }
}

impl ReadField {
    /// The memory of the field.
    pub(crate) fn bytes(&self) -> usize {
        let values = sum(self.values.iter().map(|value| value.len().saturating_add(size_of::<Box<[u8]>>())));
        values.saturating_add(size_of::<ReadField>())
    }
}

fn entry_bytes(entry: &DirEntryResult) -> usize {
    let name = entry.as_ref().and_then(|entry| entry.as_ref().ok()).map_or(0, |entry| entry.name.len());
    name.saturating_add(size_of::<DirEntryResult>())
}

/// The sum, or the largest number.
pub(crate) fn sum(counts: impl Iterator<Item = usize>) -> usize {
    counts.fold(0, usize::saturating_add)
}

/// How the entries of a directory are recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EntriesStep {
    /// In this step.
    Recorded(usize),
    /// Not at all: they follow from the metadata of the directory.
    Implied,
}

/// The steps of a handler for one request.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Counts the recordings of one instance. A directory that was opened in an earlier one is not part of this one.
    pub(crate) id: u32,
    pub(super) fields: Vec<ReadField>,
    pub(super) steps: Vec<Step>,
    /// The files whose content the response depends on. An opening step has the metadata of each.
    contents: Vec<FileId>,
    pub(super) trusted: TrustedUntil,
    bytes: usize,
    /// The steps that opened directories, by handle.
    directories: BTreeMap<u32, usize>,
    is_unreplayable: bool,
}

impl Recording {
    /// An empty recording.
    pub(crate) fn new(id: u32) -> Recording {
        Recording {
            id,
            fields: Vec::new(),
            steps: Vec::new(),
            contents: Vec::new(),
            trusted: TrustedUntil::FOREVER,
            bytes: 0,
            directories: BTreeMap::new(),
            is_unreplayable: false,
        }
    }

    /// Adds a step. Returns its index.
    pub(crate) fn push(&mut self, step: Step) -> usize {
        if self.reserve(step.bytes()) {
            self.steps.push(step);
        }
        self.last()
    }

    /// Adds a header that the handler read.
    pub(crate) fn push_field(&mut self, name: HeaderName, values: &[Vec<u8>]) {
        let values = values.iter().map(|value| value.as_slice().into()).collect();
        let field = ReadField { name, values };
        match self.fields.iter().find(|known| known.name == field.name).map(|known| *known == field) {
            Some(true) => {}
            // The handler has also read fields of its own response.
            Some(false) => self.mark_unreplayable(),
            None => {
                if self.reserve(field.bytes()) {
                    self.fields.push(field);
                }
            }
        }
    }

    /// Records the handle of the directory that the last step opened.
    pub(crate) fn set_directory_handle(&mut self, handle: u32) {
        self.directories.insert(handle, self.last());
    }

    /// The step that opened a directory, by its handle.
    pub(crate) fn directory(&self, handle: u32) -> Option<usize> {
        self.directories.get(&handle).copied()
    }

    /// The handler starts to read the entries of a directory that a step opened.
    pub(crate) fn read_entries(&mut self, opened: usize, directory: impl AsFd) -> EntriesStep {
        let is_opened = |id| matches!(self.steps.get(opened), Some(Step::Open(.., Ok(known))) if *known == id);
        match implied(directory) {
            Some((id, ..)) if is_opened(id) => EntriesStep::Implied,
            _ => EntriesStep::Recorded(self.push(Step::Entries(opened, Vec::new()))),
        }
    }

    /// Adds an entry to a step that reads a directory.
    pub(crate) fn push_entry(&mut self, step: usize, entry: DirEntryResult) {
        match self.reserve(entry_bytes(&entry)).then(|| self.steps.get_mut(step)) {
            Some(Some(Step::Entries(_, entries))) => entries.push(entry),
            _ => self.mark_unreplayable(),
        }
    }

    /// The handler reads the content of a file now. A replay does not compare it, so it must follow from metadata.
    pub(crate) fn read_content(&mut self, file: impl AsFd) {
        if self.is_unreplayable || identify(&file).is_ok_and(|id| self.contents.contains(&id)) {
            return;
        }
        match implied(file) {
            Some((id, Extent::Content, at_rest)) if self.opened(id).is_some() => {
                self.trusted = self.trusted.min(TrustedUntil::after(at_rest));
                self.contents.push(id);
            }
            _ => self.mark_unreplayable(),
        }
    }

    /// Whether the recording has room for more bytes. If not, the response cannot be replayed.
    fn reserve(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_RECORDING {
            self.mark_unreplayable();
        }
        !self.is_unreplayable
    }

    fn last(&self) -> usize {
        self.steps.len().saturating_sub(1)
    }

    /// The handler did something that a replay could not repeat, or that had two different results.
    pub(crate) fn mark_unreplayable(&mut self) {
        self.is_unreplayable = true;
        (self.fields, self.steps) = (Vec::new(), Vec::new());
    }

    /// Whether the response cannot be replayed.
    pub(crate) fn is_unreplayable(&self) -> bool {
        self.is_unreplayable
    }

    /// The step that opened a file.
    pub(crate) fn opened(&self, file: FileId) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step, Step::Open(.., Ok(opened)) if *opened == file))
    }
}

/// The metadata of a file at rest, what they imply, and how long it had been at rest. Later changes set other times.
fn implied(file: impl AsFd) -> Option<(FileId, Extent, Duration)> {
    let clock = FileClock::now();
    let id = identify(&file).ok()?;
    let at_rest = clock.at_rest(&id)?;
    Some((id, extent(file)?, at_rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, RANGE};
    use std::fs::File;

    #[test]
    fn a_recording_is_limited() {
        let mut recording = Recording::new(0);
        let step = recording.push(Step::Entries(0, Vec::new()));
        for _ in 0..MAX_RECORDING / size_of::<DirEntryResult>() - 100 {
            recording.push_entry(step, None);
        }
        assert!(!recording.is_unreplayable());
        for _ in 0..200 {
            recording.push_entry(step, None);
        }
        assert!(recording.is_unreplayable() && recording.steps.is_empty());
        recording.push(Step::Stat("".into(), Symlinks::Follow, Err(Errno::NOENT)));
        recording.push_field(ACCEPT, &[]);
        assert!(recording.steps.is_empty() && recording.fields.is_empty(), "an unreplayable recording stays empty");
    }

    #[test]
    fn a_field_has_one_value() {
        let mut recording = Recording::new(0);
        let value = [b"text/html".to_vec()];
        for name in [ACCEPT, RANGE, ACCEPT] {
            recording.push_field(name, &value);
        }
        assert_eq!(recording.fields.len(), 2);
        recording.push_field(RANGE, &[]);
        assert!(recording.is_unreplayable());
    }

    fn recorded(file: &File) -> Recording {
        let mut recording = Recording::new(0);
        let options = OpenOptions { symlinks: Symlinks::Follow, only_directory: false };
        let id = identify(file).expect("it has metadata");
        recording.push(Step::Open("a".into(), options, Ok(id)));
        recording
    }

    #[test]
    fn only_content_that_follows_from_recorded_metadata_is_replayed() {
        let (ours, other) = (File::open("Cargo.toml"), File::open("src/lib.rs"));
        let (ours, other) = (ours.expect("it exists"), other.expect("it exists"));
        let mut recording = recorded(&ours);
        recording.read_content(&ours);
        recording.read_content(&ours);
        assert!(!recording.is_unreplayable() && recording.contents.len() == 1);
        recording.read_content(&other);
        assert!(recording.is_unreplayable(), "no step opened it");
        let null = File::open("/dev/null").expect("it exists");
        let mut recording = recorded(&null);
        recording.read_content(&null);
        assert!(recording.is_unreplayable(), "the file system is not trusted");
    }
}
