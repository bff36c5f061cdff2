//! The body of a response, which a thread of the site generates.

use bytes::Bytes;
use glasshouse_http::BoxError;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Frames that the site generates before the server reads them.
const FRAMES_AHEAD: usize = 2;

type FrameResult = Result<Frame<Bytes>, BoxError>;

/// The next frame, or `None` at the end of the body. A channel that closes without it has lost the rest.
type NextFrame = Option<FrameResult>;

/// The body of a response of a [`Site`](crate::Site). If it is dropped early, the site stops to generate it.
pub struct SiteBody {
    /// The length of the frames that are not read yet, if it is known.
    left: SizeHint,
    /// `None` for an empty body.
    frames: Option<mpsc::Receiver<NextFrame>>,
}

impl SiteBody {
    /// No bytes.
    pub(crate) fn empty() -> SiteBody {
        SiteBody { left: SizeHint::with_exact(0), frames: None }
    }

    /// Moves a body to another thread. This thread must run the returned future, which sends the frames.
    pub(crate) fn split<B>(body: B) -> (SiteBody, Option<impl Future<Output = ()> + Send + 'static>)
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let left = body.size_hint();
        if body.is_end_stream() {
            return (SiteBody { left, frames: None }, None);
        }
        let (sender, receiver) = mpsc::channel(FRAMES_AHEAD);
        (SiteBody { left, frames: Some(receiver) }, Some(send_frames(body, sender)))
    }
}

/// Sends the frames of a body until it ends, or until its receiver is dropped.
async fn send_frames<B>(mut body: B, frames: mpsc::Sender<NextFrame>)
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    // Reserves first, so that the handler generates a frame only if there is room for it.
    while let Ok(permit) = frames.reserve().await {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = frames.closed() => return,
        };
        match frame {
            Some(Ok(frame)) => permit.send(Some(Ok(frame))),
            Some(Err(error)) => return permit.send(Some(Err(error.into()))),
            None => return permit.send(None),
        }
    }
}

impl Body for SiteBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FrameResult>> {
        let Some(frames) = &mut self.frames else { return Poll::Ready(None) };
        let frame = match ready!(frames.poll_recv(cx)) {
            Some(Some(frame)) => Some(frame),
            Some(None) if !matches!(self.left.exact(), Some(1..)) => None,
            // The handler or the thread of the site has ended early.
            Some(None) | None => Some(Err("the response is incomplete".into())),
        };
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let left = self.left.exact().map(|left| left.saturating_sub(length));
        self.left = left.map_or_else(SizeHint::default, SizeHint::with_exact);
        if !matches!(frame, Some(Ok(_))) || left == Some(0) {
            self.frames = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
    }
}

impl fmt::Debug for SiteBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteBody").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    #[test]
    fn a_body_without_its_end_is_an_error() {
        let exact = SizeHint::with_exact;
        let rows = [
            (SizeHint::default(), true, Some("part")),
            (SizeHint::default(), false, None),
            (exact(4), true, Some("part")),
            (exact(4), false, Some("part")),
            (exact(5), true, None),
            (exact(5), false, None),
        ];
        for (left, has_end, expected) in rows {
            let (frames, receiver) = mpsc::channel(FRAMES_AHEAD);
            let body = SiteBody { left, frames: Some(receiver) };
            frames.try_send(Some(Ok(Frame::data(Bytes::from("part"))))).unwrap();
            if has_end {
                frames.try_send(None).unwrap();
            }
            drop(frames);
            let collected = Builder::new_current_thread().build().unwrap().block_on(body.collect());
            let text = collected.ok().map(|body| body.to_bytes());
            assert_eq!(text, expected.map(Bytes::from), "{left:?} {has_end}");
        }
    }
}
