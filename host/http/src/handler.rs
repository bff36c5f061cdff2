//! The interface between a connection and the code that answers its requests.

use crate::parsed_head::ParsedHead;
use crate::send_file::FileRange;
use bytes::Bytes;
use glasshouse_quota::Client;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use std::error::Error;
use std::pin::Pin;

/// The cause of a [`HandlerError`], or of a response body that ends early.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Answers requests, any number at a time.
pub trait Handler: Send + Sync + 'static {
    /// The body of a response.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Answers one request. The resources that the response holds count for `client`.
    fn call(
        &self,
        request: Parts,
        client: &Client,
    ) -> HandlerCall<Self::Body, impl Future<Output = Result<Response<Self::Body>, HandlerError>> + Send>;

    /// Replays a response to a request of HTTP/1.1 whose head is still in the read buffer, without waiting. `None`:
    /// [`Handler::call`] answers the request. If `has_users`, the response must not depend on `Authorization`.
    fn replay(
        &self,
        _request: &ParsedHead<'_>,
        _has_users: bool,
        _client: &Client,
    ) -> Option<ReplayedResponse<Self::Body>> {
        None
    }

    /// The part of a file that the body yields next, if it is in the page cache: at most `max` bytes. The caller sends
    /// it itself, and then calls [`Handler::advance`].
    fn file_range(_body: &mut Self::Body, _max: usize) -> Option<FileRange> {
        None
    }

    /// Skips bytes of a part that [`Handler::file_range`] has returned.
    fn advance(_body: &mut Self::Body, _bytes: usize) {}

    /// Limits the frames that the body yields from now on to `room` bytes. Returns `false` if the body does not support
    /// it, because another component generates its frames.
    fn bound(_body: &mut Self::Body, _room: usize) -> bool {
        false
    }

    /// Whether the body goes on until the client leaves. HTTP/1.1 then takes the end of what the client sends for that.
    /// For other bodies it means nothing: a client may close its half after the request and still read the response.
    fn is_endless(_body: &Self::Body) -> bool {
        false
    }
}

/// A replayed response, in the form in which HTTP/1.1 sends it.
#[derive(Debug)]
pub struct ReplayedResponse<B> {
    /// The status.
    pub status: StatusCode,
    /// The status line and the fields, each with its line end. Without `date` and `connection`.
    pub lines: Bytes,
    /// The body, empty for HEAD.
    pub body: B,
}

/// How a [`Handler`] answers a request.
#[derive(Debug)]
pub enum HandlerCall<B, F> {
    /// With a response that it has already.
    Cached(Response<B>),
    /// With the response that this future returns.
    Pending(F),
}

impl<B, F> HandlerCall<B, F> {
    /// Moves the future to the heap, so that an idle connection does not reserve space for it.
    pub(crate) fn boxed(self) -> HandlerCall<B, Pin<Box<F>>> {
        match self {
            HandlerCall::Cached(response) => HandlerCall::Cached(response),
            HandlerCall::Pending(future) => HandlerCall::Pending(Box::pin(future)),
        }
    }
}

/// Why a request has no response. The operator sees the cause in the log; the client sees the status only.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// No tree is mounted at the path. Status 404, not logged.
    #[error("no tree is mounted at this path")]
    NotFound,
    /// The request exceeded a limit for one request. Status 503.
    #[error("{0}")]
    LimitExceeded(#[source] BoxError),
    /// The client holds its share of a resource. Status 503 with `Retry-After`.
    #[error("{0}")]
    Busy(#[source] BoxError),
    /// The handler failed. Status 500.
    #[error("{0}")]
    Failed(#[source] BoxError),
    /// The handler sent an interim response as the final one. Status 500.
    #[error("the handler sent the interim status {0}")]
    InterimStatus(http::StatusCode),
}
