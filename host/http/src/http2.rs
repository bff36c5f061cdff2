//! A connection of HTTP/2: the limits of h2, and those that it lacks.
//!
//! A connection may cost more than one of HTTP/1 by a hundred concurrent requests and a head of 64 KiB. h2 itself ends
//! or stops reading connections with rapid resets, heads without an end, and frames whose replies the client does not
//! read. Tests prove it.
//!
//! h2 is used without hyper. hyper reads the next block of a body before the client has granted room for it. Here a
//! file is read only when there is room, and only as much as fits.
//!
//! The server sends no PINGs to check that a client is alive. A client with an open request must accept data within the
//! send timeout; a client without one has the idle timeout.

mod response;
mod streams;

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::http2::response::send;
use crate::http2::streams::H2Streams;
use crate::limits::ClientLimits;
use crate::service::HttpService;
use crate::shutdown::{self, last_call};
use bytes::Bytes;
use glasshouse_quota::{Lease, Resource};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Version};
use http_body::{Body, Frame, SizeHint};
use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// Concurrent requests. RFC 9113 6.5.2 recommends at least 100.
const MAX_STREAMS: u32 = 100;
/// Maximum length of a head in bytes; each field counts 32 more (RFC 9113 6.5.2).
const MAX_HEAD: u32 = 64 << 10;
/// Flow-control window for request bodies in bytes, of a stream and of the connection: the minimum that clients expect.
/// No request needs a body.
const REQUEST_WINDOW: u32 = 65_535;
/// Bytes of responses that may wait to be sent before the server reads more of them.
const SEND_BUFFER: usize = 128 << 10;
/// Requests that the client may reset before they are accepted; more end the connection.
const MAX_PENDING_RESETS: usize = 20;
/// Requests that h2 may reset because of an error; more end the connection.
const MAX_ERROR_RESETS: usize = 100;
/// Bytes of memory that each stream counts for: its head, its task, and small bodies.
const STREAM_MEMORY: usize = 32 << 10;

/// Serves a connection until it ends or its idle timeout expires. After `closing` becomes true it finishes the
/// responses in progress.
pub(crate) async fn serve<S, H>(
    stream: S,
    context: Arc<ConnectionContext<H>>,
    limits: ClientLimits,
    closing: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let streams = H2Streams::new(limits.send_timeout);
    let handshake = builder().handshake::<_, Bytes>(stream);
    let connection = tokio::select! {
        connection = handshake => connection,
        () = streams.idle(limits.idle_timeout) => return,
        () = last_call(closing.clone()) => return,
    };
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(error) => return log_aborted(context.peer, &error),
    };
    let mut shutdown = pin!(shutdown::started(closing));
    let mut idle = pin!(streams.idle(limits.idle_timeout));
    let mut is_closing = false;
    let mut end = None;
    loop {
        // The open streams learn how the connection ends.
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => start(&context, &streams, request, respond),
                Some(Err(error)) => return log_aborted(context.peer, &error),
                None => return,
            },
            () = shutdown.as_mut(), if !is_closing => {
                is_closing = true;
                connection.graceful_shutdown();
            }
            // Also while it closes: h2 waits without a deadline for the client to answer its PING.
            () = idle.as_mut(), if end.is_none() => {
                // Complete responses may still be in the send buffer.
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
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD)
        .initial_window_size(REQUEST_WINDOW)
        .initial_connection_window_size(REQUEST_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(Some(MAX_ERROR_RESETS));
    builder
}

fn log_aborted(peer: IpAddr, error: &h2::Error) {
    debug!("connection aborted: {peer}: {error}");
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// Starts to answer a request. A client without memory left in its share may repeat it (RFC 9113 8.7).
fn start<H: Handler>(
    context: &Arc<ConnectionContext<H>>,
    streams: &H2Streams,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    match context.client.try_take(Resource::Memory, STREAM_MEMORY) {
        Some(memory) => {
            let service = HttpService::new(Arc::clone(context), Version::HTTP_2);
            streams.spawn(answer(service, request, respond, memory));
        }
        None => respond.send_reset(Reason::REFUSED_STREAM),
    }
}

async fn answer<H: Handler>(
    service: HttpService<H>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    memory: Lease,
) {
    let response = {
        let (head, stream) = request.into_parts();
        let body = RequestBody::new(&head.headers, stream);
        let mut response = pin!(service.respond(Request::from_parts(head, body)));
        // A client that resets its stream needs no response.
        poll_fn(|cx| match response.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        })
        .await
    };
    if let Some(response) = response
        && let Err(error) = send(response, respond).await
    {
        debug!("stream aborted: {error}");
    }
    drop(memory);
}

/// The body of a request.
struct RequestBody {
    stream: RecvStream,
    /// Value of `Content-Length`.
    length: Option<u64>,
}

impl RequestBody {
    fn new(fields: &HeaderMap, stream: RecvStream) -> RequestBody {
        let length = fields.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        RequestBody { stream, length }
    }
}

impl Body for RequestBody {
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
