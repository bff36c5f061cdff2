//! One connection of HTTP/1. Requests in the simplest form are answered here, replayed ones without a copy of their
//! head. At the first other request hyper takes over the connection.

mod hyper_connection;
mod response;

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::http1::response::ResponseSender;
use crate::parsed_head::{MAX_SIMPLE_HEAD, Parsed, field_space};
use crate::raw_response::raw_response;
use crate::response_head::ResponseHead;
use crate::service::HttpService;
use crate::shutdown::{self, LAST_CALL};
use crate::sniff::Rewind;
use crate::timeout::{Phase, Timeout, TimeoutStream};
use crate::write_timeout::HasWriteTimeout;
use bytes::{Buf as _, Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::Empty;
use std::future::poll_fn;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

/// Serves a connection until it ends. After `closing` becomes true it finishes the response in progress.
pub(crate) async fn serve<S, H>(
    stream: Rewind<TimeoutStream<S>>,
    context: Arc<ConnectionContext<H>>,
    phase: Arc<Phase>,
    closing: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    H: Handler,
{
    // hyper speaks HTTP/1.0.
    if context.version == http::Version::HTTP_10 {
        return Box::pin(hyper_connection::serve(stream, context, phase, closing)).await;
    }
    let (unread, stream) = stream.into_parts();
    let service = HttpService::with_phase(Arc::clone(&context), context.version, Arc::clone(&phase));
    let unread = unread.into();
    let mut connection = Connection { stream, unread, is_incomplete: false, service, sending: None, is_closing: false };
    match connection.run(&phase, closing.clone()).await {
        Ok(ConnectionEnd::Closed | ConnectionEnd::Last) => {}
        Ok(ConnectionEnd::Hyper) => {
            let stream = Rewind::new(connection.unread.freeze(), connection.stream);
            Box::pin(hyper_connection::serve(stream, context, phase, closing)).await;
        }
        Err(error) => {
            if connection.stream.expired.is_none() {
                debug!("connection aborted: {}: {error}", context.peer);
            }
            report_timeout(connection.stream, &context).await;
        }
    }
}

/// Sends 408 to a client that has not completed a head in time.
async fn report_timeout<S: HasWriteTimeout, H: Handler>(stream: TimeoutStream<S>, context: &ConnectionContext<H>) {
    let Some(timeout) = stream.expired else { return };
    debug!("connection timed out: {}: {timeout}", context.peer);
    // No request was read, so the entry has no request line (PY-81).
    if matches!(timeout, Timeout::Head(_)) && send_timed_out(stream.stream, context).await {
        context.log_without_request(StatusCode::REQUEST_TIMEOUT);
    }
}

/// Sends 408 without waiting for the client. Returns whether all of it was sent.
async fn send_timed_out<H: Handler>(mut stream: impl AsyncWrite + Unpin, context: &ConnectionContext<H>) -> bool {
    let response = raw_response(context.version, StatusCode::REQUEST_TIMEOUT, "");
    let bytes = response.as_bytes();
    let sent = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_write(cx, bytes))).await;
    matches!(sent, Poll::Ready(Ok(sent)) if sent == bytes.len())
}

/// A connection between two requests holds no buffer.
struct Connection<S, H: Handler> {
    stream: TimeoutStream<S>,
    /// Bytes that were read and not parsed yet, or only as a part of a head.
    unread: BytesMut,
    /// Whether `unread` contains only a part of a head.
    is_incomplete: bool,
    service: HttpService<H>,
    /// A replayed response that the stream has not taken at once.
    sending: Option<Box<ResponseSender<H>>>,
    /// Whether the server shuts down.
    is_closing: bool,
}

/// A request whose head is parsed.
#[expect(clippy::large_enum_variant, reason = "it lives within one poll, and most are large")]
enum ParsedRequest<H: Handler> {
    /// It has a replayed response.
    Replayed(ResponseSender<H>),
    New(Next),
}

/// The next event of a connection that does not concern a replayed response.
enum Next {
    /// A request, and whether the client wants no other one behind it.
    Request(Box<Request<Empty<Bytes>>>, bool),
    End(ConnectionEnd),
}

/// Why a connection leaves the loop.
enum ConnectionEnd {
    /// The client has closed its side, or the server has nothing to add.
    Closed,
    /// The last response is sent.
    Last,
    /// The unread bytes are for hyper.
    Hyper,
}

impl<S: HasWriteTimeout, H: Handler> Connection<S, H> {
    async fn run(&mut self, phase: &Phase, closing: watch::Receiver<bool>) -> io::Result<ConnectionEnd> {
        let mut started = pin!(shutdown::started(closing.clone()));
        loop {
            let next = tokio::select! {
                biased;
                next = poll_fn(|cx| self.poll_next(cx)) => next?,
                () = &mut started, if !self.is_closing => {
                    self.is_closing = true;
                    if self.sending.is_some() {
                        continue;
                    }
                    if !phase.is_first_head() {
                        return Ok(ConnectionEnd::Closed);
                    }
                    match timeout(LAST_CALL, poll_fn(|cx| self.poll_next(cx))).await {
                        Ok(next) => next?,
                        Err(_) if self.sending.is_some() => continue,
                        Err(_) => return Ok(ConnectionEnd::Closed),
                    }
                }
            };
            let is_last = match next {
                Next::End(ConnectionEnd::Last) => true,
                Next::End(end) => return Ok(end),
                // Boxed, so that an idle connection does not reserve space for it.
                Next::Request(request, is_last) => Box::pin(self.answer(*request, is_last, &closing)).await?,
            };
            if is_last {
                self.stream.shutdown().await?;
                return Ok(ConnectionEnd::Closed);
            }
        }
    }

