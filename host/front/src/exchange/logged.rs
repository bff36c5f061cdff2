//! What the log says of a request: what is kept of it until its answer is over, and the bytes that were counted meanwhile. It refuses
//! to know how an answer came about.

use super::{Answer, Content, Exchange, Failure, length};
use crate::counters::Raised;
use crate::log::{Line, Log, UNANSWERED};
use crate::patience::Turns;
use crate::users::Name;
use bytes::Bytes;
use http::header::{HeaderValue, REFERER, USER_AGENT};
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// What is kept of a request that was read. Its entry is written when this is dropped: behind the last byte of the answer, or
/// where client or server end the connection before there is one.
pub struct Asked {
    /// Who asks, as far as those who are believed say.
    pub client: IpAddr,
    /// Who was let in.
    pub user: Option<Name>,
    began: Instant,
    line: String,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    tls: Option<&'static str>,
    status: u16,
    bytes: u64,
    log: Log,
    _under_way: Raised,
}

impl Asked {
    /// Of what is only written down, nothing is kept for a log that is not written.
    pub fn new<A, B>(request: &Request<B>, Exchange { log, peer, trust, tls, .. }: &Exchange<A>) -> Asked {
        let field = |name| request.headers().get(name).filter(|_| !log.is_quiet()).cloned();
        Asked {
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

impl Drop for Asked {
    fn drop(&mut self) {
        self.log.access(&Line {
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

/// The request line (S81); in HTTP/2, what it would be in HTTP/1.1.
fn request_line<B>(request: &Request<B>) -> String {
    let (method, target, version) = (request.method(), request.uri(), request.version());
    match target.path_and_query().filter(|_| version == Version::HTTP_2) {
        Some(path) => format!("{method} {path} {version:?}"),
        None => format!("{method} {target} {version:?}"),
    }
}

/// A body that counts its bytes, and ends its exchange when it is over: sent, cut or given up.
pub struct Logged<A: Answer> {
    body: Content<A>,
    asked: Asked,
    turns: Arc<Turns>,
}

impl<A: Answer> Logged<A> {
    pub fn new(body: Content<A>, status: u16, mut asked: Asked, turns: Arc<Turns>) -> Logged<A> {
        asked.status = status;
        Logged { body, asked, turns }
    }
}

impl<A: Answer> Body for Logged<A> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.asked.bytes = self.asked.bytes.saturating_add(length(frame));
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

impl<A: Answer> Drop for Logged<A> {
    fn drop(&mut self) {
        self.turns.pass();
    }
}
