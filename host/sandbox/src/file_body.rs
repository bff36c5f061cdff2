//! A body that the host assembles from bytes in memory and parts of a file.
//!
//! A block in the page cache is read on the thread of the connection. Other blocks are read on a blocking thread, so
//! that no other connection waits for the disk.

use crate::io_errors::Reporter;
use crate::number::{to_u64, to_usize};
use crate::page_cache::{is_cached, read_cached};
use crate::read_at::read_at;
use bytes::Bytes;
use glasshouse_quota::{Client, Lease, Resource, Waiter};
use http_body::{Body, Frame, SizeHint};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

/// Bytes of a block, unless the caller bounds it. A slow HTTP/1 client occupies one block besides the connection's
/// buffer.
const BLOCK: usize = 256 << 10;
/// The smallest block for a client that has used most of its share of memory.
const MIN_BLOCK: usize = 4 << 10;
/// Bodies up to this length are not charged: their memory is part of that of the connection or stream.
const UNCHARGED: u64 = 16 << 10;
/// How long a body waits until other responses of its client release memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(60);
/// The smallest unit of the page cache.
const PAGE: usize = 4 << 10;
/// Blocks that a thread keeps for later bodies.
const MAX_SPARE_BLOCKS: usize = 32;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of the file.
    File {
        /// The position of the first byte.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => to_u64(bytes.len()),
            Segment::File { length, .. } => *length,
        }
    }

    /// The segment without its first bytes.
    fn skip(&self, count: u64) -> Segment {
        match self {
            Segment::Bytes(bytes) => Segment::Bytes(bytes.slice(to_usize(count).min(bytes.len())..)),
            Segment::File { offset, length } => {
                Segment::File { offset: offset.saturating_add(count), length: length.saturating_sub(count) }
            }
        }
    }
}

/// The segments of a body, and the file to which they refer.
#[derive(Clone)]
pub(crate) struct FileContent {
    pub(crate) file: Option<Arc<File>>,
    pub(crate) segments: Arc<[Segment]>,
}

impl FileContent {
    /// An empty body.
    pub(crate) fn empty() -> FileContent {
        FileContent { file: None, segments: [].into() }
    }
}

/// The number of bytes of some segments.
pub(crate) fn length(segments: &[Segment]) -> u64 {
    segments.iter().map(Segment::length).fold(0, u64::saturating_add)
}

/// The bytes of segments that are in memory.
pub(crate) fn bytes_in_memory(segments: &[Segment]) -> usize {
    let bytes = segments.iter().map(|segment| if let Segment::Bytes(bytes) = segment { bytes.len() } else { 0 });
    bytes.fold(0, usize::saturating_add)
}

/// A body with exactly the length of its segments. If the file is shorter, the body ends with an error.
pub struct FileBody {
    file: Option<Arc<File>>,
    segments: Arc<[Segment]>,
    /// The index of the current segment.
    index: usize,
    /// Bytes of the current segment that were sent.
    sent: u64,
    /// Bytes that are not sent yet.
    left: u64,
    reading: Option<JoinHandle<io::Result<FileBlock>>>,
    reporter: Arc<Reporter>,
    client: Client,
    /// Leases to keep until the last byte is sent.
    leases: Vec<Lease>,
    is_charged: bool,
    max_frame: usize,
    waiting: Option<MemoryWait>,
}

/// A wait for memory, with its timeout.
struct MemoryWait {
    waiter: Waiter,
    deadline: Pin<Box<Sleep>>,
}

impl FileBody {
    /// Sends content to a client. `reporter` logs read errors.
    pub(crate) fn new(content: FileContent, reporter: Arc<Reporter>, client: Client, leases: Vec<Lease>) -> FileBody {
        let FileContent { file, segments } = content;
        let left = length(&segments);
        FileBody {
            file,
            segments,
            index: 0,
            sent: 0,
            left,
            reading: None,
            reporter,
            client,
            leases,
            is_charged: left > UNCHARGED,
            max_frame: BLOCK,
            waiting: None,
        }
    }

    /// Limits the bytes of later frames.
    pub(crate) fn bound(&mut self, max_frame: usize) {
        self.max_frame = max_frame.clamp(1, BLOCK);
    }

