//! A body that an instance writes. The instance lives as long as the body, and its failure ends the body with an error.
//! A copy of the body can be captured for replay.

use crate::body_handoff::announced;
use crate::file_body::Segment;
use crate::log;
use crate::metrics::InstanceMetrics;
use crate::number::{to_u64, to_usize};
use crate::usage::Usage;
use bytes::Bytes;
use futures::channel::oneshot;
use glasshouse_quota::sync::lock;
use glasshouse_quota::{Client, Lease, Resource};
use http::header::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes of the longest body that is captured: a listing of a few thousand entries, or a few megabytes of encoded text.
const MAX_CAPTURE: usize = 1 << 20;

const SHORTER: &str = "the handler wrote less than it announced";
const LONGER: &str = "the handler wrote more than it announced";

/// A body that an instance writes.
pub(crate) struct GuestBody {
    body: WasiBody,
    /// Bytes of the announced length that are still missing.
    left: Option<u64>,
    monitor: BodyMonitor,
    client: Client,
    /// Dropped with the body, which ends the instance.
    _alive: oneshot::Sender<()>,
}

/// Bytes that are charged to the client until they are sent.
struct ChargedBytes {
    bytes: Bytes,
    _lease: Lease,
}

impl AsRef<[u8]> for ChargedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Records the failures of a body.
#[derive(Clone)]
pub(crate) struct BodyMonitor {
    /// The usage of the request. It knows whether the instance has failed.
    pub(crate) usage: Arc<Usage>,
    pub(crate) metrics: Arc<InstanceMetrics>,
}

impl BodyMonitor {
    /// Marks the body as failed and logs the reason.
    pub(crate) fn abort(&self, reason: impl fmt::Display) {
        self.usage.set_failed();
        log::error(format_args!("response aborted: {reason}"));
    }
}

impl GuestBody {
    /// `alive` is dropped with the body.
    pub(crate) fn new(
        body: WasiBody,
        announced: Option<u64>,
        monitor: BodyMonitor,
        client: Client,
        alive: oneshot::Sender<()>,
    ) -> GuestBody {
        GuestBody { body, left: announced, monitor, client, _alive: alive }
    }

    /// Charges a frame to the client. Does not wait, because its memory is already in use.
    fn charge(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        frame.map_data(|bytes| {
            let lease = self.client.charge(Resource::Memory, bytes.len());
            Bytes::from_owner(ChargedBytes { bytes, _lease: lease })
        })
    }

    fn abort(&self, reason: impl fmt::Display) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.monitor.abort(reason);
        Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None | Some(Err(_))) if self.monitor.usage.has_failed() => {
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if let Err(limit) = self.monitor.usage.add_output(bytes) {
                    self.monitor.metrics.count_exceeded(limit);
                    return self.abort(limit);
                }
                self.left = self.left.map(|left| left.saturating_sub(to_u64(bytes)));
                Poll::Ready(Some(Ok(self.charge(frame))))
            }
            // wasmtime-wasi-http reports both lengths by one error.
            Poll::Ready(Some(Err(Error::HttpResponseBodySize(_)))) if self.left == Some(0) => self.abort(LONGER),
            Poll::Ready(Some(Err(Error::HttpResponseIncomplete | Error::HttpResponseBodySize(_)))) => {
                self.abort(SHORTER)
            }
            Poll::Ready(Some(Err(error))) => self.abort(error),
            Poll::Ready(None) if self.left.is_some_and(|left| left > 0) => self.abort(SHORTER),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        // At the announced length the body is complete; hyper need not poll for the end.
        (self.body.is_end_stream() || self.left == Some(0)) && !self.monitor.usage.has_failed()
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

/// The copy of a body.
#[derive(Clone)]
pub(crate) struct Capture(Arc<Mutex<CaptureState>>);

