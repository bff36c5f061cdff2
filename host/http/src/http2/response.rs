//! An answer on its way along a stream of HTTP/2: the head, and then content as there is room for it. It refuses to know where the
//! content comes from, and how long a client is waited for.

use crate::service::{Handler, LoggedBody};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Response};
use http_body::Body;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

/// The most that is read of a file at once.
const BLOCK: usize = 64 << 10;

/// Fields of one connection, of which there is no other in HTTP/2 (RFC 9113 8.2.2).
const OF_A_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Sends an answer to its end, or for as long as the client wants it.
///
/// # Errors
/// The connection has ended, or the head cannot be sent.
pub async fn send<A: Handler>(
    response: Response<LoggedBody<A>>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (mut head, body) = response.into_parts();
    let is_whole = body.is_end_stream();
    complete(&mut head.headers, if is_whole { None } else { body.size_hint().exact() });
    let stream = match respond.send_response(Response::from_parts(head, ()), is_whole) {
        Ok(stream) if !is_whole => stream,
        Ok(_) => return Ok(()),
        Err(error) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Err(error);
        }
    };
    let mut sending = ResponseSender { body, stream, chunk: Bytes::new(), is_last: false, is_waiting: false };
    poll_fn(|cx| sending.poll(cx)).await
}

/// Takes out what has no place in HTTP/2, and adds what a server adds.
fn complete(fields: &mut HeaderMap, length: Option<u64>) {
    for name in &OF_A_CONNECTION {
        fields.remove(name);
    }
    if let Some(length) = length {
        fields.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    if !fields.contains_key(DATE)
        && let Ok(now) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()))
    {
        fields.insert(DATE, now);
    }
}

/// The content of an answer.
struct ResponseSender<A: Handler> {
    body: LoggedBody<A>,
    stream: SendStream<Bytes>,
    /// What waits for room.
    chunk: Bytes,
    /// Whether nothing follows it.
    is_last: bool,
    /// Whether the body is waiting, and the room that there was for it has been released.
    is_waiting: bool,
}

impl<A: Handler> ResponseSender<A> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if let Poll::Ready(reason) = self.stream.poll_reset(cx)? {
                return Poll::Ready(Err(reason.into()));
            }
            if !self.chunk.is_empty() {
                // Less than all of it, so that streams which wait do not keep room from each other; h2 asks for the rest.
                self.stream.reserve_capacity(self.chunk.len().min(BLOCK));
                let room = ready!(self.poll_room(cx))?;
                let part = self.chunk.split_to(room.min(self.chunk.len()));
                let is_last = self.is_last && self.chunk.is_empty();
                self.stream.send_data(part, is_last)?;
                if is_last {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            // While the body waits, its bound stays. To reserve room again would wake this task, and so poll it without end.
            if !self.is_waiting && self.body.bound(BLOCK) {
                // What is read is read into the room that there is.
                let wanted = self.body.size_hint().upper().and_then(|left| usize::try_from(left).ok());
                self.stream.reserve_capacity(wanted.unwrap_or(BLOCK).clamp(1, BLOCK));
                let room = ready!(self.poll_room(cx))?;
                self.body.bound(room.min(BLOCK));
            }
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            self.is_waiting = polled.is_pending();
            match polled {
                Poll::Pending => {
                    // Other streams of the connection may use the room meanwhile.
                    self.stream.reserve_capacity(0);
                    return Poll::Pending;
                }
                Poll::Ready(None) => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
                Poll::Ready(Some(Err(_))) => {
                    // Why was told where it happened.
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

    /// How many bytes can be sent now; some, once there is room for any.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, h2::Error>> {
        loop {
            let room = self.stream.capacity();
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            match ready!(self.stream.poll_capacity(cx)) {
                Some(room) => drop(room?),
                // It was reset, or it has ended.
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
    }
}
