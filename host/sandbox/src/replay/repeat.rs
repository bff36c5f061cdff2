//! Repeats the steps of a stored response, and learns which of them follow from others.

use crate::beneath;
use crate::beneath::{DirReader, FileId};
use crate::cached_response::CachedResponse;
use crate::file_body;
use crate::file_body::Segment;
use crate::preopen::Preopen;
use crate::replay::entry::{Effort, Entry, Improvement, KeptPart, replace_steps};
use crate::replay::recording::{Recording, Step};
use crate::replay::store::{ReplayStore, Variants};
use crate::request_head::RequestHead;
use crate::settled::{Extent, FileClock, TrustedUntil, extent};
use crate::state::FileAccess;
use glasshouse_quota::Lease;
use http::Method;
use rustix::io::{ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of the longest body that is kept in memory. Reading more costs less than sending it.
const MAX_KEPT: u64 = 16 << 10;

/// The generation of the next tree.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The stored responses of one tree.
pub(crate) struct Replay {
    preopen: Arc<Preopen>,
    store: Arc<ReplayStore>,
    generation: u64,
}

/// An entry whose steps had the same results again.
pub(crate) struct Repeated {
    pub(crate) entry: Arc<Entry>,
    /// The file that is sent, with what it takes of the client's share.
    pub(crate) file: Option<(Arc<File>, Lease)>,
}

/// The files that steps opened, by the numbers of the steps.
type OpenedFiles = Vec<(usize, OwnedFd)>;

impl Replay {
    /// The tree that an instance may read. `None` if wasmtime-wasi resolves its paths.
    pub(crate) fn of(files: &FileAccess, store: Arc<ReplayStore>) -> Option<Replay> {
        files.can_resolve.then(|| Replay::new(Arc::clone(&files.preopen), store))
    }

    /// A tree without stored responses.
    pub(crate) fn new(preopen: Arc<Preopen>, store: Arc<ReplayStore>) -> Replay {
        Replay { preopen, store, generation: GENERATION.fetch_add(1, Relaxed) }
    }

    /// A response to a request that is still valid. `lease` returns the client's share of an open file.
    pub(crate) fn find(
        &self,
        request: &impl RequestHead,
        effort: Effort,
        mut lease: impl FnMut() -> Option<Lease>,
    ) -> Option<Repeated> {
        let variants = self.store.get(self.generation, request)?;
        let mut leased = None;
        variants.candidates(request, effort).find_map(|entry| {
            if entry.opens_files() && leased.is_none() {
                leased = Some(lease()?);
            }
            let clock = entry.is_improvable().then(FileClock::now);
            let opened = self.repeat(entry)?;
            if let Some(clock) = clock {
                self.improve(&variants, entry, &opened, clock);
            }
            let sent = opened.into_iter().find(|(number, _)| Some(*number) == entry.sent());
            let file = sent.map(|(_, file)| Arc::new(File::from(file))).zip(leased.take());
            Some(Repeated { entry: Arc::clone(entry), file })
        })
    }

    /// Whether [`Replay::find`] would have anything to compare.
    pub(crate) fn has_candidates(&self, request: &impl RequestHead, effort: Effort) -> bool {
        let variants = self.store.get(self.generation, request);
        variants.is_some_and(|variants| variants.candidates(request, effort).next().is_some())
    }

    /// An empty recording. `id` counts the requests of an instance.
    pub(crate) fn recording(&self, id: u32) -> Recording {
        Recording::new(id)
    }

    /// Stores a response with its recording.
    pub(crate) fn insert(&self, method: &Method, target: &str, recording: Recording, response: CachedResponse) {
        if let Some(entry) = Entry::new(method, recording, response) {
            self.store.insert(self.generation, method, target, entry);
        }
    }

    /// Repeats the steps of an entry. `None` if a result differs.
    fn repeat(&self, entry: &Entry) -> Option<OpenedFiles> {
        let root = self.preopen.root();
        let mut opened = OpenedFiles::new();
        for (number, step) in entry.steps().iter().enumerate() {
            let is_equal = match step {
                Step::Stat(path, symlinks, stat) => {
                    self.preopen.stat_at(root, path, *symlinks).map(FileId::from) == *stat
                }
                Step::Open(path, options, stat) => match (self.preopen.open_at(root, path, *options), stat) {
                    (Ok((file, now)), Ok(then)) if FileId::from(now) == *then => {
                        opened.push((number, file));
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
        Some(opened)
    }

    /// Replaces an entry by one with fewer steps, if the files are at rest. `clock` is older than the steps.
    fn improve(&self, variants: &Variants, entry: &Arc<Entry>, opened: &OpenedFiles, clock: FileClock) {
        match improvement(variants, entry, opened, clock) {
            Learned::Improvement(improvement) => self.store.replace(variants, entry, entry.improved(improvement)),
            Learned::Nothing => entry.mark_not_improvable(),
            Learned::NothingYet => {}
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.store.forget(self.generation);
    }
}

/// What a replay has found out about an entry.
enum Learned {
    Improvement(Improvement),
    /// A later replay may find out more.
    NothingYet,
    /// No replay will find out more.
    Nothing,
}

/// Finds out which steps follow from metadata.
fn improvement(variants: &Variants, entry: &Entry, opened: &OpenedFiles, clock: FileClock) -> Learned {
    let is_at_rest = |(number, _): &(usize, OwnedFd)| match entry.steps().get(*number) {
        Some(Step::Open(.., Ok(id))) => clock.at_rest(id).is_some(),
        _ => false,
    };
    if !opened.iter().all(is_at_rest) {
        return Learned::NothingYet;
    }
    if opened.iter().any(|(_, file)| extent(file).is_none()) {
        return Learned::Nothing;
    }
    let kept = match entry.sent().and_then(|sent| Some((sent, find(opened, sent)?))) {
        Some((sent, file)) if file_body::length(entry.segments()) <= MAX_KEPT && is_content_trusted(file) => {
            match keep(variants, entry, sent, file, clock) {
                Some(kept) => Some(kept),
                None => return Learned::NothingYet,
            }
        }
        _ => None,
    };
    let sent = entry.sent().filter(|_| kept.is_none());
    // The entries of directories follow from their metadata, but those of their entries do not.
    let is_needed = |number: usize| {
        let reads = |step: &Step| matches!(step, Step::StatEntry(directory, ..) if *directory == number);
        sent == Some(number) || entry.steps().iter().any(reads)
    };
    let mut has_changed = kept.is_some();
    let (steps, sent) = replace_steps(entry.steps().iter().cloned(), sent, |number, step| match step {
        Step::Entries(..) => {
            has_changed = true;
            None
        }
        Step::Open(path, options, Ok(id)) if !is_needed(number) => {
            has_changed = true;
            Some(Step::Stat(path, options.symlinks, Ok(id)))
        }
        step => Some(step),
    });
    if !has_changed {
        return Learned::Nothing;
    }
    let (segments, kept, trusted) = match kept {
        Some((segments, kept, trusted)) => (segments, kept, entry.trusted().min(trusted)),
        None => (Arc::clone(entry.segments()), entry.kept().cloned(), entry.trusted()),
    };
    Learned::Improvement(Improvement { steps, sent, segments, kept, trusted })
}

fn is_content_trusted(file: impl AsFd) -> bool {
    extent(file) == Some(Extent::Content)
}

/// The body of an entry in memory, read from its file or shared with another entry.
fn keep(
    variants: &Variants,
    entry: &Entry,
    sent: usize,
    file: &OwnedFd,
    clock: FileClock,
) -> Option<(Arc<[Segment]>, Option<KeptPart>, TrustedUntil)> {
    let Some(Step::Open(.., Ok(id))) = entry.steps().get(sent) else { return None };
    let trusted = TrustedUntil::after(clock.at_rest(id)?);
    let part = match &**entry.segments() {
        [part @ Segment::File { .. }] => Some(KeptPart { file: *id, part: part.clone() }),
        _ => None,
    };
    let holds = |other: &&Arc<Entry>| part.is_some() && other.kept() == part.as_ref() && !other.trusted().is_over();
    if let Some(other) = variants.entries().iter().find(holds) {
        return Some((Arc::clone(other.segments()), part, trusted.min(other.trusted())));
    }
    let segments: Option<Arc<[Segment]>> = entry.segments().iter().map(|segment| read(segment, file)).collect();
    Some((segments?, part, trusted))
}

/// A segment in memory. `None` if it is not in the page cache, or if the file is shorter.
fn read(segment: &Segment, file: &OwnedFd) -> Option<Segment> {
    let Segment::File { offset, length } = segment else { return Some(segment.clone()) };
    let mut bytes = vec![0; usize::try_from(*length).ok()?];
    let read = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], *offset, ReadWriteFlags::NOWAIT);
    (read == Ok(bytes.len())).then(|| Segment::Bytes(bytes.into()))
}

/// The directory or file that a step opened.
fn find(opened: &OpenedFiles, step: usize) -> Option<&OwnedFd> {
    opened.iter().find(|(number, _)| *number == step).map(|(_, file)| file)
}
