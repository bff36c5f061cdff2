//! Sends a response on a stream of HTTP/2: the head, then the body as the client grants room.

use crate::handler::Handler;
use crate::http_date::date_value;
use crate::service::LoggedBody;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Response};
use http_body::Body;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Maximum length of one read of a file, in bytes.
const MAX_READ: usize = 64 << 10;

/// Fields that HTTP/2 forbids (RFC 9113 8.2.2).
const CONNECTION_FIELDS: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Sends a response to its end, or until the client resets the stream.
///
/// # Errors
/// The connection has ended, or h2 rejects the head.
pub(crate) async fn send<H: Handler>(
    response: Response<LoggedBody<H>>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (mut head, body) = response.into_parts();
    let is_complete = body.is_end_stream();
    complete_fields(&mut head.headers, if is_complete { None } else { body.size_hint().exact() });
    let stream = match respond.send_response(Response::from_parts(head, ()), is_complete) {
        Ok(stream) if !is_complete => stream,
        Ok(_) => return Ok(()),
        Err(error) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Err(error);
        }
    };
    let mut sender = BodySender { body, stream, chunk: Bytes::new(), is_last: false, is_waiting: false };
    poll_fn(|cx| sender.poll(cx)).await
}

/// Removes the fields that HTTP/2 forbids, and adds those of a server.
fn complete_fields(fields: &mut HeaderMap, length: Option<u64>) {
    for name in &CONNECTION_FIELDS {
        fields.remove(name);
    }
    if let Some(length) = length {
        fields.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    fields.entry(DATE).or_insert_with(date_value);
}

struct BodySender<H: Handler> {
    body: LoggedBody<H>,
    stream: SendStream<Bytes>,
    /// Data that waits for room.
    chunk: Bytes,
    /// Whether `chunk` is the end of the body.
    is_last: bool,
    /// Whether the body was pending, so that the room for it is released.
    is_waiting: bool,
}

impl<H: Handler> BodySender<H> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if let Poll::Ready(reason) = self.stream.poll_reset(cx)? {
                return Poll::Ready(Err(reason.into()));
            }
            if !self.chunk.is_empty() {
                if ready!(self.poll_send_chunk(cx))? {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            ready!(self.poll_room_to_read(cx))?;
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            self.is_waiting = polled.is_pending();
            match polled {
                Poll::Pending => {
                    // Lets other streams of the connection use the room.
                    self.stream.reserve_capacity(0);
                    return Poll::Pending;
                }
                Poll::Ready(None) => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
                Poll::Ready(Some(Err(_))) => {
                    // The body has logged the error.
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(chunk) => {
                        self.is_last = self.body.is_end_stream();
                        if chunk.is_empty() && self.is_last {
                            return Poll::Ready(self.stream.send_data(chunk, true));
                        }
                        self.chunk = chunk;
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            return Poll::Ready(self.stream.send_trailers(trailers));
                        }
                    }
                },
            }
        }
    }

    /// Sends as much of the chunk as there is room for. Returns whether that was the end of the body.
    fn poll_send_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        // At most one block, so that streams which wait do not withhold room from each other; h2 requests the rest.
        self.stream.reserve_capacity(self.chunk.len().min(MAX_READ));
        let room = ready!(self.poll_room(cx))?;
        let part = self.chunk.split_to(room.min(self.chunk.len()));
        let is_last = self.is_last && self.chunk.is_empty();
        self.stream.send_data(part, is_last)?;
        Poll::Ready(Ok(is_last))
    }

    /// Limits the next read of the body to the room that the client grants, if the body supports that. A pending body
    /// keeps its limit: to reserve room again would wake this task, and so poll it in a loop.
    fn poll_room_to_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        if !self.is_waiting && self.body.bound(MAX_READ) {
            let left = self.body.size_hint().upper().and_then(|left| usize::try_from(left).ok());
            self.stream.reserve_capacity(left.unwrap_or(MAX_READ).clamp(1, MAX_READ));
            let room = ready!(self.poll_room(cx))?;
            self.body.bound(room.min(MAX_READ));
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until some bytes can be sent, and returns how many.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, h2::Error>> {
        loop {
            let room = self.stream.capacity();
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            match ready!(self.stream.poll_capacity(cx)) {
                Some(room) => drop(room?),
                // The stream was reset or has ended.
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
    }
}
