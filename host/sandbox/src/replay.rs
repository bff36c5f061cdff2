//! Replays responses while nothing that they depend on has changed.
//!
//! A handler without a clock and random numbers is a function of the request and of what it reads through its
//! capabilities. A response is therefore stored with the headers, metadata and directories that the handler read. For
//! the next equal request the host reads them again; if all are equal, the response is as well. Nothing is assumed to
//! be unchanged, and the file that is sent is the one that was compared. Contents of files are not compared, so a
//! handler that reads one is not replayed.

use crate::beneath::{DirReader, FileId, OpenOptions, RawDirEntry, Symlinks};
use crate::file_body::{FileContent, Segment};
use crate::preopen::Preopen;
use crate::{beneath, last_modified};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Responses that a thread stores. At this number or at [`MAX_BYTES`] all are dropped, so many different paths cost no
/// more than they would without replay.
const MAX_RESPONSES: usize = 4096;
const MAX_BYTES: usize = 8 << 20;
/// Bytes of a recording. A handler that reads more is not replayed.
const MAX_RECORDING: usize = 1 << 20;
/// Stored responses for one URI, which differ in method and headers.
const MAX_VARIANTS: usize = 8;
/// System calls of a replay that is [`Effort::Low`].
const LOW_EFFORT: usize = 64;

/// The result of a stat or open.
pub(crate) type StatResult = Result<FileId, Errno>;

/// One thing that a handler did for a response.
#[derive(Debug)]
pub(crate) enum Step {
    /// It read a request header.
    Field(HeaderName, Vec<HeaderValue>),
    /// It read the metadata at a path.
    Stat(String, StatResult),
    /// It opened a path.
    Open(String, OpenOptions, StatResult),
    /// It read the directory that an earlier step had opened. One result for each call.
    Entries(usize, Vec<DirEntryResult>),
    /// It read the metadata of an entry of the directory that an earlier step had opened.
    StatEntry(usize, String, Symlinks, StatResult),
}

/// The result of reading one directory entry. `None` at the end.
pub(crate) type DirEntryResult = Option<Result<RawDirEntry, Errno>>;

impl Step {
    /// The number of system calls that repeat the step.
    fn system_calls(&self) -> usize {
        match self {
            Step::Field(..) => 0,
            Step::Stat(..) | Step::Open(..) | Step::StatEntry(..) => 1,
            Step::Entries(_, entries) => entries.len(),
        }
    }

    /// The memory of the step.
    fn bytes(&self) -> usize {
        let heap = match self {
            Step::Field(name, values) => sum(values.iter().map(HeaderValue::len)).saturating_add(name.as_str().len()),
            Step::Stat(path, _) | Step::Open(path, ..) | Step::StatEntry(_, path, ..) => path.len(),
            Step::Entries(_, entries) => sum(entries.iter().map(entry_bytes)),
        };
        heap.saturating_add(size_of::<Step>())
    }
}

fn entry_bytes(entry: &DirEntryResult) -> usize {
    let name = entry.as_ref().and_then(|entry| entry.as_ref().ok()).map_or(0, |entry| entry.name.len());
    name.saturating_add(size_of::<DirEntryResult>())
}

fn sum(counts: impl Iterator<Item = usize>) -> usize {
    counts.fold(0, usize::saturating_add)
}

/// The steps of a handler for one request.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Counts the recordings of one instance. A directory that was opened in an earlier one is not part of this one.
    pub(crate) id: u32,
    steps: Vec<Step>,
    bytes: usize,
    /// The steps that opened directories, by handle.
    directories: BTreeMap<u32, usize>,
    is_unreplayable: bool,
}

impl Recording {
    /// An empty recording.
    pub(crate) fn new(id: u32) -> Recording {
        Recording { id, ..Recording::default() }
    }

    /// Adds a step. Returns its index.
    pub(crate) fn push(&mut self, step: Step) -> usize {
        if self.reserve(step.bytes()) {
            self.steps.push(step);
        }
        self.last()
    }

    /// Records the handle of the directory that the last step opened.
    pub(crate) fn set_directory_handle(&mut self, handle: u32) {
        self.directories.insert(handle, self.last());
    }

    /// The step that opened a directory, by its handle.
    pub(crate) fn directory(&self, handle: u32) -> Option<usize> {
        self.directories.get(&handle).copied()
    }

