//! What the log says of a request: what is kept of it until its answer is over, and the bytes that were counted meanwhile. It refuses
//! to know how an answer came about.

use super::{Answer, Content, Exchange, Failure, length};
use crate::counters::Raised;
use crate::log::Line;
use crate::users::Name;
use bytes::Bytes;
use http::header::{HeaderValue, REFERER, USER_AGENT};
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// What is kept of a request.
pub struct Asked {
    /// Who asks, as far as those who are believed say.
    pub client: IpAddr,
    /// Who was let in.
    pub user: Option<Name>,
    began: Instant,
    line: String,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    _under_way: Raised,
}

impl Asked {
    /// Of what is only written down, nothing is kept for a log that is not written.
    pub fn new<A, B>(request: &Request<B>, Exchange { log, peer, trust, .. }: &Exchange<A>) -> Asked {
        let field = |name| request.headers().get(name).filter(|_| !log.is_quiet()).cloned();
        Asked {
            client: trust.client(*peer, request.headers()),
            user: None,
            began: Instant::now(),
            line: if log.is_quiet() { String::new() } else { request_line(request) },
            referer: field(REFERER),
            user_agent: field(USER_AGENT),
            _under_way: log.under_way(),
        }
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

/// A body that counts its bytes, and ends and logs its exchange when it is over: sent, cut or given up.
pub struct Logged<A: Answer> {
    body: Content<A>,
    bytes: u64,
    status: u16,
    asked: Asked,
    exchange: Exchange<A>,
}

impl<A: Answer> Logged<A> {
    pub fn new(body: Content<A>, status: u16, asked: Asked, exchange: Exchange<A>) -> Logged<A> {
        Logged { body, bytes: 0, status, asked, exchange }
    }

    /// Reads no more than `room` bytes at a time from here on; `false` where somebody makes the content piece by piece.
    pub fn bound(&mut self, room: usize) -> bool {
        match &mut self.body {
            Content::<A>::Left(body) => A::bound(body, room),
            Content::<A>::Right(_) => false,
        }
    }
}

impl<A: Answer> Body for Logged<A> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.bytes = self.bytes.saturating_add(length(frame));
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

impl<A: Answer> Drop for Logged<A> {
    fn drop(&mut self) {
        let (Exchange { log, tls, turns, .. }, asked) = (&self.exchange, &self.asked);
        turns.pass();
        log.access(&Line {
            peer: asked.client,
            user: asked.user.as_deref(),
            request: &asked.line,
            status: self.status,
            bytes: self.bytes,
            duration: Some(asked.began.elapsed()),
            referer: asked.referer.as_ref().map(HeaderValue::as_bytes),
            user_agent: asked.user_agent.as_ref().map(HeaderValue::as_bytes),
            tls: *tls,
        });
    }
}
