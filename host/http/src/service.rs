//! One request and its response on a connection: checked at the gate, answered by whoever answers, finished with what only
//! a server knows, and logged when the last byte is gone. It refuses to know paths, files and what an answer means.

mod logged_body;

use crate::access_log::{Entry, Log};
use crate::auth::{AuthError, CHALLENGE, Credentials, UserName, Users};
use crate::hosts::Hosts;
use crate::limits::ClientLimits;
pub use crate::service::logged_body::LoggedBody;
use crate::service::logged_body::RequestRecord;
use crate::timeout::Phase;
use crate::trusted_proxies::TrustedProxies;
use crate::validate;
use crate::validate::Framing;
use bytes::Bytes;
use glasshouse_quota::Client;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Either, Full};
use std::error::Error;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::info;

/// How long is waited for content that nobody wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who answers. A copy of it is made for each request.
pub trait Handler: Clone + Send + Sync + Unpin + 'static {
    /// The content of an answer.
    type Body: Body<Data = Bytes, Error: Into<Failure>> + Send + Unpin + 'static;

    /// The answer to a request that costs nothing, if it has one. What is held for it is held by the client.
    fn cached(&self, request: &Parts, client: &Client) -> Option<Response<Self::Body>>;

    /// The answer to a request, without its content.
    fn answer(
        &self,
        request: Parts,
        client: &Client,
    ) -> impl Future<Output = Result<Response<Self::Body>, HandlerError>> + Send;

    /// Reads no more than `room` bytes of content at a time from here on; `false` where its pieces are what they are, because somebody
    /// makes them.
    fn bound(_body: &mut Self::Body, _room: usize) -> bool {
        false
    }
}

/// Why a request has no answer, in words for whoever runs the server.
#[derive(Debug)]
pub enum HandlerError {
    /// Nobody answers at its path.
    NotFound,
    /// It costs more than one request may. What is too much now may not be too much later.
    LimitExceeded(String),
    /// Its client holds as much as it may, and can come back when it holds less.
    Busy(String),
    /// Whoever answers failed, and will do so again.
    Failed(String),
}

/// Why content ended too early.
type Failure = Box<dyn Error + Send + Sync>;
/// The content of an answer that was given here, or that is a refusal.
type Content<A> = Either<<A as Handler>::Body, Full<Bytes>>;

/// What all exchanges of a connection have in common.
#[derive(Clone)]
pub struct ConnectionContext<A> {
    answerer: A,
    /// The version of HTTP that is spoken: 1.0 or 1.1, and 2 on a stream.
    pub(crate) version: Version,
    pub(crate) log: Log,
    pub(crate) peer: IpAddr,
    /// The peer as one of those who share what there is.
    pub(crate) client: Client,
    /// Content that is read and thrown away, in bytes: nothing here takes any, but a client that is still sending may not be
    /// reading.
    max_content: u64,
    users: Option<Arc<Users>>,
    /// The version of TLS, for the log.
    tls: Option<&'static str>,
    /// Proxies whose word is taken for whom they ask for.
    pub(crate) trust: TrustedProxies,
    /// The hosts for which requests are answered.
    hosts: Hosts,
    pub(crate) turns: Arc<Phase>,
}

impl<A: Handler> ConnectionContext<A> {
    /// What a connection of `peer` begins with, who shares what there is as `client`.
    pub fn new(
        answerer: A,
        version: Version,
        limits: &ClientLimits,
        log: Log,
        peer: IpAddr,
        client: Client,
    ) -> ConnectionContext<A> {
        ConnectionContext {
            answerer,
            version,
            log,
            peer,
            client,
            max_content: limits.max_content,
            users: None,
            tls: None,
            trust: TrustedProxies::default(),
            hosts: Hosts::All,
            turns: Arc::default(),
        }
    }

    /// The same for users alone, if there are any.
    pub fn for_users(self, users: Option<Arc<Users>>) -> ConnectionContext<A> {
        ConnectionContext { users, ..self }
    }

    /// The same for somebody who takes the word of some proxies.
    pub fn trusting(self, trust: TrustedProxies) -> ConnectionContext<A> {
        ConnectionContext { trust, ..self }
    }

    /// The same for requests to these hosts alone.
    pub fn for_hosts(self, hosts: Hosts) -> ConnectionContext<A> {
        ConnectionContext { hosts, ..self }
    }

    /// The same over this version of TLS, such as `TLSv1.3`.
    pub fn over_tls(self, version: Option<&'static str>) -> ConnectionContext<A> {
        ConnectionContext { tls: version, ..self }
    }

