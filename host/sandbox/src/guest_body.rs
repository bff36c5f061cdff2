//! The bodies that instances write. As long as one is there, so is its instance; if the instance fails, it ends with an
//! error. What is written can be copied on its way, to be given again. It refuses to know what it is.

use crate::body_handoff::announced;
use crate::file_body::Segment;
use crate::limits::Usage;
use crate::metrics::InstanceMetrics;
use crate::sandbox::Complain;
use bytes::Bytes;
use futures::channel::oneshot;
use glasshouse_quota::{Client, Lease, Resource};
use http::header::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// The longest body in bytes that is copied: a listing of a thousand entries and more.
const LONGEST: usize = 512 << 10;

const SHORTER: &str = "the handler did not make all of its content";
const LONGER: &str = "the handler made more content than it announced";

/// A body that an instance writes: as long as it is there, so is the instance. If the instance fails, the body ends with an
/// error and the connection with it.
pub struct GuestBody {
    body: WasiBody,
    /// Bytes that were announced and have not come yet, where any were announced.
    left: Option<u64>,
    watch: BodyMonitor,
    /// Who holds what was made and is not sent.
    client: Client,
    _alive: oneshot::Sender<()>,
}

/// Content on its way, which counts until it is sent.
struct Made {
    bytes: Bytes,
    _held: Lease,
}

impl AsRef<[u8]> for Made {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whoever has to hear of an answer that goes wrong after it has begun.
#[derive(Clone)]
pub struct BodyMonitor {
    /// Says whether the instance failed.
    pub account: Arc<Usage>,
    pub tally: Arc<InstanceMetrics>,
    pub complain: Complain,
}

impl GuestBody {
    /// `alive` is dropped with the body.
    pub fn new(
        body: WasiBody,
        announced: Option<u64>,
        watch: BodyMonitor,
        client: Client,
        alive: oneshot::Sender<()>,
    ) -> GuestBody {
        GuestBody { body, left: announced, watch, client, _alive: alive }
    }

    /// A frame whose bytes the client holds. They are there already, so this is nothing to wait for.
    fn held(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        frame.map_data(|bytes| {
            let held = self.client.charge(Resource::Memory, bytes.len());
            Bytes::from_owner(Made { bytes, _held: held })
        })
    }

    /// Ends the content for a reason, which nobody has told yet.
    fn cut(&self, reason: impl fmt::Display) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.watch.account.fail();
        (self.watch.complain)(format_args!("an answer was cut off: {reason}"));
        Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None | Some(Err(_))) if self.watch.account.has_failed() => {
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if let Err(ceiling) = self.watch.account.made(bytes) {
                    self.watch.tally.count_reached(ceiling);
                    return self.cut(ceiling);
                }
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                self.left = self.left.map(|left| left.saturating_sub(bytes));
                Poll::Ready(Some(Ok(self.held(frame))))
            }
            // The library speaks of limits; the handler has lines of its own for why it did not go on.
            Poll::Ready(Some(Err(Error::HttpResponseBodySize(_)))) if self.left == Some(0) => self.cut(LONGER),
            Poll::Ready(Some(Err(Error::HttpResponseIncomplete | Error::HttpResponseBodySize(_)))) => self.cut(SHORTER),
            Poll::Ready(Some(Err(error))) => self.cut(error),
            Poll::Ready(None) if self.left.is_some_and(|left| left > 0) => self.cut(SHORTER),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        // Once all that was announced is there, nobody has to ask for the end to know that it is one.
        (self.body.is_end_stream() || self.left == Some(0)) && !self.watch.account.has_failed()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that is copied while it is sent.
struct TeeBody {
    body: WasiBody,
    copy: Capture,
}

/// What was copied of a body.
#[derive(Clone)]
pub struct Capture(Arc<Mutex<Copying>>);

struct Copying {
    /// `None` where it became too long, or something was wrong with it.
    frames: Option<Vec<Bytes>>,
    length: usize,
    has_ended: bool,
    /// The client holds the copy until it is one.
    held: Lease,
}

/// Copies the body of a response while it is sent to a client.
pub fn tee(response: http::Response<WasiBody>, client: &Client) -> (http::Response<WasiBody>, Capture) {
    let held = client.charge(Resource::Memory, 0);
    let copying = Copying { frames: Some(Vec::new()), length: 0, has_ended: false, held };
    let copy = Capture(Arc::new(Mutex::new(copying)));
    let response = response.map(|body| TeeBody { body, copy: copy.clone() }.boxed_unsync());
    (response, copy)
}

impl Capture {
    /// The body in one piece, if all of it was copied: to its end, or to the length that the fields announce.
    pub fn pieces(&self, fields: &HeaderMap) -> Option<Arc<[Segment]>> {
        let mut copying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_whole =
            announced(fields).map_or(copying.has_ended, |announced| usize::try_from(announced) == Ok(copying.length));
        let frames = copying.frames.take().filter(|_| is_whole)?;
        Some([Segment::Bytes(Bytes::from(frames.concat()))].into())
    }

