//! One connection from its first byte to its last: determines the protocol, and serves it.

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::limits::ClientLimits;
use crate::shutdown::last_call;
use crate::sniff::{Sniffed, sniff};
use crate::timeout::{Phase, TimeoutStream};
use crate::write_timeout::HasWriteTimeout;
use crate::{http1, http2};
use http::Version;
use std::sync::Arc;
use tokio::sync::watch;

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
        http1::serve(stream, context, phase, closing).await;
    }
}
