//! A connection of HTTP/2: hyper's limits for it, and what of ours it lacks. It refuses to know what is asked.
//!
//! What a connection may cost here, beside what one of HTTP/1 may: a hundred requests at once, each with a block of content that
//! waits for room, and 64 KiB of a head. Requests that are taken back as fast as they are made, heads that do not end and
//! frames that want an answer which nobody reads are ended or not read on by h2 itself; tests hold it to that.
//!
//! There are no PINGs to see whether a client is still there: with a request open it takes what it is sent or is given up,
//! and without one it has the time of an idle connection.

use crate::connection::told;
use crate::exchange::{Answer, Exchange};
use crate::limits::Limits;
use crate::streams::Streams;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

/// Requests at once, which RFC 9113 6.5.2 wants to be no fewer.
const STREAMS: u32 = 100;
/// The longest head in bytes, each field counted with 32 more (RFC 9113 6.5.2).
const HEAD: u32 = 64 << 10;
/// Content that may be on its way to us, in bytes, on a stream and on all of them: the least that every client expects. No
/// request needs any.
const CONTENT: u32 = 65_535;
/// What of an answer may wait to be sent, in bytes, before more of it is read.
const WAITING: usize = 64 << 10;
/// Requests that were taken back before they were looked at, and those refused for an error of their own, after which the
/// connection ends.
const TAKEN_BACK: usize = 20;
const REFUSED: usize = 100;

/// Serves a connection until it ends, has been idle for too long, or until `closing` says so and the answers under way are finished.
pub async fn serve<S, A>(stream: S, exchange: Exchange<A>, limits: Limits, closing: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    let peer = exchange.peer;
    let streams = Streams::new(limits.send_timeout);
    let service = service_fn(move |request| {
        let exchange = exchange.of_stream();
        async move { Ok::<_, Infallible>(exchange.answer(request).await) }
    });
    let mut connection = pin!(
        http2::Builder::new(streams.clone())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD)
            .initial_stream_window_size(CONTENT)
            .initial_connection_window_size(CONTENT)
            .max_send_buf_size(WAITING)
            .max_pending_accept_reset_streams(TAKEN_BACK)
            .max_local_error_reset_streams(REFUSED)
            .serve_connection(TokioIo::new(stream), service)
    );
    // How it ends is known to the streams that were open.
    tokio::select! {
        ended = connection.as_mut() => if let Err(error) = ended {
            debug!("{peer}: a connection of HTTP/2 is broken off: {error}");
        },
        () = told(closing) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
        () = streams.idle(limits.idle_timeout) => {
            // What was handed over whole may still be on its way.
            connection.as_mut().graceful_shutdown();
            let _ = timeout(limits.send_timeout, connection).await;
        }
    }
}
