//! Answers given before, given again while nothing that they came from has changed. It refuses to know why an answer is
//! what it is.
//!
//! A handler without clock and chance is a function of the request and of what it saw through its capabilities. So an
//! answer is kept with the fields that were read and the files that were looked at, and the next equal request is
//! answered by looking at those files again: if each is the same to the last change, so is the answer. Nothing is trusted
//! to stay as it was: every look is taken anew for every request, and the file that is sent is the one that was looked at.

use crate::handover::Region;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rustix::fs::{Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Answers that a thread keeps, and the bytes that they may take. When either is reached all are forgotten: a flood of
/// paths that nobody asks for twice then costs what it costs without this.
const ANSWERS: usize = 4096;
const BYTES: usize = 8 << 20;
/// Answers to one target that differ by what was asked beside it.
const VARIANTS: usize = 8;

/// Everything about an entry that a handler may have seen, and more: no change of it leaves the last time as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    mode: u32,
    links: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

/// What a look at a path came to; an error is known by its number.
pub type Look = Result<Identity, Errno>;

impl From<Stat> for Identity {
    fn from(stat: Stat) -> Identity {
        Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            links: stat.st_nlink,
            size: stat.st_size,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// Beneath the directory, and through no link that the kernel makes up: what the sandbox itself allows.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// Looks at what a path leads to, links followed.
pub fn look(directory: &File, path: &str) -> Look {
    let found = openat2(directory, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), BENEATH)?;
    identify(&found)
}

/// Looks at what is open.
pub fn identify(file: impl AsFd) -> Look {
    fstat(file).map(Identity::from)
}

/// Opens a file to read it, without ever waiting for it, and looks at it.
fn open(directory: &File, path: &str) -> Result<(OwnedFd, Identity), Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat2(directory, path, flags, Mode::empty(), BENEATH)?;
    let identity = identify(&file)?;
    Ok((file, identity))
}

/// One thing that a handler did to come to its answer.
#[derive(Debug)]
pub enum Step {
    /// It read a field of the request.
    Field(HeaderName, Vec<HeaderValue>),
    /// It looked at a path.
    Look(String, Look),
    /// It opened a file at a path.
    Open(String, Result<Identity, Errno>),
}

impl Step {
    fn bytes(&self) -> usize {
        size_of::<Step>()
            + match self {
                Step::Field(name, values) => name.as_str().len() + values.iter().map(HeaderValue::len).sum::<usize>(),
                Step::Look(path, _) | Step::Open(path, _) => path.len(),
            }
    }
}

/// What a handler did, as long as all of it can be done again from here.
#[derive(Debug, Default)]
pub struct Recording {
    steps: Vec<Step>,
    spoilt: bool,
}

impl Recording {
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The handler did something that is not repeated here, or that gave two different answers.
    pub fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Which step opened a file, if one did.
    pub fn opened(&self, file: Identity) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step, Step::Open(_, Ok(identity)) if *identity == file))
    }
}

/// The head of an answer, and the part of a file that follows it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    /// `None` for an answer without content.
    pub part: Option<Part>,
}

/// A part of a file that a handler opened.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The file: a handler may open several, and send another than the last.
    pub file: Identity,
    /// In bytes.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
}

struct Kept {
    steps: Vec<Step>,
    /// The step that opened the file that is sent.
    sent: Option<usize>,
    answer: Answer,
}

/// The answers that one thread keeps.
pub struct Replay {
    directory: Arc<File>,
    kept: HashMap<(Method, Uri), Vec<Kept>>,
    count: usize,
    bytes: usize,
}

impl Replay {
    /// No answers yet. `None` where the system cannot look beneath a directory at once.
    pub fn new(directory: Arc<File>) -> Option<Replay> {
        look(&directory, ".").ok()?;
        Some(Replay { directory, kept: HashMap::new(), count: 0, bytes: 0 })
    }

    /// The answer to a request, if it was given before and holds.
    pub fn find(&self, request: &Parts) -> Option<(Answer, Option<Region>)> {
        // The key owns what it is made of; cloning it is cheap, since both share their bytes.
        let kept = self.kept.get(&(request.method.clone(), request.uri.clone()))?;
        kept.iter().find_map(|kept| self.repeat(kept, request))
    }

    fn repeat(&self, kept: &Kept, request: &Parts) -> Option<(Answer, Option<Region>)> {
        let mut sent = None;
        let mut steps = kept.steps.iter().enumerate().peekable();
        while let Some((index, step)) = steps.next() {
            match step {
                Step::Field(name, values) if request.headers.get_all(name).iter().eq(values) => {}
                Step::Field(..) => return None,
                // A file that is opened next is looked at then.
                Step::Look(path, Ok(seen)) if matches!(steps.peek(), Some((_, Step::Open(next, Ok(then)))) if next == path && then == seen) =>
                    {}
                Step::Look(path, seen) if look(&self.directory, path) == *seen => {}
                Step::Look(..) => return None,
                Step::Open(path, seen) => match (open(&self.directory, path), seen) {
                    (Ok((file, now)), Ok(then)) if now == *then => {
                        if kept.sent == Some(index) {
                            sent = Some(file);
                        }
                    }
                    (Err(now), Err(then)) if now == *then => {}
                    _ => return None,
                },
            }
        }
        let region = match kept.answer.part {
            Some(Part { offset, length, .. }) => Some(Region { file: Arc::new(File::from(sent?)), offset, length }),
            None => None,
        };
        Some((kept.answer.clone(), region))
    }

    /// Keeps an answer, and what it came from.
    pub fn keep(&mut self, method: Method, uri: Uri, recording: Recording, answer: Answer) {
        let sent = answer.part.and_then(|part| recording.opened(part.file));
        if recording.spoilt || answer.part.is_some() != sent.is_some() {
            return;
        }
        let fields = answer.fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        let steps = recording.steps.iter().map(Step::bytes).sum::<usize>();
        let bytes = size_of::<Kept>() + uri.path().len() + uri.query().map_or(0, str::len) + fields + steps;
        if self.count >= ANSWERS || self.bytes.saturating_add(bytes) > BYTES {
            self.kept.clear();
            (self.count, self.bytes) = (0, 0);
        }
        let variants = self.kept.entry((method, uri)).or_default();
        if variants.len() >= VARIANTS {
            // The oldest; its bytes stay counted until all is forgotten, which only comes the sooner.
            variants.remove(0);
        }
        variants.push(Kept { steps: recording.steps, sent, answer });
        self.count += 1;
        self.bytes += bytes;
    }
}
