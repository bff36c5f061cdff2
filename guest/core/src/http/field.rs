//! Header fields: their type, and the names and values that several modules share.

use crate::http::target::encode;

/// Name and value of a header field.
pub type Field = (String, String);

/// Controls caches (RFC 9111 5.2).
pub const CACHE_CONTROL: &str = "cache-control";
/// Names the request fields that a response depends on (RFC 9110 12.5.5).
pub const VARY: &str = "vary";
/// Says whether a browser saves the content, and under which name (RFC 6266).
pub const CONTENT_DISPOSITION: &str = "content-disposition";

/// The value of Content-Disposition for a file name: `kind` is `inline` or `attachment`. The first parameter is for old
/// clients, with `_` in place of each character that they may misread.
pub fn disposition(kind: &str, name: &str) -> String {
    let is_plain = |letter: &char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '_' }).collect();
    let mut disposition = format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''");
    encode(name, &mut disposition);
    disposition
}

/// Whether a field has this name.
pub fn has<'a>(fields: impl IntoIterator<Item = &'a Field>, name: &str) -> bool {
    fields.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}
