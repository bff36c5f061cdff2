//! The handler behind an HTTP/2 connection under test. Its content is read, generated, cut off, or never comes.

use super::frames::{NUMBERED, SentFrames};
use bytes::Bytes;
use glasshouse_http::{Client, Handler, HandlerCall, HandlerError};
use glasshouse_quota::{Lease, Quotas, Resource, Waiter};
use http::request::Parts;
use http::{Response, Uri};
use http_body::{Body, Frame, SizeHint};
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::task::yield_now;

/// Bytes of a piece of generated content.
const PIECE: usize = 5_000;

/// The smallest block of a file, unless it ends before.
const LEAST: usize = 4 << 10;

/// Polls in a row after which the server spins: each act of a client may cause a few.
const POLLS: usize = 10_000;

/// A case: what both of its sides know.
pub struct H2Case {
    quotas: Quotas,
    state: Mutex<CaseState>,
}

#[derive(Default)]
pub struct CaseState {
    pub sent: SentFrames,
    /// Bytes of files that were read and are not sent yet.
    pub alive: usize,
}

impl H2Case {
    pub fn new(quotas: Quotas) -> Arc<H2Case> {
        Arc::new(H2Case { quotas, state: Mutex::default() })
    }

    pub fn lock(&self) -> MutexGuard<'_, CaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How content comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentKind {
    /// Read like a file, no more than there is room for.
    File,
    /// Like a file that cannot be read behind its first half.
    BrokenFile,
    /// Generated in pieces.
    Generated,
    /// The same, but it never ends.
    Stuck,
    /// The head never comes.
    Silent,
}

#[derive(Clone)]
pub struct WindowHandler(Arc<H2Case>);

impl WindowHandler {
    pub fn new(case: Arc<H2Case>) -> WindowHandler {
        WindowHandler(case)
    }

    fn content(&self, target: &Uri, client: &Client) -> WindowContent {
        let path = target.path().strip_prefix(NUMBERED).unwrap_or_default();
        let mut numbers = path.split('/').map(|number| number.parse::<u32>().ok());
        let mut next = || numbers.next().flatten();
        let (kind, size, number) = (next().unwrap_or_default(), next().unwrap_or_default(), next());
        let kind = match kind % 8 {
            0..=2 => ContentKind::File,
            3 => ContentKind::BrokenFile,
            4 | 5 => ContentKind::Generated,
            6 => ContentKind::Stuck,
            _ => ContentKind::Silent,
        };
        WindowContent {
            kind,
            number,
            length: u64::from(size),
            taken: 0,
            room: usize::MAX,
            is_ready: false,
            waiting: None,
            polls: 0,
            client: client.clone(),
            case: Arc::clone(&self.0),
        }
    }
}

impl Handler for WindowHandler {
    type Body = WindowContent;

    fn call(
        &self,
        request: Parts,
        client: &Client,
    ) -> HandlerCall<WindowContent, impl Future<Output = Result<Response<WindowContent>, HandlerError>> + Send> {
        let content = self.content(&request.uri, client);
        if content.kind == ContentKind::File && content.length.is_multiple_of(2) {
            return HandlerCall::Cached(Response::new(content));
        }
        HandlerCall::Pending(async move {
            yield_now().await;
            if content.kind == ContentKind::Silent {
                pending::<()>().await;
            }
            Ok(Response::new(content))
        })
    }

    fn bound(content: &mut WindowContent, room: usize) -> bool {
        content.room = room;
        content.is_file()
    }
}

pub struct WindowContent {
    kind: ContentKind,
    number: Option<u32>,
    length: u64,
    taken: u64,
    room: usize,
    /// Generated content comes at every other poll.
    is_ready: bool,
    waiting: Option<Pin<Box<Waiter>>>,
    /// Polls in a row in which the content was not ready.
    polls: usize,
    client: Client,
    case: Arc<H2Case>,
}

impl WindowContent {
    fn is_file(&self) -> bool {
        matches!(self.kind, ContentKind::File | ContentKind::BrokenFile)
    }

    fn left(&self) -> usize {
        usize::try_from(self.length - self.taken).unwrap_or(usize::MAX)
    }

    /// Memory for a block of this size or less.
    fn poll_memory(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<Lease> {
        loop {
            if let Some(lease) = self.client.try_take_some(Resource::Memory, size, LEAST) {
                self.waiting = None;
                return Poll::Ready(lease);
            }
            match &mut self.waiting {
                Some(waiting) => {
                    ready!(waiting.as_mut().poll(cx));
                    self.waiting = None;
                }
                None => self.waiting = Some(Box::pin(self.client.wait(Resource::Memory))),
            }
        }
    }

    fn poll_file(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.kind == ContentKind::BrokenFile && self.taken >= self.length / 2 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let size = self.left().min(self.room);
        let lease = ready!(self.poll_memory(cx, size));
        let size = lease.amount();
        let mut state = self.case.lock();
        state.alive += size;
        let total = self.case.quotas.total(Resource::Memory);
        assert!(state.alive <= total, "{} bytes are buffered", state.alive);
        assert!(self.case.quotas.held(Resource::Memory) <= total, "more memory is held than there is");
        let read = i64::try_from(self.taken).expect("files are short") + i64::try_from(size).expect("a block is short");
        if let Some(window) = self.number.and_then(|number| state.sent.window(number)) {
            assert!(read <= window, "{read} bytes were read into a window of {window}");
        }
        drop(state);
        let block = CountedBlock { bytes: vec![b'f'; size], case: Arc::clone(&self.case), _lease: lease };
        Poll::Ready(Ok(Bytes::from_owner(block)))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.is_ready = !self.is_ready;
        if self.is_ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(Bytes::from(vec![b'g'; self.left().min(PIECE)])))
    }
}

impl Body for WindowContent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.polls += 1;
        assert!(self.polls < POLLS, "content is polled without end");
        if self.left() == 0 {
            return if self.kind == ContentKind::Stuck { Poll::Pending } else { Poll::Ready(None) };
        }
        let polled = if self.is_file() { self.poll_file(cx) } else { self.poll_piece(cx) };
        polled.map(|bytes| {
            Some(bytes.map(|bytes| {
                self.polls = 0;
                self.taken += u64::try_from(bytes.len()).expect("a block is short");
                Frame::data(bytes)
            }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0 && self.kind != ContentKind::Stuck
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.length - self.taken;
        if self.is_file() { SizeHint::with_exact(left) } else { SizeHint::default() }
    }
}

/// Bytes of a file, and the memory that its client holds for them.
struct CountedBlock {
    bytes: Vec<u8>,
    case: Arc<H2Case>,
    _lease: Lease,
}

impl AsRef<[u8]> for CountedBlock {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for CountedBlock {
    fn drop(&mut self) {
        self.case.lock().alive -= self.bytes.len();
    }
}
