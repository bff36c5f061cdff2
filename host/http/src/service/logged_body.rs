//! The log record of a request, and the response body that completes it.

use crate::access_log::{Log, LogEntry, UNANSWERED};
use crate::auth::UserName;
use crate::connection_context::ConnectionContext;
use crate::handler::{BoxError, Handler};
use crate::metrics::GaugeGuard;
use crate::parsed_head::ParsedHead;
use crate::send_file::FileRange;
use crate::service::ServiceBody;
use crate::timeout::Phase;
use crate::trusted_proxies::FORWARDED_FOR;
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
    /// `None` for a log that writes no entries.
    logged: Option<Box<LoggedFields>>,
    tls_version: Option<&'static str>,
    bytes: u64,
    log: Log,
    _in_flight: GaugeGuard,
}

/// Copies of what an entry shows of the head of a request.
struct LoggedFields {
    request_line: String,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

impl RequestRecord {
    /// Records a request.
    pub(crate) fn of_request<H, B>(request: &Request<B>, context: &ConnectionContext<H>) -> RequestRecord {
        let forwarded = request.headers().get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        let client = context.trusted_proxies.client_ip(context.peer, forwarded);
        let mut record = RequestRecord::new(context, client, Instant::now());
        if !context.log.is_quiet() {
            record.logged = Some(Box::new(LoggedFields {
                request_line: request_line(request),
                referer: request.headers().get(REFERER).cloned(),
                user_agent: request.headers().get(USER_AGENT).cloned(),
            }));
        }
        record
    }

    /// Records a request whose head is in the read buffer.
    pub(crate) fn of_head<H>(
        head: &ParsedHead<'_>,
        context: &ConnectionContext<H>,
        client: IpAddr,
        started: Instant,
    ) -> RequestRecord {
        let mut record = RequestRecord::new(context, client, started);
        if !context.log.is_quiet() {
            let field = |name| head.values(&name).next().and_then(|value| HeaderValue::from_bytes(value).ok());
            record.logged = Some(Box::new(LoggedFields {
                request_line: [head.method().as_str(), " ", head.target(), " HTTP/1.1"].concat(),
                referer: field(REFERER),
                user_agent: field(USER_AGENT),
            }));
        }
        record
    }

    fn new<H>(context: &ConnectionContext<H>, client: IpAddr, started: Instant) -> RequestRecord {
        RequestRecord {
            client,
            user: None,
            status: UNANSWERED,
            started,
            logged: None,
            tls_version: context.tls_version,
            bytes: 0,
            log: context.log.clone(),
            _in_flight: context.log.request_in_flight(),
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let logged = self.logged.as_deref();
        self.log.access(&LogEntry {
            client: self.client,
            user: self.user.as_deref(),
            request: logged.map_or("", |logged| &logged.request_line),
            status: self.status,
            bytes: self.bytes,
            duration: Some(self.started.elapsed()),
            referer: logged.and_then(|logged| logged.referer.as_ref()).map(HeaderValue::as_bytes),
            user_agent: logged.and_then(|logged| logged.user_agent.as_ref()).map(HeaderValue::as_bytes),
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

    /// See [`Handler::file_range`].
    pub(crate) fn file_range(&mut self, max: usize) -> Option<FileRange> {
        match &mut self.body {
            ServiceBody::<H>::Left(body) => H::file_range(body, max),
            ServiceBody::<H>::Right(_) => None,
        }
    }

    /// See [`Handler::advance`].
    pub(crate) fn advance(&mut self, bytes: usize) {
        if let ServiceBody::<H>::Left(body) = &mut self.body {
            H::advance(body, bytes);
        }
        self.count(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Counts bytes that the body has yielded.
    fn count(&mut self, bytes: u64) {
        self.record.bytes = self.record.bytes.saturating_add(bytes);
        // Releases the resources of the handler now, although the client may take long to receive the last bytes.
        if self.body.is_end_stream() {
            self.body = ServiceBody::<H>::Right(Full::default());
        }
    }

    /// See [`Handler::bound`].
    pub(crate) fn bound(&mut self, room: usize) -> bool {
        match &mut self.body {
            ServiceBody::<H>::Left(body) => H::bound(body, room),
            ServiceBody::<H>::Right(_) => false,
        }
    }

    /// See [`Handler::is_endless`].
    pub(crate) fn is_endless(&self) -> bool {
        match &self.body {
            ServiceBody::<H>::Left(body) => H::is_endless(body),
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
            self.count(frame_len(frame));
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
