//! Answers given before, given again while nothing that they came from has changed. It refuses to know why an answer is
//! what it is.
//!
//! A handler without clock and chance is a function of the request and of what it saw through its capabilities. So an
//! answer is kept with the fields that were read, the files that were looked at and the directories that were read, and the
//! next equal request is answered by doing so again: if each is the same to the last change, so is the answer. Nothing is
//! trusted to stay as it was: every look is taken anew for every request, and the file that is sent is the one that was
//! looked at. What a handler reads of a file is not looked at again, and makes an answer that is not kept.

use crate::beneath::{Entries, Entry, FileId, OpenOptions, Symlinks};
use crate::file_body::{Pieces, Segment};
use crate::preopen::Preopen;
use crate::{beneath, last_modified};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Answers that a thread keeps, and the bytes that they may take. When either is reached all are forgotten: a flood of
/// paths that nobody asks for twice then costs what it costs without this.
const ANSWERS: usize = 4096;
const BYTES: usize = 8 << 20;
/// The longest recording in bytes. A handler that looks at more than this is not followed any further.
const LONGEST: usize = 1 << 20;
/// Answers to one target that differ by what was asked beside it.
const VARIANTS: usize = 8;
/// The most looks that are little effort.
const FEW: usize = 64;

/// What a look at a path came to; an error is known by its number.
pub type StatResult = Result<FileId, Errno>;

/// One thing that a handler did to come to its answer.
#[derive(Debug)]
pub enum Step {
    /// It read a field of the request.
    Field(HeaderName, Vec<HeaderValue>),
    /// It looked at a path.
    Look(String, StatResult),
    /// It opened a file or a directory at a path.
    Open(String, OpenOptions, StatResult),
    /// It read the directory that a step had opened: what it was told, one call after the other.
    Entries(usize, Vec<DirEntryResult>),
    /// It looked at an entry of the directory that a step had opened.
    Entry(usize, String, Symlinks, StatResult),
}

/// What one call is told of a directory; `None` at its end.
pub type DirEntryResult = Option<Result<Entry, Errno>>;

impl Step {
    /// How often the system is asked to do it again.
    fn looks(&self) -> usize {
        match self {
            Step::Field(..) => 0,
            Step::Look(..) | Step::Open(..) | Step::Entry(..) => 1,
            Step::Entries(_, told) => told.len(),
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Step>()
            + match self {
                Step::Field(name, values) => name.as_str().len() + values.iter().map(HeaderValue::len).sum::<usize>(),
                Step::Look(path, _) | Step::Open(path, ..) | Step::Entry(_, path, ..) => path.len(),
                Step::Entries(_, told) => told.iter().map(told_bytes).sum(),
            }
    }
}

fn told_bytes(told: &DirEntryResult) -> usize {
    size_of::<DirEntryResult>() + told.iter().flatten().map(|entry| entry.name.len()).sum::<usize>()
}

/// What a handler did, as long as all of it can be done again from here.
#[derive(Debug, Default)]
pub struct Recording {
    /// Which recording of its instance this is: what was opened for another request has no place in it.
    pub number: u32,
    steps: Vec<Step>,
    bytes: usize,
    /// The steps that opened directories, by handle.
    directories: BTreeMap<u32, usize>,
    is_spoilt: bool,
}

impl Recording {
    /// Nothing yet.
    pub fn new(number: u32) -> Recording {
        Recording { number, ..Recording::default() }
    }

    /// Writes a step down, and says which it is.
    pub fn push(&mut self, step: Step) -> usize {
        if self.has_room(step.bytes()) {
            self.steps.push(step);
        }
        self.steps.len().saturating_sub(1)
    }

    /// What the last step opened is known to the handler by this handle.
    pub fn name_directory(&mut self, handle: u32) {
        self.directories.insert(handle, self.steps.len().saturating_sub(1));
    }

