//! A connection of HTTP/2: the limits of h2 for it, and what of ours it lacks. It refuses to know what is asked.
//!
//! What a connection may cost here, beside what one of HTTP/1 may: a hundred requests at once, and 64 KiB of a head. Requests that are
//! taken back as fast as they are made, heads that do not end and frames that want an answer which nobody reads are ended or not
//! read on by h2 itself; tests hold it to that.
//!
//! h2 is used without hyper, which asks a body for a block before the client has room for any of it, and again while the last one
//! waits. Here nothing is read of a file before there is room, and no more than there is room for.
//!
//! There are no PINGs to see whether a client is still there: with a request open it takes what it is sent or is given up,
//! and without one it has the time of an idle connection.

pub mod response;
pub mod streams;

use crate::connection::{last_call, told};
use crate::http2::response::send;
use crate::http2::streams::H2Streams;
use crate::limits::ClientLimits;
use crate::service::{ConnectionContext, Handler};
use bytes::Bytes;
use glasshouse_quota::{Lease, Resource};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// Requests at once, which RFC 9113 6.5.2 wants to be no fewer.
const STREAMS: u32 = 100;
/// The longest head in bytes, each field counted with 32 more (RFC 9113 6.5.2).
const HEAD: u32 = 64 << 10;
/// Content that may be on its way to us, in bytes, on a stream and on all of them: the least that every client expects. No
/// request needs any.
const CONTENT: u32 = 65_535;
/// What of an answer may wait to be sent, in bytes, before more of it is read.
const WAITING: usize = 128 << 10;
/// Requests that were taken back before they were looked at, and those refused for an error of their own, after which the
/// connection ends.
const TAKEN_BACK: usize = 20;
const REFUSED: usize = 100;
/// Bytes that a stream counts for, whatever it waits for: its head, its task, and content that is not worth a count of its own.
const STREAM: usize = 32 << 10;

/// Serves a connection until it ends, has been idle for too long, or until `closing` says so and the answers under way are finished.
pub async fn serve<S, A>(
    stream: S,
    exchange: ConnectionContext<A>,
    limits: ClientLimits,
    closing: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Handler,
{
    let peer = exchange.peer;
    let streams = H2Streams::new(limits.send_timeout);
    let handshake = builder().handshake::<_, Bytes>(stream);
    let connection = tokio::select! {
        connection = handshake => connection,
        () = streams.idle(limits.idle_timeout) => return,
        () = last_call(closing.clone()) => return,
    };
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(error) => return broken(peer, &error),
    };
    let mut told = pin!(told(closing));
    let mut idle = pin!(streams.idle(limits.idle_timeout));
    let mut is_closing = false;
    let mut end = None;
    loop {
        // How it ends is known to the streams that were open.
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => begin(&exchange, &streams, request, respond),
                Some(Err(error)) => return broken(peer, &error),
                None => return,
            },
            () = told.as_mut(), if !is_closing => {
                is_closing = true;
                connection.graceful_shutdown();
            }
            // Also while it closes: h2 waits for a client to answer its PING, with no deadline.
            () = idle.as_mut(), if end.is_none() => {
                // What was handed over whole may still be on its way.
                end = Some(Instant::now() + limits.send_timeout);
                if !is_closing {
                    is_closing = true;
                    connection.graceful_shutdown();
                }
            }
            () = until(end) => return,
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .initial_window_size(CONTENT)
        .initial_connection_window_size(CONTENT)
        .max_send_buffer_size(WAITING)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(Some(REFUSED));
    builder
}

fn broken(peer: IpAddr, error: &h2::Error) {
    debug!("{peer}: a connection of HTTP/2 is broken off: {error}");
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// Lets a request be answered, unless its client holds as much as it may: then it can be asked again (RFC 9113 8.7).
fn begin<A: Handler>(
    exchange: &ConnectionContext<A>,
    streams: &H2Streams,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    match exchange.client.try_take(Resource::Memory, STREAM) {
        Some(memory) => streams.begin(answer(exchange.of_stream(), request, respond, memory)),
        None => respond.send_reset(Reason::REFUSED_STREAM),
    }
}

async fn answer<A: Handler>(
    exchange: ConnectionContext<A>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    memory: Lease,
) {
    let response = {
        let (head, stream) = request.into_parts();
        let content = Content::of(&head.headers, stream);
        let mut answer = pin!(exchange.answer(Request::from_parts(head, content)));
        // A client that takes its request back wants no answer.
        poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        })
        .await
    };
    if let Some(response) = response
        && let Err(error) = send(response, respond).await
    {
        debug!("a stream of HTTP/2 is broken off: {error}");
    }
    drop(memory);
}

/// The content of a request.
struct Content {
    stream: RecvStream,
    /// Where it is announced.
    length: Option<u64>,
}

impl Content {
    fn of(fields: &HeaderMap, stream: RecvStream) -> Content {
        let length = fields.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Content { stream, length }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let data = ready!(self.stream.poll_data(cx));
        Poll::Ready(data.map(|data| {
            let data = data?;
            self.stream.flow_control().release_capacity(data.len())?;
            Ok(Frame::data(data))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
