//! Answers given before, given again while nothing that they came from has changed. It refuses to know why an answer is
//! what it is.
//!
//! A handler without clock and chance is a function of the request and of what it saw through its capabilities. So an
//! answer is kept with the fields that were read and the files that were looked at, and the next equal request is
//! answered by looking at those files again: if each is the same to the last change, so is the answer. Nothing is trusted
//! to stay as it was: every look is taken anew for every request, and the file that is sent is the one that was looked at.

use crate::clock;
use crate::look::{self, Identity, Links};
use crate::plane::{Piece, Pieces};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

/// Answers that a thread keeps, and the bytes that they may take. When either is reached all are forgotten: a flood of
/// paths that nobody asks for twice then costs what it costs without this.
const ANSWERS: usize = 4096;
const BYTES: usize = 8 << 20;
/// Answers to one target that differ by what was asked beside it.
const VARIANTS: usize = 8;

/// What a look at a path came to; an error is known by its number.
pub type Seen = Result<Identity, Errno>;

/// One thing that a handler did to come to its answer.
#[derive(Debug)]
pub enum Step {
    /// It read a field of the request.
    Field(HeaderName, Vec<HeaderValue>),
    /// It looked at a path.
    Look(String, Seen),
    /// It opened a file at a path.
    Open(String, Seen),
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

/// The head of an answer, and what follows it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    /// The file whose pieces are sent: a handler may open several, and send another than the last. `None` for an answer
    /// without content.
    pub sent: Option<(Identity, Arc<[Piece]>)>,
}

struct Kept {
    method: Method,
    steps: Vec<Step>,
    /// The step that opened the file that is sent.
    sent: Option<usize>,
    answer: Answer,
}

/// The answers that one thread keeps.
pub struct Replay {
    directory: Arc<File>,
    kept: HashMap<Uri, Vec<Kept>>,
    count: usize,
    bytes: usize,
}

impl Replay {
    /// No answers yet. `None` where the system cannot look beneath a directory at once.
    pub fn new(directory: Arc<File>) -> Option<Replay> {
        look::is_possible(&*directory).then(|| Replay { directory, kept: HashMap::new(), count: 0, bytes: 0 })
    }

    /// The answer to a request, if it was given before and holds, with the file that is sent.
    pub fn find(&self, request: &Parts) -> Option<(Answer, Option<Pieces>)> {
        let kept = self.kept.get(&request.uri)?;
        kept.iter().filter(|kept| kept.method == request.method).find_map(|kept| self.repeat(kept, request))
    }

    fn repeat(&self, kept: &Kept, request: &Parts) -> Option<(Answer, Option<Pieces>)> {
        let mut sent = None;
        let mut steps = kept.steps.iter().enumerate().peekable();
        while let Some((index, step)) = steps.next() {
            match step {
                Step::Field(name, values) if request.headers.get_all(name).iter().eq(values) => {}
                Step::Field(..) => return None,
                // A file that is opened next is looked at then.
                Step::Look(path, Ok(seen)) if matches!(steps.peek(), Some((_, Step::Open(next, Ok(then)))) if next == path && then == seen) =>
                    {}
                Step::Look(path, seen)
                    if look::look(&*self.directory, path, Links::AreFollowed).map(Identity::from) == *seen => {}
                Step::Look(..) => return None,
                Step::Open(path, seen) => match (look::open(&*self.directory, path), seen) {
                    (Ok((file, now)), Ok(then)) if Identity::from(now) == *then => {
                        if kept.sent == Some(index) {
                            sent = Some(file);
                        }
                    }
                    (Err(now), Err(then)) if now == *then => {}
                    _ => return None,
                },
            }
        }
        let pieces = match &kept.answer.sent {
            Some((_, pieces)) => Some((Arc::new(File::from(sent?)), Arc::clone(pieces))),
            None => None,
        };
        Some((kept.answer.clone(), pieces))
    }

    /// Keeps an answer, and what it came from.
    pub fn keep(&mut self, method: Method, uri: Uri, recording: Recording, answer: Answer) {
        let sent = answer.sent.as_ref().and_then(|(file, _)| recording.opened(*file));
        // A date that was not yet reached would be another one next time.
        if recording.spoilt || answer.sent.is_some() != sent.is_some() || clock::is_ahead(&answer.fields) {
            return;
        }
        let fields = answer.fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        let steps = recording.steps.iter().map(Step::bytes).sum::<usize>();
        let pieces = answer.sent.as_ref().map_or(0, |(_, pieces)| size_of_val(&**pieces) + made(pieces));
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
        variants.push(Kept { method, steps: recording.steps, sent, answer });
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Bytes that some pieces keep in memory.
fn made(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| if let Piece::Made(bytes) = piece { bytes.len() } else { 0 }).sum()
}
