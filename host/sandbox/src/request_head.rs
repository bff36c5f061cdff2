//! What a recorded response may depend on in a request.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};

/// The head of a request, as far as a recorded response may depend on it.
pub trait RequestHead {
    /// The method.
    fn method(&self) -> &Method;

    /// Path and query. `None` if the target is not in origin form; such requests are not replayed.
    fn target(&self) -> Option<&str>;

    /// The values of a field, one for each line. (Without `authorization`, if the server has users.)
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;
}

impl RequestHead for Parts {
    fn method(&self) -> &Method {
        &self.method
    }

    /// A handler cannot distinguish the absolute form: it reads path and query.
    fn target(&self) -> Option<&str> {
        self.uri.path_and_query().map(PathAndQuery::as_str).filter(|target| target.starts_with('/'))
    }

    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }
}
