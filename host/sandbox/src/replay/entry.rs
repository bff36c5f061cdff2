//! A recorded response in the form in which it is stored: what it depends on, and its prepared head.

use crate::beneath::{FileId, OpenOptions, Symlinks};
use crate::cached_response::CachedResponse;
use crate::file_body;
use crate::file_body::{Segment, bytes_in_memory};
use crate::last_modified;
use crate::replay::head::{self, StoredHead};
use crate::replay::recording::{ReadField, Recording, Step, sum};
use crate::request_head::RequestHead;
use crate::settled::TrustedUntil;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// System calls of a replay that is [`Effort::Low`].
const LOW_EFFORT: usize = 64;

/// Bytes that the allocator takes for a block besides its content.
const BLOCK_OVERHEAD: usize = 16;
/// Blocks of an entry besides those of its fields and steps: itself, its lists, its head, its segments and its key.
const OTHER_BLOCKS: usize = 12;

/// Which stored responses a search considers, by the cost of comparing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Those that cost about as much as one file.
    Low,
    /// Those that cost more: a directory has to be read.
    High,
    Any,
}

/// A stored response.
#[derive(Debug)]
pub(crate) struct Entry {
    fields: Box<[ReadField]>,
    steps: Box<[Step]>,
    /// The system calls of a replay.
    system_calls: usize,
    /// The step that opened the file that is sent. `None` if the body is in memory.
    sent: Option<usize>,
    head: StoredHead,
    segments: Arc<[Segment]>,
    /// The part of a file that `segments` hold in memory.
    kept: Option<KeptPart>,
    /// Until when bytes that were read follow from metadata.
    trusted: TrustedUntil,
    /// Whether a replay may learn to do with fewer system calls.
    is_improvable: AtomicBool,
    /// The memory of the entry without its segments.
    bytes: usize,
}

/// A part of a version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptPart {
    pub(crate) file: FileId,
    pub(crate) part: Segment,
}

/// What a replay learned about an entry.
pub(crate) struct Improvement {
    pub(crate) steps: Vec<Step>,
    pub(crate) sent: Option<usize>,
    pub(crate) segments: Arc<[Segment]>,
    pub(crate) kept: Option<KeptPart>,
    pub(crate) trusted: TrustedUntil,
}

impl Entry {
    /// The entry of a response with its recording. `None` if it must not be stored.
    pub(crate) fn new(method: &Method, recording: Recording, response: CachedResponse) -> Option<Entry> {
        let CachedResponse { status, fields, file, segments } = response;
        let sent = file.and_then(|file| recording.opened(file));
        // A date in the future was clamped to the present, which differs at the next request.
        if recording.is_unreplayable()
            || status.is_server_error()
            || file.is_some() != sent.is_some()
            || last_modified::is_future(&fields)
        {
            return None;
        }
        let head = head::prepare(method, status, &fields, file_body::length(&segments))?;
        let (steps, sent) = without_repetition(recording.steps, sent);
        let trusted = recording.trusted;
        let improved = Improvement { steps, sent, segments, kept: None, trusted };
        Some(Entry::build(recording.fields.into(), head, improved))
    }

    fn build(fields: Box<[ReadField]>, head: StoredHead, improved: Improvement) -> Entry {
        let Improvement { steps, sent, segments, kept, trusted } = improved;
        let blocks = sum([OTHER_BLOCKS, fields.len().saturating_mul(2), steps.len()].into_iter());
        let bytes = sum([
            size_of::<Entry>(),
            blocks.saturating_mul(BLOCK_OVERHEAD),
            sum(fields.iter().map(ReadField::bytes)),
            sum(steps.iter().map(Step::bytes)),
            head.bytes(),
        ]
        .into_iter());
        Entry {
            system_calls: sum(steps.iter().map(Step::system_calls)),
            is_improvable: AtomicBool::new(steps.iter().any(opens)),
            fields,
            steps: steps.into(),
            sent,
            head,
            segments,
            kept,
            trusted,
            bytes,
        }
    }

    /// The same response with other steps.
    pub(crate) fn improved(&self, improvement: Improvement) -> Entry {
        let improved = Entry::build(self.fields.clone(), self.head.clone(), improvement);
        improved.is_improvable.store(false, Relaxed);
        improved
    }

