//! The log record of a request, and the response body that completes it.

use crate::access_log::{Log, LogEntry, UNANSWERED};
use crate::auth::UserName;
use crate::connection_context::ConnectionContext;
use crate::handler::{BoxError, Handler};
use crate::metrics::GaugeGuard;
use crate::service::ServiceBody;
use crate::timeout::Phase;
use bytes::Bytes;
use http::header::{HeaderValue, REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// What the log keeps of a request. It writes its entry when it is dropped: behind the last byte of the response, or
/// when client or server end the connection earlier.
pub(crate) struct RequestRecord {
    /// Address of the client, behind trusted proxies.
    pub(crate) client: IpAddr,
    /// The authenticated user.
    pub(crate) user: Option<UserName>,
    pub(crate) status: u16,
    started: Instant,
    request_line: String,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    tls_version: Option<&'static str>,
    bytes: u64,
    log: Log,
    _in_flight: GaugeGuard,
}

impl RequestRecord {
    /// Records a request. A log that writes no entries needs no copy of its headers.
    pub(crate) fn new<H, B>(request: &Request<B>, context: &ConnectionContext<H>) -> RequestRecord {
        let ConnectionContext { log, peer, trusted_proxies, tls_version, .. } = context;
        let field = |name| request.headers().get(name).filter(|_| !log.is_quiet()).cloned();
        RequestRecord {
            client: trusted_proxies.client_ip(*peer, request.headers()),
            user: None,
            status: UNANSWERED,
            started: Instant::now(),
            request_line: if log.is_quiet() { String::new() } else { request_line(request) },
            referer: field(REFERER),
            user_agent: field(USER_AGENT),
            tls_version: *tls_version,
            bytes: 0,
            log: log.clone(),
            _in_flight: log.request_in_flight(),
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.log.access(&LogEntry {
            client: self.client,
            user: self.user.as_deref(),
            request: &self.request_line,
            status: self.status,
            bytes: self.bytes,
            duration: Some(self.started.elapsed()),
            referer: self.referer.as_ref().map(HeaderValue::as_bytes),
            user_agent: self.user_agent.as_ref().map(HeaderValue::as_bytes),
            tls: self.tls_version,
        });
    }
}

/// The request line (PY-81). A request of HTTP/2 is written as in HTTP/1.1; a target without a path stays as it is.
fn request_line<B>(request: &Request<B>) -> String {
    let (method, target, version) = (request.method(), request.uri(), request.version());
    let path = target.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    match (target.scheme(), target.authority()) {
        _ if version == Version::HTTP_2 && !path.is_empty() => format!("{method} {path} {version:?}"),
        (Some(scheme), Some(authority)) => format!("{method} {scheme}://{authority}{path} {version:?}"),
        _ => format!("{method} {target} {version:?}"),
    }
}

/// A response body that counts its bytes. The request is over, and its log entry written, when the body is dropped.
pub struct LoggedBody<H: Handler> {
    body: ServiceBody<H>,
    record: RequestRecord,
    phase: Arc<Phase>,
}

impl<H: Handler> fmt::Debug for LoggedBody<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedBody").field("sent", &self.record.bytes).finish_non_exhaustive()
    }
}

impl<H: Handler> LoggedBody<H> {
    pub(crate) fn new(body: ServiceBody<H>, record: RequestRecord, phase: Arc<Phase>) -> LoggedBody<H> {
        LoggedBody { body, record, phase }
    }

    /// See [`Handler::bound`].
    pub(crate) fn bound(&mut self, room: usize) -> bool {
        match &mut self.body {
            ServiceBody::<H>::Left(body) => H::bound(body, room),
            ServiceBody::<H>::Right(_) => false,
        }
    }
}

impl<H: Handler> Body for LoggedBody<H> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.record.bytes = self.record.bytes.saturating_add(frame_len(frame));
            // Releases the resources of the handler now, although the client may take long to receive the last frame.
            if self.body.is_end_stream() {
                self.body = ServiceBody::<H>::Right(Full::default());
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<H: Handler> Drop for LoggedBody<H> {
    fn drop(&mut self) {
        self.phase.advance();
    }
}

/// Length of the data of a frame.
pub(crate) fn frame_len(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX))
}
