//! The rest of a connection of HTTP/1 by hyper: requests with a body or an upgrade, HTTP/1.0, and invalid ones.

use crate::connection_context::ConnectionContext;
use crate::handler::Handler;
use crate::http1::report_timeout;
use crate::service::HttpService;
use crate::shutdown::{self, LAST_CALL};
use crate::sniff::Rewind;
use crate::timeout::{Phase, TimeoutStream};
use crate::validate::MAX_FIELDS;
use crate::write_timeout::HasWriteTimeout;
use http::{StatusCode, Version};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

/// Maximum length of a head in bytes: a request line (PY-77) and a field (PY-78) of full length. It also limits what
/// waits to be written.
const MAX_HEAD: usize = 160 << 10;

/// Serves a connection until it ends.
pub(crate) async fn serve<S, H>(
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
    let (_, stream) = connection.into_parts().io.into_inner().into_parts();
    if stream.expired.is_some() {
        report_timeout(stream, &context).await;
    } else if let Err(error) = outcome {
        debug!("connection aborted: {}: {error}", context.peer);
        // No request was read, so the entry has no request line (PY-81).
        if let Some(status) = parse_error_status(&error) {
            context.log_without_request(status);
        }
    }
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
