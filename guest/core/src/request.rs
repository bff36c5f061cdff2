//! What the core reads of a request: method, target and the fields that it acts on. It refuses to know all others.

use crate::date::Stamp;
use crate::reply::Refusal;
use crate::target::Target;

/// The methods that glasshouse tells apart. Methods are case-sensitive (RFC 9110 9.1): `get` is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Options,
    Other,
}

impl Method {
    fn parse(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }
}

/// A request as far as it matters here. A bad target is carried on as the refusal that it earns.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub target: Result<Target, Refusal>,
    /// If-Modified-Since (RFC 9110 13.1.3), where it is a date and nothing takes precedence over it (S58).
    pub if_modified_since: Option<Stamp>,
}

impl Request {
    /// Reads a request: its method, its path with query, and by name the values of the fields that this server acts
    /// on. `values` is asked for no other field, and for none where the method alone decides.
    pub fn read(method: &str, target: Option<&str>, mut values: impl FnMut(&str) -> Vec<Vec<u8>>) -> Request {
        let method = Method::parse(method);
        let conditional = matches!(method, Method::Get | Method::Head) && values("if-none-match").is_empty();
        let if_modified_since = if conditional { only(values("if-modified-since")) } else { None };
        Request { method, target: Target::parse(target.unwrap_or_default()), if_modified_since }
    }
}

/// The date in a field that was sent once. Sent twice it is not the field that RFC 9110 5.3 allows, and is ignored.
fn only(values: Vec<Vec<u8>>) -> Option<Stamp> {
    match values.as_slice() {
        [value] => str::from_utf8(value).ok().and_then(Stamp::parse),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, fields: &[(&str, &str)], seconds: Option<u64>) {
        let request = Request::read(method, Some("/"), |name| {
            fields.iter().filter(|(field, _)| *field == name).map(|(_, value)| value.as_bytes().to_vec()).collect()
        });
        assert_eq!(request.if_modified_since.map(Stamp::seconds), seconds, "{method} {fields:?}");
    }

    #[test]
    fn s58_a_date_counts_only_alone() {
        let date = ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT");
        check("GET", &[date], Some(784_111_777));
        check("HEAD", &[date], Some(784_111_777));
        check("POST", &[date], None);
        check("GET", &[date, ("if-none-match", "\"x\"")], None);
        check("GET", &[date, date], None);
        check("GET", &[("if-modified-since", "soon")], None);
    }
}
