//! Conditional requests (RFC 9110 13), in the order of 13.2.2.

use crate::http::date::HttpTime;
use crate::http::etag::{ETag, Tags};
use crate::http::request::Request;

/// The validators of a representation (RFC 9110 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The value of ETag.
    pub tag: Option<ETag>,
    /// The value of Last-Modified.
    pub modified: Option<HttpTime>,
}

/// The result of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is answered normally.
    Perform,
    /// 304: the client has the current representation.
    NotModified,
    /// 412: the client requires another representation.
    Failed,
}

/// Evaluates steps 1 to 4 of RFC 9110 13.2.2 for GET and HEAD. [`range_applies`] is step 5.
pub fn evaluate(request: &Request, current: &Validators) -> Verdict {
    // 1. and 2. If-Match, or else If-Unmodified-Since.
    let holds = match Tags::parse(&request.values("if-match")) {
        Some(tags) => tags.matches_strong(current.tag.as_ref()),
        None => dates(request, "if-unmodified-since", current).is_none_or(|(since, now)| now <= since),
    };
    if !holds {
        return Verdict::Failed;
    }
    // 3. and 4. If-None-Match, or else If-Modified-Since (PY-58).
    let has_this = match Tags::parse(&request.values("if-none-match")) {
        Some(tags) => tags.matches_weak(current.tag.as_ref()),
        None => dates(request, "if-modified-since", current).is_some_and(|(since, now)| now <= since),
    };
    if has_this { Verdict::NotModified } else { Verdict::Perform }
}

/// Whether If-Range allows a range: it names the current representation, or is missing (RFC 9110 13.1.5).
pub fn range_applies(request: &Request, current: &Validators) -> bool {
    let values = request.values("if-range");
    match values.as_slice() {
        [] => true,
        [value] => match (ETag::parse(value), &current.tag) {
            (Some(tag), Some(current)) => tag.matches_strong(current),
            (Some(_), None) => false,
            // A date is a strong validator only if the file was unchanged for a while. The core has no clock to check
            // that, so an equal date is enough, as in other file servers.
            (None, _) => dates(request, "if-range", current).is_some_and(|(since, now)| now == since),
        },
        _ => false,
    }
}

/// The date in a field and the modification date, in whole seconds. `None` if one is missing or invalid.
fn dates(request: &Request, name: &'static str, current: &Validators) -> Option<(u64, u64)> {
    let modified = current.modified?;
    let value = request.value(name)?;
    let since = HttpTime::parse(str::from_utf8(&value).ok()?)?;
    Some((since.seconds(), modified.seconds()))
}
