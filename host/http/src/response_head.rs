//! The head of a response of HTTP/1.1.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::{Method, Response, StatusCode};
use http_body::Body;

/// How a client finds the end of a body (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// There is no body: the request is HEAD, or the status is 204 or 304.
    Absent,
    /// `content-length`
    Length,
    /// `transfer-encoding: chunked`
    Chunked,
}

/// The head of a response, ready to be sent.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    /// The status line and the fields.
    pub(crate) lines: Bytes,
    pub(crate) framing: BodyFraming,
    /// Whether the connection ends behind the response.
    pub(crate) is_last: bool,
    /// Whether `lines` contain `connection: close`.
    pub(crate) has_connection: bool,
}

impl ResponseHead {
    /// The head of a replayed response, which has a length if it has a body.
    pub(crate) fn replayed(lines: Bytes, method: &Method, status: StatusCode, is_last: bool) -> ResponseHead {
        let framing = if has_body(method, status) { BodyFraming::Length } else { BodyFraming::Absent };
        ResponseHead { lines, framing, is_last, has_connection: false }
    }

    /// Writes the head of a response as hyper does: with lower-case names, and with a `content-length` if the body has
    /// a known length. `Date` comes later.
    pub(crate) fn encode<B: Body>(response: &Response<B>, method: &Method, is_last: bool) -> ResponseHead {
        let (status, fields) = (response.status(), response.headers());
        let mut lines = Vec::with_capacity(256);
        lines.extend_from_slice(b"HTTP/1.1 ");
        lines.extend_from_slice(status.as_str().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
        lines.extend_from_slice(b"\r\n");
        let mut push = |name: &[u8], value: &[u8]| {
            [name, b": ", value, b"\r\n"].iter().for_each(|part| lines.extend_from_slice(part));
        };
        fields.iter().filter(|(name, _)| *name != DATE).for_each(|(name, value)| {
            push(name.as_str().as_bytes(), value.as_bytes());
        });
        let length = response.body().size_hint().exact();
        let framing = match (has_body(method, status), length) {
            (true, Some(_)) => BodyFraming::Length,
            (true, None) if fields.contains_key(CONTENT_LENGTH) => BodyFraming::Length,
            (true, None) => BodyFraming::Chunked,
            (false, _) => BodyFraming::Absent,
        };
        match (framing, length.filter(|_| !fields.contains_key(CONTENT_LENGTH))) {
            (BodyFraming::Chunked, _) => push(b"transfer-encoding", b"chunked"),
            (BodyFraming::Length, Some(length)) => push(b"content-length", length.to_string().as_bytes()),
            // A response to HEAD has the length of the body that GET would get (RFC 9110 9.3.2).
            (BodyFraming::Absent, Some(length @ 1..)) if may_have_body(status) => {
                push(b"content-length", length.to_string().as_bytes());
            }
            _ => {}
        }
        let has_connection =
            fields.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        ResponseHead { lines: lines.into(), framing, is_last: is_last || has_connection, has_connection }
    }
}

fn has_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD && may_have_body(status)
}

/// Whether a response with this status can have content, unless its request is HEAD (RFC 9110 6.4.1).
pub(crate) fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
