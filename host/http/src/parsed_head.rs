//! Parses the head of a request in the read buffer, without copies. Accepts only requests in the simplest form, in
//! which nothing is in doubt; hyper parses the others.

use crate::validate::{self, MAX_FIELDS, MAX_LINE};
use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use http_body_util::Empty;
use httparse::Status;
use std::mem::MaybeUninit;

/// Fields of a head that is parsed here. Clients send fewer.
const MAX_PARSED: usize = 48;
const _: () = assert!(MAX_PARSED <= MAX_FIELDS, "a parsed head has a valid number of fields");
/// Maximum length of a head in bytes that is parsed here.
pub(crate) const MAX_SIMPLE_HEAD: usize = 8 << 10;
const _: () = assert!(MAX_SIMPLE_HEAD <= MAX_LINE, "a field of a parsed head has a valid length");

/// Space for the fields of a head.
pub(crate) type FieldSpace<'b> = [MaybeUninit<httparse::Header<'b>>; MAX_PARSED];

/// Empty [`FieldSpace`].
pub(crate) const fn field_space<'b>() -> FieldSpace<'b> {
    [const { MaybeUninit::uninit() }; MAX_PARSED]
}

/// The head of a GET or HEAD request of HTTP/1.1: with one valid `Host`, a target in origin form, and no body.
#[derive(Debug)]
pub struct ParsedHead<'a> {
    method: Method,
    target: &'a str,
    fields: &'a [httparse::Header<'a>],
    /// Whether the client ends the connection behind the response (RFC 9112 9.6).
    pub(crate) is_last: bool,
}

/// The result of parsing.
pub(crate) enum Parsed<'a> {
    /// The head is not complete.
    Incomplete,
    /// A head, and its length in bytes.
    Simple(ParsedHead<'a>, usize),
    /// hyper decides what the bytes are.
    Other,
}

impl<'a> Parsed<'a> {
    /// Parses the first head in the bytes.
    pub(crate) fn parse<'b: 'a>(bytes: &'b [u8], space: &'a mut FieldSpace<'b>) -> Parsed<'a> {
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(bytes, space) {
            Ok(Status::Complete(length)) if length <= MAX_SIMPLE_HEAD => length,
            Ok(Status::Partial) if bytes.len() < MAX_SIMPLE_HEAD => return Parsed::Incomplete,
            _ => return Parsed::Other,
        };
        let method = match request.method {
            Some("GET") => Method::GET,
            Some("HEAD") => Method::HEAD,
            _ => return Parsed::Other,
        };
        let (Some(1), Some(target)) = (request.version, request.path) else { return Parsed::Other };
        let fields: &'a [httparse::Header<'b>] = request.headers;
        // A fragment is not part of the target that handlers see (RFC 9112 3.2.1).
        let is_origin_form = target.starts_with('/') && !target.contains('#');
        match (is_origin_form, Fields::check(fields)) {
            (true, Some(Fields { is_last, .. })) => {
                Parsed::Simple(ParsedHead { method, target, fields, is_last }, length)
            }
            _ => Parsed::Other,
        }
    }
}

/// What the fields mean for the connection.
#[derive(Default)]
struct Fields {
    has_host: bool,
    is_last: bool,
}

impl Fields {
    /// Returns `None` for fields of a request that is not in the simplest form.
    fn check(fields: &[httparse::Header<'_>]) -> Option<Fields> {
        let mut found = Fields::default();
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is("host") => {
                    if found.has_host || !validate::is_host(field.value) {
                        return None;
                    }
                    found.has_host = true;
                }
                10 if is("connection") => match field.value {
                    value if value.eq_ignore_ascii_case(b"close") => found.is_last = true,
                    value if value.eq_ignore_ascii_case(b"keep-alive") => {}
                    _ => return None,
                },
                6 if is("expect") => return None,
                7 if is("upgrade") => return None,
                14 if is("content-length") => return None,
                17 if is("transfer-encoding") => return None,
                _ => {}
            }
        }
        found.has_host.then_some(found)
    }
}

