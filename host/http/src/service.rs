//! One request and its response: validate, authenticate, call the handler, log.

mod logged_body;
mod normalize;
mod responses;
#[cfg(test)]
mod tests;

use crate::auth::{AuthError, Credentials};
use crate::connection_context::ConnectionContext;
use crate::handler::{Handler, HandlerCall, HandlerError, ReplayedResponse};
use crate::parsed_head::ParsedHead;
use crate::response_head::{ResponseHead, may_have_body};
pub use crate::service::logged_body::LoggedBody;
use crate::service::logged_body::{RequestRecord, frame_len};
use crate::service::normalize::normalize;
use crate::service::responses::{handler_error, status_response, unauthorized};
use crate::timeout::Phase;
use crate::trusted_proxies::FORWARDED_FOR;
use crate::validate;
use crate::validate::RequestFraming;
use bytes::Bytes;
use glasshouse_quota::Client;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{BodyExt as _, Either, Full};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tracing::{error, info, warn};

/// How long a client may take to send a request body that the server discards.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// A body of the handler, or one of this crate.
type ServiceBody<H> = Either<<H as Handler>::Body, Full<Bytes>>;

/// Answers the requests of one HTTP/1 connection, or of one HTTP/2 stream.
#[derive(Debug)]
pub struct HttpService<H> {
    context: Arc<ConnectionContext<H>>,
    version: Version,
    phase: Arc<Phase>,
}

impl<H> Clone for HttpService<H> {
    fn clone(&self) -> HttpService<H> {
        HttpService { context: Arc::clone(&self.context), version: self.version, phase: Arc::clone(&self.phase) }
    }
}

impl<H: Handler> HttpService<H> {
    /// A service for one connection, or for one stream if `version` is HTTP/2.
    pub fn new(context: Arc<ConnectionContext<H>>, version: Version) -> HttpService<H> {
        HttpService::with_phase(context, version, Arc::default())
    }

    pub(crate) fn with_phase(
        context: Arc<ConnectionContext<H>>,
        version: Version,
        phase: Arc<Phase>,
    ) -> HttpService<H> {
        HttpService { context, version, phase }
    }

