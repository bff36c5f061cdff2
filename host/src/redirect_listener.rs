//! The handler of listeners without TLS: redirects every request to `https`.

use crate::listen::Listener;
use bytes::Bytes;
use glasshouse_http::{Client, Handler, HandlerCall, HandlerError};
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Response, StatusCode};
use http_body_util::Full;
use std::future::Ready;

/// Redirects to a port of the requested host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RedirectListener {
    port: u16,
}

impl RedirectListener {
    /// Redirects to the port of the first TCP listener.
    pub(crate) fn to(listeners: &[Listener]) -> RedirectListener {
        RedirectListener { port: listeners.iter().find_map(Listener::address).map_or(443, |address| address.port()) }
    }

    /// 308 preserves the method (RFC 9110 15.4.9). Every client with TLS 1.2 supports it.
    fn response(self, request: &Parts) -> Response<Full<Bytes>> {
        let location = location(request, self.port).and_then(|location| HeaderValue::try_from(location).ok());
        let (status, text) = match &location {
            Some(_) => (StatusCode::PERMANENT_REDIRECT, "This is served over TLS.\n"),
            None => (StatusCode::BAD_REQUEST, "This is served over TLS, on a host that the request does not name.\n"),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response.headers_mut().extend(location.map(|location| (LOCATION, location)));
        response
    }
}

impl Handler for RedirectListener {
    type Body = Full<Bytes>;

    fn call(
        &self,
        request: Parts,
        _: &Client,
    ) -> HandlerCall<Full<Bytes>, impl Future<Output = Result<Response<Full<Bytes>>, HandlerError>> + Send> {
        HandlerCall::<_, Ready<_>>::Cached(self.response(&request))
    }
}

/// The URL of the same target on the other port. The authority of the target precedes the field Host (RFC 9112 3.2.2).
fn location(request: &Parts, port: u16) -> Option<String> {
    let authority = match request.uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(request.headers.get(HOST)?.as_bytes()).ok()?,
    };
    let host = Some(authority.host()).filter(|host| !host.is_empty())?;
    // The target `*` has no path.
    let path =
        request.uri.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('/')).unwrap_or("/");
    Some(if port == 443 { format!("https://{host}{path}") } else { format!("https://{host}:{port}{path}") })
}

#[cfg(test)]
mod tests {
    use crate::redirect_listener::*;
    use http::Request;

    #[test]
    fn the_location_has_the_same_target_and_another_port() {
        let rows: &[(&str, &str, u16, Option<&str>)] = &[
            ("/a?b", "example.com", 443, Some("https://example.com/a?b")),
            ("/a?b", "example.com:80", 8443, Some("https://example.com:8443/a?b")),
            ("/", "[::1]:8080", 8443, Some("https://[::1]:8443/")),
            ("//evil.test/%2e", "a", 443, Some("https://a//evil.test/%2e")),
            ("*", "a", 443, Some("https://a/")),
            ("http://b/c", "a", 443, Some("https://b/c")),
            ("http://user@b:1/c", "a", 443, Some("https://b/c")),
            ("/", "", 443, None),
        ];
        for (target, host, port, expected) in rows {
            let request = Request::builder().uri(*target).header(HOST, *host).body(()).unwrap().into_parts().0;
            assert_eq!(location(&request, *port).as_deref(), *expected, "{target} {host}");
            let response = RedirectListener { port: *port }.response(&request);
            assert_eq!(response.status().as_u16(), if expected.is_some() { 308 } else { 400 });
        }
    }
}