    fn note(&self, polled: &Poll<Option<Result<Frame<Bytes>, Error>>>) {
        let Poll::Ready(frame) = polled else { return };
        let mut copying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match frame.as_ref().map(|frame| frame.as_ref().map(|frame| frame.data_ref())) {
            None => copying.has_ended = true,
            Some(Ok(Some(bytes))) if copying.length.saturating_add(bytes.len()) <= LONGEST => {
                copying.length += bytes.len();
                copying.held.charge(bytes.len());
                if let Some(frames) = &mut copying.frames {
                    frames.push(bytes.clone());
                }
            }
            Some(Ok(Some(_) | None) | Err(_)) => {
                copying.frames = None;
                copying.held.clear();
            }
        }
    }
}

impl Body for TeeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.copy.note(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use crate::guest_body::*;
    use crate::limits::RequestLimits;
    use http::HeaderValue;
    use http::header::CONTENT_LENGTH;
    use http_body_util::Full;

    fn body(bytes: &'static [u8]) -> WasiBody {
        Full::new(Bytes::from_static(bytes)).map_err(|never| match never {}).boxed_unsync()
    }

    fn client() -> Client {
        Client::alone([192, 0, 2, 1].into())
    }

    /// The frames of a body that an instance wrote, by their length, and whether they end with an error.
    async fn read(failed: bool) -> (Vec<usize>, bool) {
        let account = Arc::new(Usage::new(Arc::new(RequestLimits::unbounded())));
        if failed {
            account.fail();
        }
        let watch = BodyMonitor { account, tally: Arc::default(), complain: Arc::new(|_| ()) };
        let mut body = GuestBody::new(body(b"half"), None, watch, client(), oneshot::channel().0);
        let mut frames = Vec::new();
        loop {
            match body.frame().await {
                Some(Ok(frame)) => frames.push(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(_)) => return (frames, true),
                None => return (frames, false),
            }
        }
    }

    #[tokio::test]
    async fn a_body_ends_with_an_error_if_its_instance_failed() {
        assert_eq!(read(false).await, (vec![4], false));
        assert_eq!(read(true).await, (vec![4], true));
    }

    #[tokio::test]
    async fn a_body_has_ended_when_all_that_was_announced_is_there() {
        let account = Arc::new(Usage::new(Arc::new(RequestLimits::unbounded())));
        let watch = BodyMonitor { account, tally: Arc::default(), complain: Arc::new(|_| ()) };
        let mut body = GuestBody::new(body(b"half"), Some(4), watch, client(), oneshot::channel().0);
        assert!(!body.is_end_stream());
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()) && body.is_end_stream());
    }

    /// What is copied of a body that was read to its end, or not at all, with a length that was announced.
    async fn transcribed(
        bytes: &'static [u8],
        is_read: bool,
        announced: Option<&'static str>,
    ) -> Option<Arc<[Segment]>> {
        let (response, copy) = super::tee(http::Response::new(body(bytes)), &client());
        if is_read {
            response.into_body().collect().await.expect("it can be read");
        }
        let announced = announced.map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
        copy.pieces(&HeaderMap::from_iter(announced))
    }

    #[tokio::test]
    async fn only_a_whole_body_is_copied() {
        let whole: Option<Arc<[Segment]>> = Some([Segment::Bytes(Bytes::from_static(b"whole"))].into());
        assert_eq!(transcribed(b"whole", true, None).await, whole);
        assert_eq!(transcribed(b"whole", true, Some("5")).await, whole);
        assert_eq!(transcribed(b"whole", true, Some("6")).await, None);
        assert_eq!(transcribed(b"whole", false, None).await, None);
        assert_eq!(transcribed(&[0; LONGEST + 1], true, None).await, None);
    }
}
