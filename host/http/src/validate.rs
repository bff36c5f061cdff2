//! What may come in: the rules of HTTP that hyper leaves to its user. It refuses to know paths and files.

use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{Method, Request, StatusCode, Version};
use http_body::Body;

/// The longest field line in bytes, as the seed has it (S78).
const LINE: usize = 65_536;

/// The largest number of fields (S78). HTTP/1 is not read beyond it.
pub const FIELDS: usize = 100;

/// Looks at the head of a request.
///
/// # Errors
/// The status to answer with: 400 for a Host that is missing, repeated or no host and for a target in a form that its method
/// does not have (RFC 9112 3.2), 431 for a field line beyond measure (RFC 6585 5).
pub fn check<B>(request: &Request<B>) -> Result<(), StatusCode> {
    if request.headers().len() > FIELDS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let lengths = |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() + 4;
    if request.headers().iter().map(lengths).any(|length| length > LINE) {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if !is_target(request) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // In HTTP/2 the authority of the target may take its place, and they must agree (RFC 9113 8.3.1).
        (None, _) if request.version() == Version::HTTP_2 => is_authority(request, None),
        (Some(host), None) if request.version() == Version::HTTP_2 => is_authority(request, Some(host)),
        (None, _) if request.version() == Version::HTTP_10 => Ok(()),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// Whether a request of HTTP/2 names one host.
fn is_authority<B>(request: &Request<B>, host: Option<&HeaderValue>) -> Result<(), StatusCode> {
    let authority = request.uri().authority().map(Authority::as_str);
    let is_same = |name: &str| host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(name.as_bytes()));
    let is_one = match (authority, host) {
        (Some(authority), _) => is_host(authority.as_bytes()) && is_same(authority),
        (None, Some(host)) => is_host(host.as_bytes()),
        (None, None) => false,
    };
    if is_one { Ok(()) } else { Err(StatusCode::BAD_REQUEST) }
}

/// Whether the target is one of a resource that could be here. An authority alone is for CONNECT, which names no resource.
fn is_target<B>(request: &Request<B>) -> bool {
    let target = request.uri();
    match target.scheme_str() {
        None => target.authority().is_none() || request.method() == Method::CONNECT,
        Some(scheme) => matches!(scheme, "http" | "https"),
    }
}

/// How the end of a request is told, as far as it matters for the next one on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no content.
    Empty,
    /// The content has the length that one field says in its shortest form.
    Length,
    /// Another server on the way may have taken something else for the end: the next request is not read.
    Doubtful,
}

/// How the end of a request is told. hyper refuses lengths that differ. A message with Transfer-Encoding is never trusted to end where it says (RFC 9112 6.1), and
/// behind CONNECT may be anything (RFC 9110 9.3.6).
pub fn framing<B: Body>(request: &Request<B>) -> Framing {
    let fields = request.headers();
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let (first, second) = (lengths.next(), lengths.next());
    let is_plain = |length: &HeaderValue| {
        let digits = length.as_bytes();
        digits == b"0" || (!digits.starts_with(b"0") && digits.iter().all(u8::is_ascii_digit))
    };
    let is_doubtful = fields.contains_key(TRANSFER_ENCODING)
        || request.method() == Method::CONNECT
        || second.is_some()
        || !first.is_none_or(is_plain);
    match (is_doubtful, request.body().is_end_stream()) {
        (true, _) => Framing::Doubtful,
        (false, true) => Framing::Empty,
        (false, false) => Framing::Length,
    }
}

/// `uri-host [ ":" port ]`, or nothing for a target without an authority (RFC 9110 7.2).
fn is_host(value: &[u8]) -> bool {
    // Most are a plain name or address, which takes no parser; the empty one stands for none.
    value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        || Authority::try_from(value).is_ok_and(|authority| {
            // What precedes the host would be a user, who has no place here; what follows is the port.
            let port = authority.as_str().strip_prefix(authority.host());
            let is_port = |port: &str| matches!(port, "" | ":") || authority.port_u16().is_some();
            !authority.host().is_empty() && port.is_some_and(is_port)
        })
}

#[cfg(test)]
mod tests {
    use crate::validate::*;
    use bytes::Bytes;
    use http::HeaderName;
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

    /// A method, fields, content, and how its end is told.
    type Framed<'a> = (&'a str, &'a [(HeaderName, &'a str)], &'a str, Framing);

    #[test]
    fn the_end_of_a_request_is_certain_or_not() {
        let rows: &[Framed] = &[
            ("GET", &[], "", Framing::Empty),
            ("POST", &[(CONTENT_LENGTH, "0")], "", Framing::Empty),
            ("POST", &[(CONTENT_LENGTH, "10")], "0123456789", Framing::Length),
            ("POST", &[(CONTENT_LENGTH, "010")], "0123456789", Framing::Doubtful),
            ("POST", &[(CONTENT_LENGTH, "00")], "", Framing::Doubtful),
            ("POST", &[(CONTENT_LENGTH, "1"), (CONTENT_LENGTH, "1")], "0", Framing::Doubtful),
            ("POST", &[(CONTENT_LENGTH, "1, 1")], "0", Framing::Doubtful),
            ("POST", &[(TRANSFER_ENCODING, "chunked")], "0", Framing::Doubtful),
            ("GET", &[(TRANSFER_ENCODING, "chunked")], "", Framing::Doubtful),
            ("CONNECT", &[], "", Framing::Doubtful),
        ];
        for (method, fields, content, expected) in rows {
            let request = Request::builder().method(*method).uri("a:80");
            let request = fields.iter().fold(request, |request, (name, value)| request.header(name, *value));
            let request = request.body(Full::new(Bytes::from_static(content.as_bytes()))).unwrap();
            assert_eq!(framing(&request), *expected, "{method} {fields:?}");
        }
    }

    #[test]
    fn s78_a_line_has_a_measure() {
        let request = |length| Request::builder().header(HOST, "a").header("x", "y".repeat(length)).body(());
        assert!(matches!(request(LINE - 5).map(|request| check(&request)), Ok(Ok(()))));
        let refused = request(LINE - 4).map(|request| check(&request));
        assert!(matches!(refused, Ok(Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))));
    }
}
