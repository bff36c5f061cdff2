//! Validates the head of a request: the rules of HTTP that hyper does not check.

use crate::hosts::plain_host;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderName, Method, Request, StatusCode, Version};
use http_body::Body;

/// Maximum length of a field line in bytes (PY-78).
pub(crate) const MAX_LINE: usize = 65_536;

/// Maximum number of fields (PY-78). hyper stops to read HTTP/1 beyond it.
pub(crate) const MAX_FIELDS: usize = 100;

/// Validates the head of a request.
///
/// # Errors
/// The status of the response: 400 for a missing, repeated or invalid `Host`, and for a target in a form that the
/// method does not allow (RFC 9112 3.2); 431 for too many or too long fields (RFC 6585 5).
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    if request.headers().len() > MAX_FIELDS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if request.headers().iter().any(|(name, value)| line_len(name, value) > MAX_LINE) {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if !is_target(request) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/2 may send the authority of the target instead. If there are both, they must agree (RFC 9113 8.3.1).
        (None, _) if request.version() == Version::HTTP_2 => check_authority(request, None),
        (Some(host), None) if request.version() == Version::HTTP_2 => check_authority(request, Some(host)),
        (None, _) if request.version() == Version::HTTP_10 => Ok(()),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// Length of a field line with its colon, space and line break.
fn line_len(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len().saturating_add(value.len()).saturating_add(4)
}

/// Checks that a request of HTTP/2 names exactly one host.
fn check_authority<B>(request: &Request<B>, host: Option<&HeaderValue>) -> Result<(), StatusCode> {
    let authority = request.uri().authority().map(Authority::as_str);
    let is_same = |name: &str| host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(name.as_bytes()));
    let is_valid = match (authority, host) {
        (Some(authority), _) => is_host(authority.as_bytes()) && is_same(authority),
        (None, Some(host)) => is_host(host.as_bytes()),
        (None, None) => false,
    };
    if is_valid { Ok(()) } else { Err(StatusCode::BAD_REQUEST) }
}

/// Whether the target has a form that the method allows. Only CONNECT has an authority as its target.
fn is_target<B>(request: &Request<B>) -> bool {
    let target = request.uri();
    match target.scheme_str() {
        None => target.authority().is_none() || request.method() == Method::CONNECT,
        Some(scheme) => matches!(scheme, "http" | "https"),
    }
}

/// How the length of a request is determined, as far as it matters for the next request on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFraming {
    /// The request has no body.
    Empty,
    /// One `Content-Length` field in its shortest form.
    Length,
    /// A proxy may have determined another end. The server does not read another request.
    Ambiguous,
}

/// Determines the framing. hyper rejects lengths that differ. The end of a request with `Transfer-Encoding` is never
/// trusted (RFC 9112 6.1), and any bytes may follow CONNECT (RFC 9110 9.3.6).
pub(crate) fn framing<B: Body>(request: &Request<B>) -> RequestFraming {
    let fields = request.headers();
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let (first, second) = (lengths.next(), lengths.next());
    let is_shortest = |length: &HeaderValue| {
        let digits = length.as_bytes();
        digits == b"0" || (!digits.starts_with(b"0") && digits.iter().all(u8::is_ascii_digit))
    };
    let is_ambiguous = fields.contains_key(TRANSFER_ENCODING)
        || request.method() == Method::CONNECT
        || second.is_some()
        || !first.is_none_or(is_shortest);
    match (is_ambiguous, request.body().is_end_stream()) {
        (true, _) => RequestFraming::Ambiguous,
        (false, true) => RequestFraming::Empty,
        (false, false) => RequestFraming::Length,
    }
}

/// `uri-host [ ":" port ]`, or empty for a target without an authority (RFC 9110 7.2).
pub(crate) fn is_host(value: &[u8]) -> bool {
    value.is_empty()
        || plain_host(value).is_some()
        || Authority::try_from(value).is_ok_and(|authority| {
            // A user in front of the host is invalid. A port may follow it.
            let port = authority.as_str().strip_prefix(authority.host());
            let is_port = |port: &str| matches!(port, "" | ":") || authority.port_u16().is_some();
            !authority.host().is_empty() && port.is_some_and(is_port)
        })
}

#[cfg(test)]
mod tests {
    use crate::validate::*;
    use bytes::Bytes;
    use http_body_util::Full;