    /// The same for a client that a proxy asks for.
    pub(crate) fn on_behalf_of(self, peer: IpAddr) -> ConnectionContext<A> {
        ConnectionContext { peer, client: self.client.at(peer), ..self }
    }

    /// The same for a stream of a connection of HTTP/2.
    pub(crate) fn of_stream(&self) -> ConnectionContext<A> {
        ConnectionContext { version: Version::HTTP_2, turns: Arc::default(), ..self.clone() }
    }

    /// Who asks on this connection.
    pub fn client(&self) -> IpAddr {
        self.peer
    }

    /// The same as one of those who share what there is.
    pub fn sharer(&self) -> &Client {
        &self.client
    }

    /// Logs an answer to what never became a request.
    pub fn log_unread(&self, status: StatusCode) {
        self.log.access(&Entry { tls: self.tls, ..Entry::unread(self.peer, status.as_u16()) });
    }

    /// Answers one request, whatever happens.
    pub async fn answer<B>(self, request: Request<B>) -> Response<LoggedBody<A>>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        self.turns.pass();
        let mut asked = RequestRecord::new(&request, &self);
        let (framing, is_head) = (validate::framing(&request), request.method() == Method::HEAD);
        let is_old = [request.version(), self.version].contains(&Version::HTTP_10);
        let (response, is_read) = match validate::check(&request) {
            Ok(()) if !self.hosts.include(request.uri(), request.headers()) => {
                (misdirected(), framing == Framing::Empty)
            }
            Ok(()) => self.ask(request, &mut asked).await,
            Err(status) => (refuse(status), framing == Framing::Empty),
        };
        let goes_on = match framing {
            Framing::Doubtful => false,
            Framing::Length => is_read && !is_old && !is_last(response.status()),
            Framing::Empty if is_old => !is_error(response.status()),
            Framing::Empty => !is_last(response.status()),
        };
        let mut response = self.finish(response, goes_on);
        if is_head && self.version == Version::HTTP_2 {
            // As hyper does by itself in HTTP/1.
            leave_content_out::<A>(&mut response);
        }
        let status = response.status().as_u16();
        response.map(|body| LoggedBody::new(body, status, asked, self.turns))
    }

    /// The answer, and whether the content of the request was read to its end.
    async fn ask<B>(&self, request: Request<B>, asked: &mut RequestRecord) -> (Response<Content<A>>, bool)
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let (mut head, body) = request.into_parts();
        if self.version == Version::HTTP_2 {
            in_origin_form(&mut head);
        }
        complete_path(&mut head.uri);
        // In HTTP/1.0 nobody expects a 100 (S80), and reading is what makes hyper send one. What is longer than will be read
        // need not begin.
        let is_bearable = body.size_hint().lower() <= self.max_content;
        let mut is_read = body.is_end_stream();
        if self.version != Version::HTTP_10 && !is_read && is_bearable {
            // Boxed, because room for what is waited for here is kept with every connection, idle ones included.
            is_read = Box::pin(timeout(PATIENCE, discard(body, self.max_content))).await.unwrap_or(false);
        }
        if head.uri.authority().is_none() && !head.headers.contains_key(HOST) {
            // HTTP/1.0 may leave it out, and a handler for WASI 0.2 does not get to see a request without one.
            head.headers.insert(HOST, HeaderValue::from_static("localhost"));
        }
        let response = match self.admit(&mut head, asked.client).await {
            Ok(user) => {
                asked.user = user;
                self.respond(head, &self.client.at(asked.client)).await
            }
            Err(refused) => {
                info!("{}: not let in: {refused}", asked.client);
                unauthorized(refused)
            }
        };
        (response, is_read)
    }

    /// Who asks, if that matters. Behind this, there are no credentials in the request.
    async fn admit(&self, head: &mut Parts, client: IpAddr) -> Result<Option<UserName>, AuthError> {
        let Some(users) = &self.users else { return Ok(None) };
        let credentials = Credentials::take(&mut head.headers).ok_or(AuthError::Unnamed)?;
        if let Some(name) = users.recall(&credentials) {
            return Ok(Some(name));
        }
        // Boxed, as it is waited for once in a while alone.
        Box::pin(users.verify(credentials, client)).await.map(Some)
    }

    async fn respond(&self, head: Parts, client: &Client) -> Response<Content<A>> {
        if let Some(response) = self.answerer.cached(&head, client) {
            return response.map(Either::Left);
        }
        match Box::pin(self.answerer.answer(head, client)).await {
            // An answer that is none yet; hyper would put one of its own in the place of it.
            Ok(response) if response.status().is_informational() => {
                self.log.error(format_args!("a request was given up: the handler answered with {}", response.status()));
                refuse(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Ok(response) => response.map(Either::Left),
            Err(error) => {
                let (status, reason, is_soon_over) = match error {
                    HandlerError::NotFound => return refuse(StatusCode::NOT_FOUND),
                    HandlerError::LimitExceeded(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason, false),
                    HandlerError::Busy(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason, true),
                    HandlerError::Failed(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason, false),
                };
                self.log.error(format_args!("a request was given up: {reason}"));
                let mut response = refuse(status);
                if is_soon_over {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(1));
                }
                response
            }
        }
    }

    /// Adds what the handler cannot know: whether the connection goes on, and which protocol it speaks.
    fn finish(&self, mut response: Response<Content<A>>, goes_on: bool) -> Response<Content<A>> {
        // The streams of HTTP/2 cannot be confused.
        if self.version != Version::HTTP_2 && !goes_on {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *response.version_mut() = self.version;
        response
    }
}

/// Whether the connection ends with this answer (S71): the client and the server may not agree on where its request ended. After
/// any other error the next request begins where everybody expects it. After 421 a client is to connect anew (RFC 9110 15.5.20).
fn is_last(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::URI_TOO_LONG
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Reads content up to a measure, and keeps none of it. Returns whether that was all of it.
async fn discard(mut body: impl Body<Data = Bytes> + Unpin, mut left: u64) -> bool {
    while let Some(frame) = body.frame().await {
        match frame.ok().and_then(|frame| left.checked_sub(length(&frame))) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX))
}

/// The answer to a request for a host that is not this server's (RFC 9110 15.5.20).
fn misdirected<B>() -> Response<Either<B, Full<Bytes>>> {
    const TEXT: &str = "421 Misdirected Request\n\nThis server answers for names of its own machine, such as localhost, \
                        and the request is for another host. Whoever runs the server can add hosts with --host NAME.\n";
    refuse::<B>(StatusCode::MISDIRECTED_REQUEST).map(|_| Either::Right(Full::from(TEXT)))
}

/// The server's own answer where the handler was not asked or had none: the status and no more.
fn refuse<B>(status: StatusCode) -> Response<Either<B, Full<Bytes>>> {
    let text = Bytes::from(format!("{status}\n"));
    let mut response = Response::new(Either::Right(Full::new(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer to somebody who may not ask, or not now (RFC 9110 15.5.2, RFC 6585 4).
fn unauthorized<B>(why: AuthError) -> Response<Either<B, Full<Bytes>>> {
    let (status, name, value) = match why {
        AuthError::Limited(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)))
        }
        AuthError::Busy => (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, HeaderValue::from(1)),
        AuthError::Unnamed | AuthError::Unknown => (StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, CHALLENGE),
    };
    let mut response = refuse(status);
    response.headers_mut().insert(name, value);
    response
}

/// Leaves the length of the content and nothing else of it (RFC 9110 9.3.2).
fn leave_content_out<A: Handler>(response: &mut Response<Content<A>>) {
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    *response.body_mut() = Either::Right(Full::default());
}

/// As HTTP/1.1 has it: the authority in a field, and nothing of it in the target (RFC 9113 8.3.1). The gate has seen to it that they
/// agree.
fn in_origin_form(head: &mut Parts) {
    let target = mem::take(&mut head.uri).into_parts();
    if let Some(Ok(host)) = target.authority.map(|authority| HeaderValue::from_str(authority.as_str())) {
        head.headers.insert(HOST, host);
    }
    head.uri = target.path_and_query.map(Uri::from).unwrap_or_default();
}

/// A target in absolute form may have a query and no path, which is then that of the root (RFC 9110 4.2.3).
fn complete_path(target: &mut Uri) {
    let query = target.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('?'));
    if let Some(Ok(path)) = query.map(|query| PathAndQuery::try_from(format!("/{query}"))) {
        let mut parts = mem::take(target).into_parts();
        parts.path_and_query = Some(path);
        // Whatever had one path may have another one.
        *target = Uri::from_parts(parts).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use crate::service::*;

    #[test]
    fn an_empty_path_is_that_of_the_root() {
        for (target, expected) in [
            ("http://x?a=b", "http://x/?a=b"),
            ("http://x?", "http://x/?"),
            ("http://x", "http://x/"),
            ("http://x/?a", "http://x/?a"),
            ("/a?b", "/a?b"),
            ("*", "*"),
        ] {
            let mut uri = Uri::try_from(target).expect("a target");
            complete_path(&mut uri);
            let path = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
            assert!(expected.ends_with(path) && !path.starts_with('?'), "{target}: {path}");
            assert_eq!(uri.to_string(), expected, "{target}");
        }
    }
}
