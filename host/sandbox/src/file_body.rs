//! The data plane: pieces of files on their way to a socket, in blocks, as fast as the client takes them. It refuses to
//! know HTTP and the sandbox that they came from.
//!
//! A block that the kernel has in memory is read on the thread of the connection; one that must come from a disk is
//! waited for elsewhere, so that no other connection of the thread waits with it.

use crate::io_errors::Reporter;
use bytes::Bytes;
use glasshouse_quota::{Client, Lease, Resource, Waiter};
use http_body::{Body, Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

/// Bytes that are read at once where nobody says that there is less room, and all that a slow client of HTTP/1 holds in memory besides
/// the connection's own buffer.
const BLOCK: usize = 256 << 10;
/// The least that is worth reading where a client holds nearly as much as it may.
const LEAST: usize = 4 << 10;
/// Content of at most so many bytes is not counted: it counts with the connection or the stream that it is sent on.
const UNCOUNTED: u64 = 16 << 10;
/// How long content waits for other answers of its client to give memory back.
const PATIENCE: Duration = Duration::from_secs(60);
/// Blocks that a thread keeps for the next bodies.
const SPARE: usize = 32;

/// What a body consists of, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes that were made for it.
    Bytes(Bytes),
    /// Bytes of the file.
    File {
        /// The first byte.
        offset: u64,
        /// How many bytes follow from there.
        length: u64,
    },
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Segment::File { length, .. } => *length,
        }
    }

    /// The piece without its first `taken` bytes.
    fn skip(&self, taken: u64) -> Segment {
        match self {
            Segment::Bytes(bytes) => {
                Segment::Bytes(bytes.slice(usize::try_from(taken).unwrap_or(usize::MAX).min(bytes.len())..))
            }
            Segment::File { offset, length } => {
                Segment::File { offset: offset.saturating_add(taken), length: length.saturating_sub(taken) }
            }
        }
    }
}

/// What is sent, and the file of which there are parts among it.
pub type Pieces = (Option<Arc<File>>, Arc<[Segment]>);

/// How many bytes some pieces have together.
pub fn length(pieces: &[Segment]) -> u64 {
    pieces.iter().map(Segment::length).fold(0, u64::saturating_add)
}

/// Pieces, all of them of one file, as the content of a message: exactly their length, or an error that cuts the connection.
pub struct FileBody {
    file: Option<Arc<File>>,
    pieces: Arc<[Segment]>,
    /// The piece that is being sent, and how much of it has been.
    current: (usize, u64),
    /// Bytes that are still to be sent.
    left: u64,
    reading: Option<JoinHandle<io::Result<Block>>>,
    faults: Arc<Reporter>,
    /// Whose memory is taken.
    client: Client,
    /// What the client holds for as long as this is sent.
    held: Vec<Lease>,
    is_counted: bool,
    /// The most that is read at once.
    room: usize,
    waiting: Option<Waiting>,
}

/// A wait for memory, and its end.
struct Waiting {
    waiter: Waiter,
    deadline: Pin<Box<Sleep>>,
}

impl FileBody {
    /// Sends pieces to a client; a file that cannot be read is told to `faults`.
    pub fn new((file, pieces): Pieces, faults: Arc<Reporter>, client: Client, held: Vec<Lease>) -> FileBody {
        let left = length(&pieces);
        let (is_counted, room) = (left > UNCOUNTED, BLOCK);
        let current = (0, 0);
        FileBody { file, pieces, current, left, reading: None, faults, client, held, is_counted, room, waiting: None }
    }

    /// Reads no more than so many bytes at once from here on.
    pub fn bound(&mut self, room: usize) {
        self.room = room.clamp(1, BLOCK);
    }

