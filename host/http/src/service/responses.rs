//! Responses of the server itself: a status and a line of text.

use crate::auth::{AuthError, CHALLENGE};
use crate::handler::HandlerError;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};

/// A response of this crate, where `B` is the body of the handler.
type OwnResponse<B> = Response<Either<B, Full<Bytes>>>;

/// Text of 421, which also helps an operator who forgot `--host`.
const MISDIRECTED: &str = "421 Misdirected Request\n\n\
    This server answers for names of its own machine, such as localhost, and the request is for another host. \
    Use --host NAME to add a host.\n";

/// The status as a line of text.
pub(crate) fn status_response<B>(status: StatusCode) -> OwnResponse<B> {
    let text = match status {
        StatusCode::MISDIRECTED_REQUEST => Bytes::from_static(MISDIRECTED.as_bytes()),
        _ => Bytes::from(format!("{status}\n")),
    };
    let mut response = Response::new(Either::Right(Full::new(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The response to a request that the handler did not answer.
pub(crate) fn handler_error<B>(error: &HandlerError) -> OwnResponse<B> {
    let mut response = status_response(match error {
        HandlerError::NotFound => StatusCode::NOT_FOUND,
        HandlerError::LimitExceeded(_) | HandlerError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        HandlerError::Failed(_) | HandlerError::InterimStatus(_) => StatusCode::INTERNAL_SERVER_ERROR,
    });
    if matches!(error, HandlerError::Busy(_)) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(1));
    }
    response
}

/// The response to a request without valid credentials (RFC 9110 15.5.2, RFC 6585 4).
pub(crate) fn unauthorized<B>(error: AuthError) -> OwnResponse<B> {
    let (status, name, value) = match error {
        AuthError::Limited(wait) => {
            (StatusCode::TOO_MANY_REQUESTS, RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)))
        }
        AuthError::Busy => (StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, HeaderValue::from(1)),
        AuthError::Missing | AuthError::Invalid => (StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, CHALLENGE),
    };
    let mut response = status_response(status);
    response.headers_mut().insert(name, value);
    response
}