    /// Answers a request by the service. Returns whether it was the last one.
    async fn answer(
        &mut self,
        request: Request<Empty<Bytes>>,
        is_last: bool,
        closing: &watch::Receiver<bool>,
    ) -> io::Result<bool> {
        let method = request.method().clone();
        let response = self.service.clone().respond(request).await;
        let head = ResponseHead::encode(&response, &method, is_last || *closing.borrow());
        let is_endless = response.body().is_endless();
        let mut sender = ResponseSender::new(head, response.into_body());
        poll_fn(|cx| match sender.poll(&mut self.stream, cx)? {
            Poll::Ready(()) => Poll::Ready(Ok(sender.is_last)),
            Poll::Pending if is_endless => self.poll_left(cx).map_ok(|()| true),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Ready when the client has closed its side behind the request. Keeps the first byte of another request, behind
    /// which the end is not seen.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        let mut space = [MaybeUninit::uninit(); 1];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.unread.extend_from_slice(buffer.filled());
        if self.unread.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Reads until a head is complete that has no replayed response. Sends the replayed ones.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Next>> {
        loop {
            if let Some(sender) = &mut self.sending {
                ready!(sender.poll(&mut self.stream, cx))?;
                let is_last = sender.is_last || self.is_closing;
                self.sending = None;
                if is_last {
                    return Poll::Ready(Ok(Next::End(ConnectionEnd::Last)));
                }
            }
            match ready!(self.poll_parsed(cx))? {
                ParsedRequest::Replayed(mut sender) => match sender.poll(&mut self.stream, cx)? {
                    Poll::Ready(()) if sender.is_last => return Poll::Ready(Ok(Next::End(ConnectionEnd::Last))),
                    Poll::Ready(()) => {}
                    Poll::Pending => {
                        self.sending = Some(Box::new(sender));
                        return Poll::Pending;
                    }
                },
                ParsedRequest::New(next) => return Poll::Ready(Ok(next)),
            }
        }
    }

    /// Reads until a head is complete, and looks for its response.
    fn poll_parsed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ParsedRequest<H>>> {
        loop {
            if !self.unread.is_empty() && !self.is_incomplete {
                let unread = mem::take(&mut self.unread);
                if let Some((parsed, length)) = self.parse(&unread) {
                    self.keep(unread, length);
                    return Poll::Ready(Ok(parsed));
                }
                self.unread = unread;
                self.is_incomplete = true;
            }
            // On the stack, so a silent connection holds no buffer.
            let mut space = [MaybeUninit::uninit(); MAX_SIMPLE_HEAD];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                // hyper knows what the end of the stream within a head means.
                let end = if self.unread.is_empty() { ConnectionEnd::Closed } else { ConnectionEnd::Hyper };
                return Poll::Ready(Ok(ParsedRequest::New(Next::End(end))));
            }
            if self.unread.is_empty()
                && let Some((parsed, length)) = self.parse(read)
            {
                self.unread.extend_from_slice(read.get(length..).unwrap_or_default());
                return Poll::Ready(Ok(parsed));
            }
            self.is_incomplete = self.unread.is_empty();
            self.unread.extend_from_slice(read);
        }
    }

    /// Keeps the bytes behind a head. An empty buffer is freed.
    fn keep(&mut self, mut unread: BytesMut, length: usize) {
        if length < unread.len() {
            unread.advance(length);
            self.unread = unread;
        }
    }

    /// Parses the first head in the bytes. Returns its response or its request, and its length. `None`: the head is
    /// incomplete.
    fn parse(&self, bytes: &[u8]) -> Option<(ParsedRequest<H>, usize)> {
        let mut space = field_space();
        let (head, length) = match Parsed::parse(bytes, &mut space) {
            Parsed::Incomplete => return None,
            Parsed::Other => return Some((ParsedRequest::New(Next::End(ConnectionEnd::Hyper)), 0)),
            Parsed::Simple(head, length) => (head, length),
        };
        if let Some((response, body)) = self.service.replay(&head, self.is_closing) {
            return Some((ParsedRequest::Replayed(ResponseSender::new(response, body)), length));
        }
        Some(match head.to_request() {
            Some(request) => (ParsedRequest::New(Next::Request(Box::new(request), head.is_last)), length),
            None => (ParsedRequest::New(Next::End(ConnectionEnd::Hyper)), 0),
        })
    }
}

#[cfg(test)]
mod tests;
