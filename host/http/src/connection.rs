//! One connection from its first byte to its last: what is spoken on it, hyper and its limits, and what is said to a client that
//! was waited for too long. It refuses to know what is asked.

use crate::http2;
use crate::limits::ClientLimits;
use crate::raw_response::raw_response;
use crate::service::{ConnectionContext, Handler};
use crate::sniff::{Rewind, Sniffed, sniff};
use crate::timeout::{Timeout, TimeoutStream};
use crate::validate::FIELDS;
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
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// The longest head in bytes: a request line (S77) and a field (S78) of full length. It also bounds what waits to be
/// written.
const BUFFER: usize = 160 << 10;
/// How long a new client may take for its head once the server closes: as long as one that is on its way.
const LAST_CALL: Duration = Duration::from_millis(100);

/// What client and server have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing: the client's first bytes tell (RFC 9113 3.3).
    Unknown,
    Http1,
    Http2,
}

/// Serves a connection until it ends, or until `closing` says so and the answers under way are finished. Where the server speaks
/// HTTP/1.0, so does every connection.
pub async fn serve<S, A>(
    stream: S,
    spoken: Protocol,
    exchange: ConnectionContext<A>,
    limits: ClientLimits,
    closing: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    A: Handler,
{
    let patient = TimeoutStream::new(stream, limits, Arc::clone(&exchange.turns));
    let (speaks, opened) = match spoken {
        _ if exchange.version == Version::HTTP_10 => (Sniffed::Other, patient.into()),
        Protocol::Unknown => tokio::select! {
            opened = sniff(patient) => opened,
            () = last_call(closing.clone()) => return,
        },
        Protocol::Http1 => (Sniffed::Other, patient.into()),
        Protocol::Http2 => (Sniffed::Http2, patient.into()),
    };
    if speaks == Sniffed::Http2 {
        // From here on it is never the client's turn alone; each of its streams has turns of its own.
        exchange.turns.pass();
        // Boxed, because the room for it would be kept with every connection.
        Box::pin(http2::serve(opened, exchange, limits, closing)).await;
    } else {
        serve_http1(opened, exchange, closing).await;
    }
}

async fn serve_http1<S, A>(
    opened: Rewind<TimeoutStream<S>>,
    exchange: ConnectionContext<A>,
    closing: watch::Receiver<bool>,
) where
    S: HasWriteTimeout,
    A: Handler,
{
    let (version, unread) = (exchange.version, exchange.clone());
    let turns = Arc::clone(&exchange.turns);
    let service = service_fn(move |request| {
        let exchange = exchange.clone();
        async move { Ok::<_, Infallible>(exchange.answer(request).await) }
    });
    let mut connection = http1::Builder::new()
        .max_headers(FIELDS)
        .max_buf_size(BUFFER)
        // Clients that close their half after asking still want the answer.
        .half_close(true)
        .keep_alive(version == Version::HTTP_11)
        .serve_connection(TokioIo::new(opened), service);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = told(closing) => {
            Pin::new(&mut connection).graceful_shutdown();
            match timeout(LAST_CALL, &mut connection).await {
                Ok(outcome) => outcome,
                // hyper waits for the first head as it does for an answer.
                Err(_) if turns.is_first() => return,
                Err(_) => (&mut connection).await,
            }
        }
    };
    let patient = connection.into_parts().io.into_inner().stream;
    if let Some(missed) = patient.missed {
        let what = match missed {
            Timeout::Idle(_) => "the first byte of a request",
            Timeout::Head(_) => "the rest of the head of a request",
        };
        debug!("{}: waited for too long: {what}", unread.peer);
    }
    if let (Err(error), None) = (&outcome, patient.missed) {
        debug!("{}: broken off: {error}", unread.peer);
    }
    let status = match (outcome, patient.missed) {
        (_, Some(Timeout::Head(_))) => {
            let status = StatusCode::REQUEST_TIMEOUT;
            if !send_at_once(patient.stream, raw_response(version, status).as_bytes()).await {
                return;
            }
            status
        }
        // hyper answered these by itself.
        (Err(error), None) if error.is_parse_too_large() && error.to_string().contains("URI") => {
            StatusCode::URI_TOO_LONG
        }
        (Err(error), None) if error.is_parse_too_large() => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        (Err(error), None) if error.is_parse() => StatusCode::BAD_REQUEST,
        _ => return,
    };
    // They were no requests yet, so they have no line (S81).
    unread.log_unread(status);
}

/// Waits until the server closes and a new client has had its time.
pub async fn last_call(closing: watch::Receiver<bool>) {
    told(closing).await;
    sleep(LAST_CALL).await;
}

/// Waits until the server closes.
pub async fn told(mut closing: watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Sends what can be sent without waiting, and tells whether that is all of it.
async fn send_at_once(mut stream: impl AsyncWrite + Unpin, bytes: &[u8]) -> bool {
    let sent = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, bytes))).await;
    matches!(sent, Poll::Ready(Ok(sent)) if sent == bytes.len())
}