struct CaptureState {
    /// `None` if the body is too long, or had an error.
    frames: Option<Vec<Bytes>>,
    length: usize,
    has_ended: bool,
    /// Charges the copy to the client until it is complete.
    lease: Lease,
}

/// Copies the body of a response while it is sent to a client.
pub(crate) fn tee(response: http::Response<WasiBody>, client: &Client) -> (http::Response<WasiBody>, Capture) {
    let lease = client.charge(Resource::Memory, 0);
    let state = CaptureState { frames: Some(Vec::new()), length: 0, has_ended: false, lease };
    let copy = Capture(Arc::new(Mutex::new(state)));
    let response = response.map(|body| TeeBody { body, copy: copy.clone() }.boxed_unsync());
    (response, copy)
}

impl Capture {
    /// Takes the copy. `None` if it is incomplete: before the end of the body, or before the length in `fields`.
    pub(crate) fn take(&self, fields: &HeaderMap) -> Option<Arc<[Segment]>> {
        let mut state = lock(&self.0);
        let is_complete = announced(fields).map_or(state.has_ended, |announced| to_usize(announced) == state.length);
        let frames = state.frames.take().filter(|_| is_complete)?;
        Some([Segment::Bytes(Bytes::from(frames.concat()))].into())
    }

    fn record(&self, polled: &Poll<Option<Result<Frame<Bytes>, Error>>>) {
        let Poll::Ready(frame) = polled else { return };
        let mut state = lock(&self.0);
        match frame.as_ref().map(|frame| frame.as_ref().map(|frame| frame.data_ref())) {
            None => state.has_ended = true,
            Some(Ok(Some(bytes))) if state.length.saturating_add(bytes.len()) <= MAX_CAPTURE => {
                state.length = state.length.saturating_add(bytes.len());
                state.lease.charge(bytes.len());
                if let Some(frames) = &mut state.frames {
                    frames.push(bytes.clone());
                }
            }
            Some(Ok(Some(_) | None) | Err(_)) => {
                state.frames = None;
                state.lease.clear();
            }
        }
    }
}

impl Body for TeeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.copy.record(&polled);
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

    fn monitor() -> BodyMonitor {
        let usage = Arc::new(Usage::new(Arc::new(RequestLimits::unbounded())));
        BodyMonitor { usage, metrics: Arc::default() }
    }

    /// The lengths of the frames, and whether an error ends them.
    async fn read(failed: bool) -> (Vec<usize>, bool) {
        let monitor = monitor();
        if failed {
            monitor.usage.set_failed();
        }
        let mut body = GuestBody::new(body(b"half"), None, monitor, client(), oneshot::channel().0);
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
    async fn a_body_has_ended_at_its_announced_length() {
        let mut body = GuestBody::new(body(b"half"), Some(4), monitor(), client(), oneshot::channel().0);
        assert!(!body.is_end_stream());
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()) && body.is_end_stream());
    }

    /// The copy of a body that was read to its end or not at all, with an announced length.
    async fn captured(bytes: &'static [u8], is_read: bool, announced: Option<&'static str>) -> Option<Arc<[Segment]>> {
        let (response, copy) = super::tee(http::Response::new(body(bytes)), &client());
        if is_read {
            response.into_body().collect().await.expect("the body can be read");
        }
        let announced = announced.map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
        copy.take(&HeaderMap::from_iter(announced))
    }

    #[tokio::test]
    async fn only_a_whole_body_is_copied() {
        let whole: Option<Arc<[Segment]>> = Some([Segment::Bytes(Bytes::from_static(b"whole"))].into());
        assert_eq!(captured(b"whole", true, None).await, whole);
        assert_eq!(captured(b"whole", true, Some("5")).await, whole);
        assert_eq!(captured(b"whole", true, Some("6")).await, None);
        assert_eq!(captured(b"whole", false, None).await, None);
        assert_eq!(captured(&[0; MAX_CAPTURE + 1], true, None).await, None);
    }
}