    #[track_caller]
    fn check_hosts(version: Version, hosts: &[&str], expected: Result<(), u16>) {
        let mut request = Request::builder().version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let checked = request.body(()).map(|request| check(&request).map_err(|status| status.as_u16()));
        assert!(matches!(checked, Ok(got) if got == expected), "{version:?} {hosts:?}: {checked:?}");
    }

    #[test]
    fn a_request_names_one_host() {
        for host in ["localhost", "127.0.0.1:8000", "[::1]:80", "example.com.", "", "a:"] {
            check_hosts(Version::HTTP_11, &[host], Ok(()));
        }
        for host in ["a b", "a/b", "user@a", "a:port", "a:99999", "[::1", "a,b\\", ":80"] {
            check_hosts(Version::HTTP_11, &[host], Err(400));
        }
        check_hosts(Version::HTTP_11, &[], Err(400));
        check_hosts(Version::HTTP_11, &["a", "a"], Err(400));
        check_hosts(Version::HTTP_10, &[], Ok(()));
        check_hosts(Version::HTTP_10, &["a", "b"], Err(400));
    }

    #[test]
    fn in_http_2_target_and_field_name_the_same_host() {
        let rows: &[(&str, &[&str], bool)] = &[
            ("https://a:80/", &[], true),
            ("https://a:80/", &["A:80"], true),
            ("/", &["a:80"], true),
            ("/", &[], false),
            ("https://a/", &["b"], false),
            ("https://a/", &["a", "a"], false),
            ("https://user@a/", &[], false),
            ("/", &["a/b"], false),
        ];
        for (target, hosts, expected) in rows {
            let request = Request::builder().version(Version::HTTP_2).uri(*target);
            let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host)).body(()).unwrap();
            assert_eq!(check(&request).is_ok(), *expected, "{target} {hosts:?}");
        }
    }

    #[test]
    fn a_target_has_the_form_of_its_method() {
        let rows = [
            ("GET", "/a", true),
            ("OPTIONS", "*", true),
            ("GET", "http://a/b", true),
            ("GET", "HTTPS://a", true),
            ("CONNECT", "a:80", true),
            ("GET", "a:80", false),
            ("GET", "a", false),
            ("GET", "ftp://a/b", false),
        ];
        for (method, target, expected) in rows {
            let request = Request::builder().method(method).uri(target).body(()).unwrap();
            assert_eq!(is_target(&request), expected, "{method} {target}");
        }
    }

    /// A method, fields, a body, and the framing.
    type Row<'a> = (&'a str, &'a [(HeaderName, &'a str)], &'a str, RequestFraming);

    #[test]
    fn framing_is_certain_or_ambiguous() {
        let rows: &[Row] = &[
            ("GET", &[], "", RequestFraming::Empty),
            ("POST", &[(CONTENT_LENGTH, "0")], "", RequestFraming::Empty),
            ("POST", &[(CONTENT_LENGTH, "10")], "0123456789", RequestFraming::Length),
            ("POST", &[(CONTENT_LENGTH, "010")], "0123456789", RequestFraming::Ambiguous),
            ("POST", &[(CONTENT_LENGTH, "00")], "", RequestFraming::Ambiguous),
            ("POST", &[(CONTENT_LENGTH, "1"), (CONTENT_LENGTH, "1")], "0", RequestFraming::Ambiguous),
            ("POST", &[(CONTENT_LENGTH, "1, 1")], "0", RequestFraming::Ambiguous),
            ("POST", &[(TRANSFER_ENCODING, "chunked")], "0", RequestFraming::Ambiguous),
            ("GET", &[(TRANSFER_ENCODING, "chunked")], "", RequestFraming::Ambiguous),
            ("CONNECT", &[], "", RequestFraming::Ambiguous),
        ];
        for (method, fields, content, expected) in rows {
            let request = Request::builder().method(*method).uri("a:80");
            let request = fields.iter().fold(request, |request, (name, value)| request.header(name, *value));
            let request = request.body(Full::new(Bytes::from_static(content.as_bytes()))).unwrap();
            assert_eq!(framing(&request), *expected, "{method} {fields:?}");
        }
    }

    #[test]
    fn a_field_line_has_a_maximum_length() {
        let request = |length| Request::builder().header(HOST, "a").header("x", "y".repeat(length)).body(());
        assert!(matches!(request(MAX_LINE - 5).map(|request| check(&request)), Ok(Ok(()))));
        let rejected = request(MAX_LINE - 4).map(|request| check(&request));
        assert!(matches!(rejected, Ok(Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))));
    }
}
