//! One connection from its first byte to its last: protocol, hyper for HTTP/1, and the response to a client that timed
//! out.

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::http2;
use crate::limits::ClientLimits;
use crate::raw_response::raw_response;
use crate::service::HttpService;
use crate::shutdown::{self, LAST_CALL, last_call};
use crate::sniff::{Rewind, Sniffed, sniff};
use crate::timeout::{Phase, Timeout, TimeoutStream};
use crate::validate::MAX_FIELDS;
use crate::write_timeout::HasWriteTimeout;
use http::{StatusCode, Version};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

/// Maximum length of a head in bytes: a request line (PY-77) and a field (PY-78) of full length. It also limits what
/// waits to be written.
const MAX_HEAD: usize = 160 << 10;

/// The protocol that client and server have negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// None: the first bytes of the client decide (RFC 9113 3.3).
    Unknown,
    /// HTTP/1.1 or HTTP/1.0.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Serves a connection until it ends. After `closing` becomes true it finishes the responses in progress. A server of
/// HTTP/1.0 speaks only that, whatever was negotiated.
pub async fn serve<S, H>(
    stream: S,
    protocol: Protocol,
    context: ConnectionContext<H>,
    limits: ClientLimits,
    closing: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    H: Handler,
{
    let context = Arc::new(context);
    let phase = Arc::<Phase>::default();
    let stream = TimeoutStream::new(stream, limits, Arc::clone(&phase));
    let (sniffed, stream) = match protocol {
        _ if context.version == Version::HTTP_10 => (Sniffed::Other, stream.into()),
        Protocol::Unknown => tokio::select! {
            sniffed = sniff(stream) => sniffed,
            () = last_call(closing.clone()) => return,
        },
        Protocol::Http1 => (Sniffed::Other, stream.into()),
        Protocol::Http2 => (Sniffed::Http2, stream.into()),
    };
    if sniffed == Sniffed::Http2 {
        // Ends the timeouts for a head. Each stream of HTTP/2 has a phase and timeouts.
        phase.advance();
        // Boxed: otherwise every connection reserves space for it.
        Box::pin(http2::serve(stream, context, limits, closing)).await;
    } else {
        serve_http1(stream, context, phase, closing).await;
    }
}

async fn serve_http1<S, H>(
    stream: Rewind<TimeoutStream<S>>,
    context: Arc<ConnectionContext<H>>,
    phase: Arc<Phase>,
    closing: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    H: Handler,
{
    let service = HttpService::with_phase(Arc::clone(&context), context.version, Arc::clone(&phase));
    let service = service_fn(move |request| {
        let response = service.clone().respond(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let mut connection = http1::Builder::new()
        .max_headers(MAX_FIELDS)
        .max_buf_size(MAX_HEAD)
        // A client may close its half after the request and still read the response.
        .half_close(true)
        .keep_alive(context.version == Version::HTTP_11)
        .serve_connection(TokioIo::new(stream), service);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = shutdown::started(closing) => {
            Pin::new(&mut connection).graceful_shutdown();
            match timeout(LAST_CALL, &mut connection).await {
                Ok(outcome) => outcome,
                // hyper would wait for the first head as long as for a response.
                Err(_) if phase.is_first_head() => return,
                Err(_) => (&mut connection).await,
            }
        }
    };
    let stream = connection.into_parts().io.into_inner().stream;
    let status = match (stream.expired, outcome) {
        (Some(timeout), _) => {
            debug!("connection timed out: {}: {timeout}", context.peer);
            let is_answered = matches!(timeout, Timeout::Head(_)) && send_timed_out(stream.stream, &context).await;
            is_answered.then_some(StatusCode::REQUEST_TIMEOUT)
        }
        (None, Err(error)) => {
            debug!("connection aborted: {}: {error}", context.peer);
            parse_error_status(&error)
        }
        (None, Ok(())) => None,
    };
    // No request was read, so the entry has no request line (PY-81).
    if let Some(status) = status {
        context.log_without_request(status);
    }
}

/// Sends 408 without waiting for the client. Returns whether all of it was sent.
async fn send_timed_out<H: Handler>(mut stream: impl AsyncWrite + Unpin, context: &ConnectionContext<H>) -> bool {
    let response = raw_response(context.version, StatusCode::REQUEST_TIMEOUT);
    let bytes = response.as_bytes();
    let sent = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_write(cx, bytes))).await;
    matches!(sent, Poll::Ready(Ok(sent)) if sent == bytes.len())
}

/// The status that hyper has sent to a client whose request it could not parse.
fn parse_error_status(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_too_large() {
        // hyper has no method for this distinction.
        let is_uri = error.to_string().contains("URI");
        return Some(if is_uri { StatusCode::URI_TOO_LONG } else { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE });
    }
    error.is_parse().then_some(StatusCode::BAD_REQUEST)
}