    /// Whether the entry may answer a request: the headers that the handler read are equal.
    pub(crate) fn is_for(&self, request: &impl RequestHead, effort: Effort) -> bool {
        let is_wanted = match effort {
            Effort::Low => self.system_calls <= LOW_EFFORT,
            Effort::High => self.system_calls > LOW_EFFORT,
            Effort::Any => true,
        };
        let is_equal = |field: &ReadField| request.values(&field.name).eq(field.values.iter().map(|value| &**value));
        is_wanted && self.fields.iter().all(is_equal) && !self.trusted.is_over()
    }

    /// Whether another entry of the same key answers every request that this one answers.
    pub(crate) fn is_superseded_by(&self, other: &Entry) -> bool {
        self.fields.iter().all(|field| other.fields.contains(field))
    }

    /// The steps to repeat.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step that opened the file that is sent.
    pub(crate) fn sent(&self) -> Option<usize> {
        self.sent
    }

    /// Whether a replay opens files.
    pub(crate) fn opens_files(&self) -> bool {
        self.steps.iter().any(opens)
    }

    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// The head of the response, in the form of HTTP/1.1.
    pub(crate) fn head(&self) -> Bytes {
        self.head.text()
    }

    /// The fields that the handler has set.
    pub(crate) fn fields(&self) -> HeaderMap {
        self.head.fields()
    }

    /// The body.
    pub(crate) fn segments(&self) -> &Arc<[Segment]> {
        &self.segments
    }

    /// The part of a file that the segments hold in memory.
    pub(crate) fn kept(&self) -> Option<&KeptPart> {
        self.kept.as_ref()
    }

    /// Until when the response follows from metadata.
    pub(crate) fn trusted(&self) -> TrustedUntil {
        self.trusted
    }

    /// Whether a replay may learn to do with fewer system calls.
    pub(crate) fn is_improvable(&self) -> bool {
        self.is_improvable.load(Relaxed)
    }

    /// A replay needs all of the steps.
    pub(crate) fn mark_not_improvable(&self) {
        self.is_improvable.store(false, Relaxed);
    }

    /// The memory of the entry without its segments.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The memory of segments.
pub(crate) fn segment_bytes(segments: &[Segment]) -> usize {
    size_of_val(segments).saturating_add(bytes_in_memory(segments))
}

/// Whether repeating the step opens a file.
fn opens(step: &Step) -> bool {
    matches!(step, Step::Open(.., Ok(_)))
}

/// Leaves out metadata that the next step reads as well, by opening the path.
fn without_repetition(steps: Vec<Step>, sent: Option<usize>) -> (Vec<Step>, Option<usize>) {
    let is_repeated = |pair: &[Step]| {
        matches!(pair, [Step::Stat(path, Symlinks::Follow, Ok(stat)),
        Step::Open(opened, OpenOptions { symlinks: Symlinks::Follow, .. }, Ok(then))]
        if opened == path && then == stat)
    };
    let repeated: Vec<bool> = steps.windows(2).map(is_repeated).collect();
    replace_steps(steps, sent, |number, step| if repeated.get(number) == Some(&true) { None } else { Some(step) })
}

/// Replaces or removes steps. Steps that refer to others get their new numbers.
pub(crate) fn replace_steps(
    steps: impl IntoIterator<Item = Step>,
    sent: Option<usize>,
    mut replace: impl FnMut(usize, Step) -> Option<Step>,
) -> (Vec<Step>, Option<usize>) {
    let (mut replaced, mut numbers) = (Vec::new(), Vec::new());
    for (number, step) in steps.into_iter().enumerate() {
        let new_number = |old: usize| numbers.get(old).copied().flatten();
        let step = match step {
            Step::Entries(directory, entries) => new_number(directory).map(|new| Step::Entries(new, entries)),
            Step::StatEntry(directory, name, symlinks, stat) => {
                new_number(directory).map(|new| Step::StatEntry(new, name, symlinks, stat))
            }
            step => Some(step),
        };
        let step = step.and_then(|step| replace(number, step));
        numbers.push(step.is_some().then_some(replaced.len()));
        replaced.extend(step);
    }
    (replaced, sent.and_then(|sent| numbers.get(sent).copied().flatten()))
}