impl<'a> ParsedHead<'a> {
    /// GET or HEAD.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path and query, as received.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// The values of a field, one for each line.
    pub fn values(&self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name.as_str())).map(|field| field.value)
    }

    /// The value of `Host`.
    pub(crate) fn host(&self) -> &'a [u8] {
        self.values(&HOST).next().unwrap_or_default()
    }

    /// The request with its own memory. `None` if hyper would reject it.
    pub(crate) fn to_request(&self) -> Option<Request<Empty<Bytes>>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::try_from(self.target).ok()?;
        *request.version_mut() = Version::HTTP_11;
        let fields = request.headers_mut();
        fields.reserve(self.fields.len());
        for field in self.fields {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            fields.append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target and whether the request is the last one, if the bytes are a simple head.
    fn parse(bytes: &str) -> Option<(String, bool)> {
        match Parsed::parse(bytes.as_bytes(), &mut field_space()) {
            Parsed::Simple(head, length) => {
                assert!(bytes.get(..length).is_some_and(|head| head.ends_with("\n\r\n")), "{bytes:?} {length}");
                Some((head.target().to_owned(), head.is_last))
            }
            Parsed::Incomplete | Parsed::Other => None,
        }
    }

    #[test]
    fn simple_heads_are_parsed() {
        for (head, is_last) in [
            ("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n", false),
            ("HEAD /a?b HTTP/1.1\r\nhost: a:80\r\nConnection: Close\r\n\r\nrest", true),
            ("GET /a?b HTTP/1.1\r\nHOST:[::1]\r\nConnection: keep-alive\r\nX: y\r\n\r\n", false),
        ] {
            assert_eq!(parse(head), Some(("/a?b".to_owned(), is_last)), "{head:?}");
        }
    }

    #[test]
    fn other_heads_are_left_to_hyper() {
        for start in
            ["POST /", "get /", "GET *", "GET http://a/", "GET a", "OPTIONS *", "CONNECT a:1", "GET  /", "GET /#a"]
        {
            assert_eq!(parse(&format!("{start} HTTP/1.1\r\nHost: a\r\n\r\n")), None, "{start}");
        }
        assert_eq!(parse("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), None);
        for fields in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host: a b\r\n",
            "Host: u@a\r\n",
            "Host: a\r\nContent-Length: 0\r\n",
            "Host: a\r\ntransfer-encoding: chunked\r\n",
            "Host: a\r\nExpect: 100-continue\r\n",
            "Host: a\r\nUpgrade: h2c\r\n",
            "Host: a\r\nConnection: close, upgrade\r\n",
            "Host: a\r\nContent-Length : 0\r\n",
            "Host: a\r\nA: b\r\n c\r\n",
        ] {
            assert_eq!(parse(&format!("GET / HTTP/1.1\r\n{fields}\r\n")), None, "{fields:?}");
        }
        let many = "X: y\r\n".repeat(MAX_PARSED);
        assert_eq!(parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")), None);
        let long = "y".repeat(MAX_SIMPLE_HEAD);
        assert_eq!(parse(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")), None);
    }

    #[test]
    fn a_head_is_incomplete_until_its_last_byte() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for length in 0..head.len() {
            assert!(matches!(Parsed::parse(&head[..length], &mut field_space()), Parsed::Incomplete), "{length}");
        }
        assert!(matches!(Parsed::parse(&[b'A'; MAX_SIMPLE_HEAD], &mut field_space()), Parsed::Other));
    }

    #[test]
    fn a_request_has_the_parts_of_its_head() {
        let bytes = b"GET /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: \xff\r\n\r\n";
        let mut space = field_space();
        let Parsed::Simple(head, _) = Parsed::parse(bytes, &mut space) else { panic!("a simple head") };
        let request = head.to_request().unwrap();
        assert_eq!((request.method(), request.uri().to_string()), (&Method::GET, "/a?b".to_owned()));
        let name = HeaderName::from_static("x-a");
        let values: Vec<_> = request.headers().get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [&b"1"[..], b"\xff"]);
        assert!(head.values(&name).eq(values));
    }
}
