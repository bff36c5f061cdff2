//! What the log says of a request: what is kept of it until its answer is over, and the bytes that were counted meanwhile. It refuses
//! to know how an answer came about.

use crate::access_log::{Entry, Log, UNANSWERED};
use crate::auth::UserName;
use crate::metrics::GaugeGuard;
use crate::service::{ConnectionContext, Content, Failure, Handler, length};
use crate::timeout::Phase;
use bytes::Bytes;
use http::header::{HeaderValue, REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// What is kept of a request that was read. Its entry is written when this is dropped: behind the last byte of the answer, or
/// where client or server end the connection before there is one.
pub struct RequestRecord {
    /// Who asks, as far as those who are believed say.
    pub client: IpAddr,
    /// Who was let in.
    pub user: Option<UserName>,
    began: Instant,
    line: String,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    tls: Option<&'static str>,
    status: u16,
    bytes: u64,
    log: Log,
    _under_way: GaugeGuard,
}

impl RequestRecord {
    /// Of what is only written down, nothing is kept for a log that is not written.
    pub fn new<A, B>(
        request: &Request<B>,
        ConnectionContext { log, peer, trust, tls, .. }: &ConnectionContext<A>,
    ) -> RequestRecord {
        let field = |name| request.headers().get(name).filter(|_| !log.is_quiet()).cloned();
        RequestRecord {
            client: trust.client(*peer, request.headers()),
            user: None,
            began: Instant::now(),
            line: if log.is_quiet() { String::new() } else { request_line(request) },
            referer: field(REFERER),
            user_agent: field(USER_AGENT),
            tls: *tls,
            status: UNANSWERED,
            bytes: 0,
            log: log.clone(),
            _under_way: log.under_way(),
        }
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.log.access(&Entry {
            peer: self.client,
            user: self.user.as_deref(),
            request: &self.line,
            status: self.status,
            bytes: self.bytes,
            duration: Some(self.began.elapsed()),
            referer: self.referer.as_ref().map(HeaderValue::as_bytes),
            user_agent: self.user_agent.as_ref().map(HeaderValue::as_bytes),
            tls: self.tls,
        });
    }
}

/// The request line (S81); in HTTP/2, what it would be in HTTP/1.1. A target without a path stays one.
fn request_line<B>(request: &Request<B>) -> String {
    let (method, target, version) = (request.method(), request.uri(), request.version());
    let path = target.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    match (target.scheme(), target.authority()) {
        _ if version == Version::HTTP_2 && !path.is_empty() => format!("{method} {path} {version:?}"),
        (Some(scheme), Some(authority)) => format!("{method} {scheme}://{authority}{path} {version:?}"),
        _ => format!("{method} {target} {version:?}"),
    }
}

/// A body that counts its bytes, and ends its exchange when it is over: sent, cut or given up.
pub struct LoggedBody<A: Handler> {
    body: Content<A>,
    asked: RequestRecord,
    turns: Arc<Phase>,
}

impl<A: Handler> LoggedBody<A> {
    pub fn new(body: Content<A>, status: u16, mut asked: RequestRecord, turns: Arc<Phase>) -> LoggedBody<A> {
        asked.status = status;
        LoggedBody { body, asked, turns }
    }

    /// Reads no more than `room` bytes at a time from here on; `false` where somebody makes the content piece by piece.
    pub fn bound(&mut self, room: usize) -> bool {
        match &mut self.body {
            Content::<A>::Left(body) => A::bound(body, room),
            Content::<A>::Right(_) => false,
        }
    }
}

impl<A: Handler> Body for LoggedBody<A> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.asked.bytes = self.asked.bytes.saturating_add(length(frame));
            // Whoever made it is free, however long the last of it takes on its way.
            if self.body.is_end_stream() {
                self.body = Content::<A>::Right(Full::default());
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

impl<A: Handler> Drop for LoggedBody<A> {
    fn drop(&mut self) {
        self.turns.pass();
    }
}
