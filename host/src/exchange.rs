//! One request and its response on a connection: checked at the gate, answered by an instance, finished with what only
//! a server knows, and logged when the last byte is gone. It refuses to know paths, files and what an answer means.

use crate::args::Protocol;
use crate::gate;
use crate::log::{Line, Log};
use crate::users::{CHALLENGE, Credentials, Name, Refused, Users};
use bytes::Bytes;
use glasshouse_sandbox::{Error, Instances, WasiBody};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Content that is read and thrown away, in bytes: nothing here takes any, but a client that is still sending may not
/// be reading.
const UNWANTED: usize = 1 << 20;
/// How long is waited for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all exchanges of a connection have in common.
#[derive(Clone)]
pub struct Exchange {
    pub instances: Arc<Instances>,
    pub protocol: Protocol,
    pub users: Option<Arc<Users>>,
    pub log: Log,
    pub peer: IpAddr,
}

impl Exchange {
    /// Answers one request, whatever happens.
    pub async fn answer(self, request: Request<Incoming>) -> Response<Logged> {
        let line = if self.log.is_quiet() { String::new() } else { request_line(&request) };
        let content = gate::has_content(&request);
        let (user, response) = match gate::check(&request) {
            Ok(()) => self.ask(request).await,
            Err(status) => (None, refuse(status)),
        };
        let response = self.finish(response, content);
        let (status, log, peer) = (response.status().as_u16(), self.log, self.peer);
        response.map(|body| Logged { body, bytes: 0, status, line, user, log, peer })
    }

    async fn ask(&self, request: Request<Incoming>) -> (Option<Name>, Response<WasiBody>) {
        let (mut head, body) = request.into_parts();
        // In HTTP/1.0 nobody expects a 100 (S80), and reading is what makes hyper send one.
        if self.protocol == Protocol::Http11 && !body.is_end_stream() {
            // How it ends does not matter: the connection is not used again. Boxed, because room for what is waited for
            // here is kept with every connection, idle ones included.
            let _ = Box::pin(timeout(PATIENCE, discard(body))).await;
        }
        if head.uri.authority().is_none() && !head.headers.contains_key(HOST) {
            // HTTP/1.0 may leave it out, and a handler for WASI 0.2 does not get to see a request without one.
            head.headers.insert(HOST, HeaderValue::from_static("localhost"));
        }
        match self.admit(&mut head).await {
            Ok(user) => (user, self.respond(head).await),
            Err(response) => (None, response),
        }
    }

    /// Who asks, or the answer to those who may not. Behind this, there are no credentials in the request.
    async fn admit(&self, head: &mut Parts) -> Result<Option<Name>, Response<WasiBody>> {
        let Some(users) = &self.users else { return Ok(None) };
        let Some(credentials) = Credentials::take(&mut head.headers) else { return Err(turn_away(Refused::Unknown)) };
        if let Some(name) = users.recall(&credentials) {
            return Ok(Some(name));
        }
        // Boxed, as it is waited for once in a while alone.
        Box::pin(users.verify(credentials, self.peer)).await.map(Some).map_err(turn_away)
    }

    async fn respond(&self, head: Parts) -> Response<WasiBody> {
        if let Some(response) = self.instances.answer_again(&head) {
            return response;
        }
        match Box::pin(self.instances.answer(head)).await {
            Ok(response) => response,
            Err(error) => {
                self.log.error(format_args!("a request was given up: {error}"));
                // What was too much now may not be too much later; a handler that fails does so again.
                refuse(match error.ceiling() {
                    Some(_) => StatusCode::SERVICE_UNAVAILABLE,
                    None => StatusCode::INTERNAL_SERVER_ERROR,
                })
            }
        }
    }

    /// Adds what the handler cannot know: whether the connection goes on, and which protocol it speaks.
    fn finish(&self, mut response: Response<WasiBody>, content: bool) -> Response<WasiBody> {
        // S71 has it that errors end the connection. After content, it is what keeps one request from passing for two.
        if content || response.status().is_client_error() || response.status().is_server_error() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.protocol == Protocol::Http10 {
            *response.version_mut() = Version::HTTP_10;
        }
        response
    }
}

/// Reads content up to a measure, and keeps none of it.
async fn discard(mut body: Incoming) {
    let mut left = UNWANTED;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        left = rest;
    }
}

/// The server's own answer where the handler was not asked or had none: the status and no more.
fn refuse(status: StatusCode) -> Response<WasiBody> {
    let text = Bytes::from(format!("{status}\n"));
    let mut response = Response::new(Full::new(text).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer to somebody who may not ask, or not now (RFC 9110 15.5.2, RFC 6585 4).
fn turn_away(why: Refused) -> Response<WasiBody> {
    let (status, name, value) = match why {
        Refused::Limited(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)))
        }
        Refused::Busy => (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, HeaderValue::from(1)),
        Refused::Unknown => (StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, CHALLENGE),
    };
    let mut response = refuse(status);
    response.headers_mut().insert(name, value);
    response
}

/// The request line for the log (S81).
fn request_line(request: &Request<Incoming>) -> String {
    format!("{} {} {:?}", request.method(), request.uri(), request.version())
}

/// A body that counts its bytes, and logs its exchange when it is over: sent, cut or given up.
pub struct Logged {
    body: WasiBody,
    bytes: u64,
    status: u16,
    line: String,
    user: Option<Name>,
    log: Log,
    peer: IpAddr,
}

impl Body for Logged {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
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

impl Drop for Logged {
    fn drop(&mut self) {
        let (peer, user, request) = (self.peer, self.user.as_deref(), self.line.as_str());
        self.log.access(&Line { peer, user, request, status: self.status, bytes: self.bytes });
    }
}
