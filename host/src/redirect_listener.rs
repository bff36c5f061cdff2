//! The address without TLS: whoever asks there is sent to the one with it, whatever was asked for. It refuses to know what is
//! served.

use crate::listen::Listener;
use bytes::Bytes;
use glasshouse_http::{Client, Handler, HandlerError};
use http::header::{CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Response, StatusCode};
use http_body_util::Full;

/// Sends everybody to a port of the host that they asked for.
#[derive(Clone, Copy, Debug)]
pub struct RedirectListener {
    port: u16,
}

impl RedirectListener {
    /// To the first of these.
    pub fn to(listeners: &[Listener]) -> RedirectListener {
        RedirectListener { port: listeners.iter().find_map(Listener::address).map_or(443, |address| address.port()) }
    }

    /// 308 rather than 301: no client may make another method of it (RFC 9110 15.4.9), and whoever speaks TLS 1.2 knows it.
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

    fn cached(&self, request: &Parts, _: &Client) -> Option<Response<Full<Bytes>>> {
        Some(self.response(request))
    }

    async fn answer(&self, request: Parts, _: &Client) -> Result<Response<Full<Bytes>>, HandlerError> {
        Ok(self.response(&request))
    }
}

/// The same target on another port. The host is the one that the gate let pass: an authority of the target goes before the
/// field (RFC 9112 3.2.2).
fn location(request: &Parts, port: u16) -> Option<String> {
    let authority = match request.uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(request.headers.get(HOST)?.as_bytes()).ok()?,
    };
    let host = Some(authority.host()).filter(|host| !host.is_empty())?;
    // `*` is no part of a URL.
    let path =
        request.uri.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('/')).unwrap_or("/");
    Some(if port == 443 { format!("https://{host}{path}") } else { format!("https://{host}:{port}{path}") })
}

#[cfg(test)]
mod tests {
    use crate::redirect_listener::*;
    use http::Request;

    #[test]
    fn the_target_stays_and_the_port_changes() {
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
