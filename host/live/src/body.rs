//! The bodies of the responses to the script and to its event stream.

use crate::state::OpenStream;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

/// The body of a response.
#[derive(Debug)]
pub struct LiveBody(LiveContent);

#[derive(Debug)]
enum LiveContent {
    /// Bytes that are sent once.
    Whole(Option<Bytes>),
    /// Server-sent events, until the client disconnects.
    Events(EventStream),
}

/// An open stream. The hub counts it until it is dropped.
#[derive(Debug)]
pub(crate) struct EventStream {
    messages: Receiver<Bytes>,
    _open: OpenStream,
}

impl EventStream {
    pub(crate) fn new(messages: Receiver<Bytes>, open: OpenStream) -> EventStream {
        EventStream { messages, _open: open }
    }
}

impl LiveBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> LiveBody {
        LiveBody(LiveContent::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty())))
    }

    pub(crate) fn events(events: EventStream) -> LiveBody {
        LiveBody(LiveContent::Events(events))
    }

    /// Whether the body is an event stream, which ends when the client leaves.
    pub fn is_endless(&self) -> bool {
        matches!(self.0, LiveContent::Events(_))
    }
}

impl Body for LiveBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.get_mut().0 {
            LiveContent::Whole(bytes) => Poll::Ready(bytes.take()),
            LiveContent::Events(events) => events.messages.poll_recv(context),
        };
        bytes.map(|bytes| bytes.map(Frame::data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, LiveContent::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            LiveContent::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
            }
            LiveContent::Events(_) => SizeHint::default(),
        }
    }
}