    /// Leases memory for a block of at most `max` bytes. Returns its size.
    fn poll_memory(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<(usize, Option<Lease>)>> {
        if !self.is_charged {
            return Poll::Ready(Ok((max, None)));
        }
        loop {
            if let Some(lease) = self.client.try_take_some(Resource::Memory, max, MIN_BLOCK) {
                self.waiting = None;
                return Poll::Ready(Ok((lease.amount(), Some(lease))));
            }
            match &mut self.waiting {
                Some(waiting) => {
                    ready!(waiting.poll(cx))?;
                    self.waiting = None;
                }
                None => {
                    let waiter = self.client.wait(Resource::Memory);
                    self.waiting = Some(MemoryWait { waiter, deadline: Box::pin(sleep(MEMORY_TIMEOUT)) });
                    // Memory that was released before the waiter existed did not wake it.
                    if let Some(lease) = self.client.try_take_some(Resource::Memory, max, MIN_BLOCK) {
                        self.waiting = None;
                        return Poll::Ready(Ok((lease.amount(), Some(lease))));
                    }
                }
            }
        }
    }

    /// The part of the file that comes next, if it is in the page cache: the file, the position, and at most `max`
    /// bytes. The kernel may then copy it to a socket without waiting for the disk.
    pub(crate) fn file_range(&mut self, max: usize) -> Option<(Arc<File>, u64, usize)> {
        if self.reading.is_some() || self.waiting.is_some() {
            return None;
        }
        let Some(Segment::File { offset, length }) = self.current() else { return None };
        let length = to_usize(length).min(max);
        let file = self.file.as_ref()?;
        // The kernel reads ahead in order and drops old pages in order, so the ends stand for what is between them.
        let last = offset.saturating_add(to_u64(length)).saturating_sub(1);
        let is_cached = is_cached(file, last) && (length <= PAGE || is_cached(file, offset));
        is_cached.then(|| (Arc::clone(file), offset, length))
    }

    /// Skips bytes that were sent.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let bytes = to_u64(bytes);
        self.sent = self.sent.saturating_add(bytes);
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            // The client may receive the last bytes much later.
            self.file = None;
            self.leases = Vec::new();
        }
    }

    /// The rest of the first segment that is not sent completely.
    fn current(&mut self) -> Option<Segment> {
        loop {
            let segment = self.segments.get(self.index)?;
            if self.sent < segment.length() {
                return Some(segment.skip(self.sent));
            }
            (self.index, self.sent) = (self.index.saturating_add(1), 0);
        }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.reading.is_none() {
            let (offset, length) = match self.current() {
                Some(Segment::File { offset, length }) => (offset, length),
                Some(Segment::Bytes(bytes)) => return Poll::Ready(Ok(bytes.slice(..self.max_frame.min(bytes.len())))),
                None => return Poll::Ready(Ok(Bytes::new())),
            };
            let max = to_usize(length).min(self.max_frame);
            let (size, lease) = ready!(self.poll_memory(cx, max))?;
            let mut block = FileBlock::new(size, lease);
            let Some(file) = &self.file else { return Poll::Ready(Ok(Bytes::new())) };
            if block.read_cached(file, offset)? {
                return Poll::Ready(Ok(block.into_bytes()));
            }
            let file = Arc::clone(file);
            self.reading = Some(spawn_blocking(move || block.read(&file, offset).map(|()| block)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(block.map_err(io::Error::from).flatten().map(FileBlock::into_bytes))
    }
}

impl MemoryWait {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.waiter).poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client uses its share of memory")))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(self.poll_bytes(cx)) {
            Ok(bytes) if bytes.is_empty() => {
                if let Some(file) = &self.file {
                    self.reporter.report_aborted(file, "the file is shorter than announced");
                }
                Err(Error::HttpResponseIncomplete)
            }
            Ok(bytes) => {
                self.advance(bytes.len());
                Ok(Frame::data(bytes))
            }
            Err(error) => {
                if let Some(file) = &self.file {
                    self.reporter.report("read", file, "", &error);
                }
                Err(Error::InternalError(Some(error.to_string())))
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A block of a file. The thread that drops a block of full size keeps its memory.
struct FileBlock {
    memory: Vec<u8>,
    length: usize,
    _lease: Option<Lease>,
}

thread_local! {
    static SPARE_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl FileBlock {
    /// An empty block of at most `size` bytes.
    fn new(size: usize, lease: Option<Lease>) -> FileBlock {
        // Small blocks are cheap to allocate, and would use up the spare large ones.
        let is_large = size > BLOCK / 2;
        let spare = if is_large { SPARE_BLOCKS.with_borrow_mut(Vec::pop) } else { None };
        let memory = spare.unwrap_or_else(|| vec![0; if is_large { BLOCK } else { size }]);
        FileBlock { memory, length: size, _lease: lease }
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Reads what is in the page cache. Returns `false` if nothing is, or if the system cannot report it.
    fn read_cached(&mut self, file: &File, offset: u64) -> io::Result<bool> {
        let length = read_cached(file, self.memory.get_mut(..self.length).unwrap_or_default(), offset)?;
        self.length = length.unwrap_or(self.length);
        Ok(length.is_some())
    }

    fn read(&mut self, file: &File, offset: u64) -> io::Result<()> {
        self.length = read_at(file, self.memory.get_mut(..self.length).unwrap_or_default(), offset)?;
        Ok(())
    }
}

impl AsRef<[u8]> for FileBlock {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

impl Drop for FileBlock {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.len() == BLOCK {
            // Fails only while the thread ends.
            let _ = SPARE_BLOCKS.try_with(|blocks| {
                let mut blocks = blocks.borrow_mut();
                if blocks.len() < MAX_SPARE_BLOCKS {
                    blocks.push(memory);
                }
            });
        }
    }
}
