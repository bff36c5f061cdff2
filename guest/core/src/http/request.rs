//! A request: method and target, and access to its fields by name.

use crate::http::refusal::Refusal;
use crate::http::target::Target;
use std::cell::RefCell;
use std::fmt;

/// A method. Methods are case-sensitive (RFC 9110 9.1), so `get` is [`Method::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// Any other method. The answer is a 405.
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

/// Returns the values of a field by its lower-case name, one for each line.
type Fields<'a> = dyn Fn(&str) -> Vec<Vec<u8>> + 'a;

/// A field that was read: its name, and the values of its lines.
type ReadField = (&'static str, Vec<Vec<u8>>);

/// A request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The target, or the refusal for an invalid one.
    pub target: Result<Target, Refusal>,
    fields: Box<Fields<'a>>,
    /// The fields that were read, with their values.
    read: RefCell<Vec<ReadField>>,
}

impl<'a> Request<'a> {
    /// Reads a request: its method, its path with the query, and a function that returns the values of a field by its
    /// lower-case name, one for each field line. The core calls the function only for fields that the answer depends
    /// on, and once for each: it may be a call out of the sandbox, and a replay compares these fields.
    pub fn read(method: &str, target: Option<&str>, fields: impl Fn(&str) -> Vec<Vec<u8>> + 'a) -> Request<'a> {
        let target = Target::parse(target.unwrap_or_default());
        Request { method: Method::parse(method), target, fields: Box::new(fields), read: RefCell::default() }
    }

    /// All values of a field, one for each line.
    pub fn values(&self, name: &'static str) -> Vec<Vec<u8>> {
        let mut read = self.read.borrow_mut();
        if let Some((_, values)) = read.iter().find(|(known, _)| *known == name) {
            return values.clone();
        }
        let values = (self.fields)(name);
        read.push((name, values.clone()));
        values
    }

    /// The values of Range, which is defined only for GET (RFC 9110 14.2).
    pub fn range(&self) -> Vec<Vec<u8>> {
        if self.method == Method::Get { self.values("range") } else { Vec::new() }
    }

    /// The value of a field that may occur once. If it occurs twice, it is invalid (RFC 9110 5.3) and ignored.
    pub fn value(&self, name: &'static str) -> Option<Vec<u8>> {
        let mut values = self.values(name);
        if values.len() == 1 { values.pop() } else { None }
    }
}

#[cfg(feature = "http")]
impl<'a> From<&'a ::http::request::Parts> for Request<'a> {
    /// The head of a request of the crate `http`.
    fn from(head: &'a ::http::request::Parts) -> Request<'a> {
        let target = head.uri.path_and_query().map(::http::uri::PathAndQuery::as_str);
        let values = |name: &str| head.headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
        Request::read(head.method.as_str(), target, values)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("target", &self.target).finish_non_exhaustive()
    }
}
