//! Conditional requests (RFC 9110 13), in the order of 13.2.2. It refuses to know which file the validators are of.

use crate::http::date::HttpTime;
use crate::http::etag::{ETag, Tags};
use crate::http::request::Request;

/// What identifies one version of one variant of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub tag: Option<ETag>,
    pub modified: Option<HttpTime>,
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The method is performed.
    Perform,
    /// 304: the client has this version.
    NotModified,
    /// 412: the client wants another version.
    Failed,
}

/// RFC 9110 13.2.2 for GET and HEAD, steps 1 to 4; the fifth is [`range_applies`].
pub fn evaluate(request: &Request, current: &Validators) -> Verdict {
    // 1. and 2. If-Match, or else If-Unmodified-Since.
    let holds = match Tags::parse(&request.values("if-match")) {
        Some(tags) => tags.matches_strong(current.tag.as_ref()),
        None => dates(request, "if-unmodified-since", current).is_none_or(|(since, now)| now <= since),
    };
    if !holds {
        return Verdict::Failed;
    }
    // 3. and 4. If-None-Match, or else If-Modified-Since (S58).
    let has_this = match Tags::parse(&request.values("if-none-match")) {
        Some(tags) => tags.matches_weak(current.tag.as_ref()),
        None => dates(request, "if-modified-since", current).is_some_and(|(since, now)| now <= since),
    };
    if has_this { Verdict::NotModified } else { Verdict::Perform }
}

/// RFC 9110 13.1.5: whether the client's part is of this version, so that a range of it fits. Without If-Range it is.
pub fn range_applies(request: &Request, current: &Validators) -> bool {
    let values = request.values("if-range");
    match values.as_slice() {
        [] => true,
        [value] => match (ETag::parse(value), &current.tag) {
            (Some(tag), Some(current)) => tag.matches_strong(current),
            (Some(_), None) => false,
            // A date is a strong validator only if the file rested for a while before the answer; without a clock that
            // is not to be told, so the exact date must do, as it does for other servers of files.
            (None, _) => dates(request, "if-range", current).is_some_and(|(since, now)| now == since),
        },
        _ => false,
    }
}

/// The date in a field and that of the file, in whole seconds; `None` where either is none.
fn dates(request: &Request, name: &str, current: &Validators) -> Option<(u64, u64)> {
    let value = request.value(name)?;
    let since = HttpTime::parse(str::from_utf8(&value).ok()?)?;
    Some((since.seconds(), current.modified?.seconds()))
}