    /// The step that opened a directory.
    pub fn directory(&self, handle: u32) -> Option<usize> {
        self.directories.get(&handle).copied()
    }

    /// Writes down what a directory told that is being read.
    pub fn tell(&mut self, step: usize, told: DirEntryResult) {
        match self.has_room(told_bytes(&told)).then(|| self.steps.get_mut(step)) {
            Some(Some(Step::Entries(_, all))) => all.push(told),
            _ => self.spoil(),
        }
    }

    /// Whether so many bytes more can be written down; if not, the recording is spoilt.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > LONGEST {
            self.spoil();
        }
        !self.is_spoilt
    }

    /// The handler did something that is not repeated here, or that gave two different answers.
    pub fn spoil(&mut self) {
        self.is_spoilt = true;
        self.steps = Vec::new();
    }

    /// Whether an answer can come of it that is given again.
    pub fn is_spoilt(&self) -> bool {
        self.is_spoilt
    }

    /// Which step opened a file, if one did.
    pub fn opened(&self, file: FileId) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step, Step::Open(.., Ok(identity)) if *identity == file))
    }
}

/// The head of an answer, and what follows it.
#[derive(Clone, Debug)]
pub struct CachedResponse {
    pub status: StatusCode,
    pub fields: HeaderMap,
    /// The file of which there are parts among the pieces: a handler may open several, and send another than the last.
    pub file: Option<FileId>,
    /// The content.
    pub pieces: Arc<[Segment]>,
}

impl CachedResponse {
    /// An answer with no part of a file in it, and no content so far.
    pub fn without_file(status: StatusCode, fields: HeaderMap) -> CachedResponse {
        CachedResponse { status, fields, file: None, pieces: [].into() }
    }
}

/// How much it may take to find out whether an answer still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// As little as for a file.
    Little,
    /// More than that: there is a directory to be read again.
    Much,
    Any,
}

struct Kept {
    method: Method,
    steps: Vec<Step>,
    /// How many looks it takes to know whether the answer holds.
    looks: usize,
    /// The step that opened the file that is sent.
    sent: Option<usize>,
    answer: CachedResponse,
}

/// The answers that one thread keeps.
pub struct Replay {
    lent: Arc<Preopen>,
    kept: HashMap<Uri, Vec<Kept>>,
    count: usize,
    bytes: usize,
}

impl Replay {
    /// No answers yet. The system must be able to look at what is lent at once.
    pub fn new(lent: Arc<Preopen>) -> Replay {
        Replay { lent, kept: HashMap::new(), count: 0, bytes: 0 }
    }

    /// The answer to a request, if it was given before and holds, with the file that is sent, and if that is known with no other effort
    /// than this.
    pub fn find(&self, request: &Parts, effort: Effort) -> Option<(CachedResponse, Pieces)> {
        self.candidates(request, effort).find_map(|kept| self.repeat(kept, request))
    }

    /// Whether there is an answer that may hold, to be known with such effort.
    pub fn knows(&self, request: &Parts, effort: Effort) -> bool {
        self.candidates(request, effort).next().is_some()
    }

    fn candidates<'a>(&'a self, request: &'a Parts, effort: Effort) -> impl Iterator<Item = &'a Kept> {
        let kept = self.kept.get(&request.uri).into_iter().flatten();
        kept.filter(move |kept| {
            kept.method == request.method
                && match effort {
                    Effort::Little => kept.looks <= FEW,
                    Effort::Much => kept.looks > FEW,
                    Effort::Any => true,
                }
        })
    }