    /// Adds an entry to a step that reads a directory.
    pub(crate) fn push_entry(&mut self, step: usize, entry: DirEntryResult) {
        match self.reserve(entry_bytes(&entry)).then(|| self.steps.get_mut(step)) {
            Some(Some(Step::Entries(_, entries))) => entries.push(entry),
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
        self.steps = Vec::new();
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

/// A response that can be replayed.
#[derive(Clone, Debug)]
pub(crate) struct CachedResponse {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// The file to which the segments refer. The handler may have opened others as well.
    pub(crate) file: Option<FileId>,
    pub(crate) segments: Arc<[Segment]>,
}

impl CachedResponse {
    /// A response without a file, and so far without a body.
    pub(crate) fn without_file(status: StatusCode, fields: HeaderMap) -> CachedResponse {
        CachedResponse { status, fields, file: None, segments: [].into() }
    }
}

/// Which stored responses a search considers, by the cost of comparing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Those that cost about as much as one file.
    Low,
    /// Those that cost more: a directory has to be read.
    High,
    Any,
}

struct CacheEntry {
    method: Method,
    steps: Vec<Step>,
    /// The system calls of a replay.
    system_calls: usize,
    /// The step that opened the file that is sent.
    sent: Option<usize>,
    response: CachedResponse,
}

/// The stored responses of one thread.
pub(crate) struct Replay {
    preopen: Arc<Preopen>,
    entries: HashMap<Uri, Vec<CacheEntry>>,
    count: usize,
    bytes: usize,
}

impl Replay {
    /// An empty store. [`Preopen::is_supported`] must be true.
    pub(crate) fn new(preopen: Arc<Preopen>) -> Replay {
        Replay { preopen, entries: HashMap::new(), count: 0, bytes: 0 }
    }

    /// A response to a request that is still valid, with its content.
    pub(crate) fn find(&self, request: &Parts, effort: Effort) -> Option<(CachedResponse, FileContent)> {
        self.candidates(request, effort).find_map(|entry| self.repeat(entry, request))
    }

    /// Whether [`Replay::find`] would have anything to compare.
    pub(crate) fn has_candidates(&self, request: &Parts, effort: Effort) -> bool {
        self.candidates(request, effort).next().is_some()
    }

    fn candidates<'a>(&'a self, request: &'a Parts, effort: Effort) -> impl Iterator<Item = &'a CacheEntry> {
        let entries = self.entries.get(&request.uri).into_iter().flatten();
        entries.filter(move |entry| {
            entry.method == request.method
                && match effort {
                    Effort::Low => entry.system_calls <= LOW_EFFORT,
                    Effort::High => entry.system_calls > LOW_EFFORT,
                    Effort::Any => true,
                }
        })
    }

    /// Repeats the steps of an entry. Returns its response if all results are equal.
    fn repeat(&self, entry: &CacheEntry, request: &Parts) -> Option<(CachedResponse, FileContent)> {
        let root = self.preopen.root();
        let mut opened = Vec::new();
        let mut steps = entry.steps.iter().enumerate().peekable();
        while let Some((index, step)) = steps.next() {
            let is_equal = match step {
                Step::Field(name, values) => request.headers.get_all(name).iter().eq(values),
                // Opening the same file returns the same metadata.
                Step::Stat(path, Ok(stat)) if steps.peek().is_some_and(|(_, next)| next.opens(path, *stat)) => true,
                Step::Stat(path, stat) => self.preopen.stat_at(root, path, Symlinks::Follow).map(FileId::from) == *stat,
                Step::Open(path, options, stat) => match (self.preopen.open_at(root, path, *options), stat) {
                    (Ok((file, now)), Ok(then)) if FileId::from(now) == *then => {
                        opened.push((index, file));
                        true
                    }
                    (Err(now), Err(then)) => now == *then,
                    _ => false,
                },
                Step::Entries(directory, entries) => {
                    let mut reader = DirReader::new(find(&opened, *directory)?).ok()?;
                    entries.iter().all(|entry| reader.next() == *entry)
                }
                Step::StatEntry(directory, name, symlinks, stat) => {
                    beneath::stat(find(&opened, *directory)?, name, *symlinks).map(FileId::from) == *stat
                }
            };
            if !is_equal {
                return None;
            }
        }
        let sent = entry.sent.and_then(|sent| opened.into_iter().find(|(index, _)| *index == sent));
        let file = sent.map(|(_, file)| Arc::new(File::from(file)));
        let segments = Arc::clone(&entry.response.segments);
        Some((entry.response.clone(), FileContent { file, segments }))
    }

    /// Stores a response with its recording.
    pub(crate) fn insert(&mut self, method: Method, uri: Uri, recording: Recording, response: CachedResponse) {
        let sent = response.file.and_then(|file| recording.opened(file));
        // The number of paths that do not exist is unlimited.
        if response.status.is_client_error() || response.status.is_server_error() {
            return;
        }
        // A date in the future was clamped to the present, which differs at the next request.
        if recording.is_unreplayable
            || response.file.is_some() != sent.is_some()
            || last_modified::is_future(&response.fields)
        {
            return;
        }
        let system_calls = sum(recording.steps.iter().map(Step::system_calls));
        let bytes = sum([
            size_of::<CacheEntry>(),
            uri.path().len(),
            uri.query().map_or(0, str::len),
            sum(response.fields.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()))),
            sum(recording.steps.iter().map(Step::bytes)),
            size_of_val(&*response.segments),
            bytes_in_memory(&response.segments),
        ]
        .into_iter());
        if self.count >= MAX_RESPONSES || self.bytes.saturating_add(bytes) > MAX_BYTES {
            self.entries.clear();
            (self.count, self.bytes) = (0, 0);
        }
        let variants = self.entries.entry(uri).or_default();
        if variants.len() >= MAX_VARIANTS {
            // Removes the oldest. Its bytes stay counted, so all entries are dropped somewhat earlier.
            variants.remove(0);
        }
        variants.push(CacheEntry { method, steps: recording.steps, system_calls, sent, response });
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Step {
    /// Whether the step opens a path with these metadata, following links.
    fn opens(&self, path: &str, stat: FileId) -> bool {
        matches!(
            self,
            Step::Open(opened, OpenOptions { symlinks: Symlinks::Follow, .. }, Ok(then))
                if opened == path && *then == stat
        )
    }
}

/// The bytes of segments that are in memory.
pub(crate) fn bytes_in_memory(segments: &[Segment]) -> usize {
    sum(segments.iter().map(|segment| if let Segment::Bytes(bytes) = segment { bytes.len() } else { 0 }))
}

/// The directory or file that a step opened.
fn find(opened: &[(usize, OwnedFd)], step: usize) -> Option<&OwnedFd> {
    opened.iter().find(|(index, _)| *index == step).map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        recording.push(Step::Stat(String::new(), Err(Errno::NOENT)));
        assert!(recording.steps.is_empty(), "an unreplayable recording stays empty");
    }
}
