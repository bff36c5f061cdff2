//! Clamps `Last-Modified` to the present: the handler has no clock, so a date that it writes may be in the future.

use http::header::{HeaderMap, HeaderValue, LAST_MODIFIED};
use std::time::SystemTime;

/// Whether the date is in the future.
pub(crate) fn is_future(fields: &HeaderMap) -> bool {
    let modified = fields.get(LAST_MODIFIED).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    modified.is_some_and(|modified| modified > SystemTime::now())
}

/// Replaces a date in the future by the present (RFC 9110, 8.8.2.1).
pub(crate) fn clamp(fields: &mut HeaderMap) {
    if is_future(fields)
        && let Ok(now) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now()))
    {
        fields.insert(LAST_MODIFIED, now);
    }
}