    fn repeat(&self, kept: &Kept, request: &Parts) -> Option<(CachedResponse, Pieces)> {
        let mut opened = Vec::new();
        let mut steps = kept.steps.iter().enumerate().peekable();
        while let Some((index, step)) = steps.next() {
            match step {
                Step::Field(name, values) if request.headers.get_all(name).iter().eq(values) => {}
                Step::Field(..) => return None,
                // A file that is opened next is looked at then.
                Step::Look(path, Ok(seen)) if matches!(steps.peek(), Some((_, Step::Open(next, how, Ok(then)))) if next == path && then == seen && how.links == Symlinks::Follow) =>
                    {}
                Step::Look(path, seen)
                    if self.lent.look(self.lent.root(), path, Symlinks::Follow).map(FileId::from) == *seen => {}
                Step::Look(..) => return None,
                Step::Open(path, how, seen) => match (self.lent.open_at(self.lent.root(), path, *how), seen) {
                    (Ok((file, now)), Ok(then)) if FileId::from(now) == *then => opened.push((index, file)),
                    (Err(now), Err(then)) if now == *then => {}
                    _ => return None,
                },
                Step::Entries(directory, told) => {
                    let mut entries = Entries::of(find(&opened, *directory)?).ok()?;
                    if told.iter().any(|told| entries.next() != *told) {
                        return None;
                    }
                }
                Step::Entry(directory, name, links, seen) => {
                    if beneath::stat(find(&opened, *directory)?, name, *links).map(FileId::from) != *seen {
                        return None;
                    }
                }
            }
        }
        let sent = kept.sent.and_then(|sent| opened.into_iter().find(|(index, _)| *index == sent));
        let file = sent.map(|(_, file)| Arc::new(File::from(file)));
        let pieces = Arc::clone(&kept.answer.pieces);
        Some((kept.answer.clone(), (file, pieces)))
    }

    /// Keeps an answer, and what it came from.
    pub fn keep(&mut self, method: Method, uri: Uri, recording: Recording, answer: CachedResponse) {
        let sent = answer.file.and_then(|file| recording.opened(file));
        // There is no end of paths that lead nowhere, and nobody is in a hurry to be told.
        if answer.status.is_client_error() || answer.status.is_server_error() {
            return;
        }
        // A date that was not yet reached would be another one next time.
        if recording.is_spoilt || answer.file.is_some() != sent.is_some() || last_modified::is_ahead(&answer.fields) {
            return;
        }
        let fields = answer.fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        let steps = recording.steps.iter().map(Step::bytes).sum::<usize>();
        let pieces = size_of_val(&*answer.pieces) + made(&answer.pieces);
        let looks = recording.steps.iter().map(Step::looks).sum();
        let bytes = pieces + size_of::<Kept>() + uri.path().len() + uri.query().map_or(0, str::len) + fields + steps;
        if self.count >= ANSWERS || self.bytes.saturating_add(bytes) > BYTES {
            self.kept.clear();
            (self.count, self.bytes) = (0, 0);
        }
        let variants = self.kept.entry(uri).or_default();
        if variants.len() >= VARIANTS {
            // The oldest; its bytes stay counted until all is forgotten, which only comes the sooner.
            variants.remove(0);
        }
        variants.push(Kept { method, steps: recording.steps, looks, sent, answer });
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Bytes that some pieces keep in memory.
pub fn made(pieces: &[Segment]) -> usize {
    pieces.iter().map(|piece| if let Segment::Bytes(bytes) = piece { bytes.len() } else { 0 }).sum()
}

/// What a step opened.
fn find(opened: &[(usize, OwnedFd)], step: usize) -> Option<&OwnedFd> {
    opened.iter().find(|(index, _)| *index == step).map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_a_measure() {
        let mut recording = Recording::new(0);
        let step = recording.push(Step::Entries(0, Vec::new()));
        for _ in 0..LONGEST / size_of::<DirEntryResult>() - 100 {
            recording.tell(step, None);
        }
        assert!(!recording.is_spoilt());
        for _ in 0..200 {
            recording.tell(step, None);
        }
        assert!(recording.is_spoilt() && recording.steps.is_empty());
        recording.push(Step::Look(String::new(), Err(Errno::NOENT)));
        assert!(recording.steps.is_empty(), "nothing is added to what is spoilt");
    }
}