    /// Answers one request. Every failure is a response.
    pub async fn respond<B>(self, request: Request<B>) -> Response<LoggedBody<H>>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        self.phase.advance();
        let mut record = RequestRecord::of_request(&request, &self.context);
        let (framing, is_head) = (validate::framing(&request), request.method() == Method::HEAD);
        let is_http10 = [request.version(), self.version].contains(&Version::HTTP_10);
        let (response, is_read) = match self.validate(&request) {
            Ok(()) => self.respond_to_valid(request, &mut record).await,
            Err(status) => (status_response(status), framing == RequestFraming::Empty),
        };
        let is_kept = is_kept_alive(framing, is_read, is_http10, response.status());
        let response = self.finish(response, is_kept, is_head);
        record.status = response.status().as_u16();
        response.map(|body| LoggedBody::new(body, record, self.phase))
    }

    /// Replays a response to a valid request whose user is known. `None`: [`HttpService::respond`] answers it. With
    /// `is_last`, the connection ends behind the response in any case.
    pub(crate) fn replay(&self, head: &ParsedHead<'_>, is_last: bool) -> Option<(ResponseHead, LoggedBody<H>)> {
        let started = Instant::now();
        let context = &*self.context;
        if !context.hosts.include_field(head.host()) {
            return None;
        }
        let user = match &context.users {
            Some(users) => Some(users.cached(&Credentials::of(head.values(&AUTHORIZATION))?)?),
            None => None,
        };
        let address = context.trusted_proxies.client_ip(context.peer, head.values(&FORWARDED_FOR));
        let forwarded = (address != context.peer).then(|| context.client.at(address));
        let client = forwarded.as_ref().unwrap_or(&context.client);
        let response = context.handler.replay(head, user.is_some(), client)?;
        self.phase.advance();
        let ReplayedResponse { status, lines, body } = response;
        let is_kept = is_kept_alive(RequestFraming::Empty, true, false, status);
        let is_last = is_last || head.is_last || !is_kept;
        let response = ResponseHead::replayed(lines, head.method(), status, is_last);
        let mut record = RequestRecord::of_head(head, context, address, started);
        (record.status, record.user) = (status.as_u16(), user);
        Some((response, LoggedBody::new(Either::Left(body), record, Arc::clone(&self.phase))))
    }

    fn validate<B>(&self, request: &Request<B>) -> Result<(), StatusCode> {
        validate::check(request)?;
        match self.context.hosts.include(request.uri(), request.headers()) {
            true => Ok(()),
            false => Err(StatusCode::MISDIRECTED_REQUEST),
        }
    }

    /// Returns the response, and whether the request body was read to its end.
    async fn respond_to_valid<B>(
        &self,
        request: Request<B>,
        record: &mut RequestRecord,
    ) -> (Response<ServiceBody<H>>, bool)
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let (mut head, body) = request.into_parts();
        normalize(&mut head, self.version);
        let is_read = self.discard(body).await;
        let response = match self.authenticate(&mut head, record).await {
            Ok(()) => self.handle(head, &self.context.client.at(record.client)).await,
            Err(error) => {
                info!("authentication failed: {}: {error}", record.client);
                unauthorized(error)
            }
        };
        (response, is_read)
    }

    /// Reads the request body and drops it. Returns whether that was all of it.
    async fn discard<B>(&self, body: B) -> bool
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let max = self.context.max_content;
        // hyper sends 100 Continue when the body is read. A client of HTTP/1.0 does not expect it, and a body that is
        // announced as too long need not be sent.
        if body.is_end_stream() || self.version == Version::HTTP_10 || body.size_hint().lower() > max {
            return body.is_end_stream();
        }
        // Boxed: otherwise every idle connection reserves space for it.
        Box::pin(timeout(DISCARD_TIMEOUT, drain(body, max))).await.unwrap_or(false)
    }

    /// Checks the credentials, if the server has users, and removes them from the request.
    async fn authenticate(&self, head: &mut Parts, record: &mut RequestRecord) -> Result<(), AuthError> {
        let Some(users) = &self.context.users else { return Ok(()) };
        let credentials = Credentials::take(&mut head.headers).ok_or(AuthError::Missing)?;
        record.user = Some(match users.cached(&credentials) {
            Some(name) => name,
            // Boxed: it is rare, and every idle connection would reserve space for it.
            None => Box::pin(users.verify(credentials, record.client)).await?,
        });
        Ok(())
    }

    async fn handle(&self, head: Parts, client: &Client) -> Response<ServiceBody<H>> {
        let call = self.context.handler.call(head, client).boxed();
        let result = match call {
            HandlerCall::Cached(response) => Ok(response),
            HandlerCall::Pending(future) => future.await,
        };
        match result {
            // hyper would replace an interim response with one of its own.
            Ok(response) if response.status().is_informational() => Err(HandlerError::InterimStatus(response.status())),
            result => result,
        }
        .map_or_else(
            |error| {
                log_error(&error);
                handler_error(&error)
            },
            |response| response.map(Either::Left),
        )
    }

    /// Adds what the handler does not know: whether the connection stays open, and the protocol version.
    fn finish(&self, mut response: Response<ServiceBody<H>>, is_kept: bool, is_head: bool) -> Response<ServiceBody<H>> {
        // The streams of HTTP/2 have frames, so no error in one affects the next.
        let is_http2 = self.version == Version::HTTP_2;
        if !is_kept && !is_http2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // RFC 9110 8.6 forbids it.
        if response.status() == StatusCode::NO_CONTENT {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        // hyper does this in HTTP/1.
        if is_head && is_http2 {
            remove_body::<H>(&mut response);
        }
        // `ResponseHead` and hyper do this in HTTP/1.
        if is_http2 && !may_have_body(response.status()) {
            *response.body_mut() = Either::Right(Full::default());
        }
        *response.version_mut() = self.version;
        response
    }
}

/// Whether the connection of HTTP/1 stays open behind a response.
fn is_kept_alive(framing: RequestFraming, is_read: bool, is_http10: bool, status: StatusCode) -> bool {
    // Client and server may disagree on where these requests end. After other errors the next request starts where both
    // expect it. After 421 the client should open another connection (RFC 9110 15.5.20).
    let is_last = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::URI_TOO_LONG
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    match framing {
        RequestFraming::Ambiguous => false,
        RequestFraming::Length => is_read && !is_http10 && !is_last,
        RequestFraming::Empty if is_http10 => !(status.is_client_error() || status.is_server_error()),
        RequestFraming::Empty => !is_last,
    }
}

/// Reads a body of at most `max` bytes. Returns whether it ended within them.
async fn drain(mut body: impl Body<Data = Bytes> + Unpin, mut max: u64) -> bool {
    while let Some(frame) = body.frame().await {
        match frame.ok().and_then(|frame| max.checked_sub(frame_len(&frame))) {
            Some(rest) => max = rest,
            None => return false,
        }
    }
    true
}

fn log_error(error: &HandlerError) {
    match error {
        HandlerError::NotFound => {}
        HandlerError::LimitExceeded(_) | HandlerError::Busy(_) => warn!("request failed: {error}"),
        HandlerError::Failed(_) | HandlerError::InterimStatus(_) => error!("request failed: {error}"),
    }
}

/// Leaves only the length of the body in the response (RFC 9110 9.3.2).
fn remove_body<H: Handler>(response: &mut Response<ServiceBody<H>>) {
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    *response.body_mut() = Either::Right(Full::default());
}