    /// Memory for a block of at most so many bytes, and how many they are.
    fn poll_memory(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<(usize, Option<Lease>)>> {
        if !self.is_counted {
            return Poll::Ready(Ok((most, None)));
        }
        loop {
            if let Some(lease) = self.client.try_take_some(Resource::Memory, most, LEAST) {
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
                    self.waiting = Some(Waiting { waiter, deadline: Box::pin(sleep(PATIENCE)) });
                    // What was given back before there was a waiter woke nobody.
                    if let Some(lease) = self.client.try_take_some(Resource::Memory, most, LEAST) {
                        self.waiting = None;
                        return Poll::Ready(Ok((lease.amount(), Some(lease))));
                    }
                }
            }
        }
    }

    /// What is left of the first piece that has something left.
    fn rest(&mut self) -> Option<Segment> {
        loop {
            let (index, taken) = self.current;
            let piece = self.pieces.get(index)?;
            if taken < piece.length() {
                return Some(piece.skip(taken));
            }
            self.current = (index + 1, 0);
        }
    }

    /// The next bytes: a block of the file at once if the kernel has it.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.reading.is_none() {
            let (offset, length) = match self.rest() {
                Some(Segment::File { offset, length }) => (offset, length),
                Some(Segment::Bytes(bytes)) => return Poll::Ready(Ok(bytes.slice(..self.room.min(bytes.len())))),
                None => return Poll::Ready(Ok(Bytes::new())),
            };
            let most = usize::try_from(length).unwrap_or(BLOCK).min(self.room);
            let (size, lease) = ready!(self.poll_memory(cx, most))?;
            let mut block = Block::take(size, lease);
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
        Poll::Ready(block.map_err(io::Error::from).flatten().map(Block::into_bytes))
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.waiter).poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "its client holds as much memory as it may")))
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
            // It has shrunk since it was looked at, or the handler lied.
            Ok(bytes) if bytes.is_empty() => {
                if let Some(file) = &self.file {
                    self.faults.cut(&**file, "it is shorter than was announced");
                }
                Err(Error::HttpResponseIncomplete)
            }
            Ok(bytes) => {
                let sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.current.1 = self.current.1.saturating_add(sent);
                self.left = self.left.saturating_sub(sent);
                if self.left == 0 {
                    // The last of it may be long on its way.
                    self.file = None;
                    self.held = Vec::new();
                }
                Ok(Frame::data(bytes))
            }
            Err(error) => {
                if let Some(file) = &self.file {
                    self.faults.tell("read", &**file, "", &error);
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

/// Bytes of a file. The memory of a full-sized one goes back to the thread that drops it.
struct Block {
    memory: Vec<u8>,
    length: usize,
    /// What the client holds for it.
    _held: Option<Lease>,
}

thread_local! {
    static BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Block {
    /// A block of at most `size` bytes, none of which is a file's yet.
    fn take(size: usize, held: Option<Lease>) -> Block {
        // Small ones come cheaper from the allocator, and would starve the large ones of their memory.
        let is_large = size > BLOCK / 2;
        let spare = if is_large { BLOCKS.with_borrow_mut(Vec::pop) } else { None };
        let memory = spare.unwrap_or_else(|| vec![0; if is_large { BLOCK } else { size }]);
        Block { memory, length: size, _held: held }
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Reads what the kernel has in memory; `false` if that is nothing. Where the system cannot tell, all is read.
    fn read_cached(&mut self, file: &File, offset: u64) -> io::Result<bool> {
        let memory = self.memory.get_mut(..self.length).unwrap_or_default();
        match preadv2(file, &mut [IoSliceMut::new(memory)], offset, ReadWriteFlags::NOWAIT) {
            Ok(length) => {
                self.length = length;
                Ok(true)
            }
            Err(Errno::AGAIN) => Ok(false),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, file: &File, offset: u64) -> io::Result<()> {
        self.length = file.read_at(self.memory.get_mut(..self.length).unwrap_or_default(), offset)?;
        Ok(())
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.len() == BLOCK {
            // A thread that is ending has nowhere to keep it.
            let _ = BLOCKS.try_with(|blocks| {
                let mut blocks = blocks.borrow_mut();
                if blocks.len() < SPARE {
                    blocks.push(memory);
                }
            });
        }
    }
}
