//! What answers have to do with the time: the handler has no clock, so a date that it writes may lie ahead. It refuses to
//! know everything else about them.

use http::header::{HeaderMap, HeaderValue, LAST_MODIFIED};
use std::time::SystemTime;

/// Whether an answer says that something was modified later than now.
pub fn is_ahead(fields: &HeaderMap) -> bool {
    let modified = fields.get(LAST_MODIFIED).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    modified.is_some_and(|modified| modified > SystemTime::now())
}

/// RFC 9110 8.8.2.1: a server must not say that something was modified later than now.
pub fn set_back(fields: &mut HeaderMap) {
    if is_ahead(fields)
        && let Ok(now) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()))
    {
        fields.insert(LAST_MODIFIED, now);
    }
}
