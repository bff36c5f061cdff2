//! What the core reads of a request: method and target at once, fields by name when they matter. It refuses to know all
//! others.

use crate::http::target::Target;
use crate::http::refusal::Refusal;
use std::fmt;

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

/// The values of a field by its lower-case name, one a line.
type Fields<'a> = dyn Fn(&str) -> Vec<Vec<u8>> + 'a;

/// A request as far as it matters here. A bad target is carried on as the refusal that it earns.
pub struct Request<'a> {
    pub method: Method,
    pub target: Result<Target, Refusal>,
    fields: Box<Fields<'a>>,
}

impl<'a> Request<'a> {
    /// Reads a request: its method, its path with query, and a way to ask for the values of a field by its lower-case
    /// name, one value a field line. Each field is asked for when an answer depends on it, and not before: asking may
    /// cost a call out of the sandbox.
    pub fn read(method: &str, target: Option<&str>, fields: impl Fn(&str) -> Vec<Vec<u8>> + 'a) -> Request<'a> {
        let target = Target::parse(target.unwrap_or_default());
        Request { method: Method::parse(method), target, fields: Box::new(fields) }
    }

    /// All values of a field, one a line.
    pub fn values(&self, name: &str) -> Vec<Vec<u8>> {
        (self.fields)(name)
    }

    /// The values of Range as far as they count: it is defined for GET alone (RFC 9110 14.2).
    pub fn range(&self) -> Vec<Vec<u8>> {
        if self.method == Method::Get { self.values("range") } else { Vec::new() }
    }

    /// The value of a field that may be sent once. Sent twice it is not what RFC 9110 5.3 allows, and is ignored.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let mut values = self.values(name);
        if values.len() == 1 { values.pop() } else { None }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("target", &self.target).finish_non_exhaustive()
    }
}
