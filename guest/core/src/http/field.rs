//! Header fields: the type, and the names and values that several modules share.

use crate::http::target::encode;

/// A header field.
pub type Field = (String, String);

/// The field that says how long an answer may be kept (RFC 9111 5.2).
pub const CACHE_CONTROL: &str = "cache-control";
/// The field that names what an answer depends on (RFC 9110 12.5.5).
pub const VARY: &str = "vary";

/// The field that says what becomes of the content, and by which name it is saved (RFC 6266).
pub const CONTENT_DISPOSITION: &str = "content-disposition";

/// Its value: the name of the file twice, in plain ASCII for clients that know no other, and as it is (RFC 8187).
pub fn disposition(how: &str, name: &str) -> String {
    let is_plain = |letter: &char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|letter| if is_plain(&letter) { letter } else { '_' }).collect();
    let mut disposition = format!("{how}; filename=\"{plain}\"; filename*=UTF-8''");
    encode(name, &mut disposition);
    disposition
}

/// Whether one of these fields has this name.
pub fn has<'a>(fields: impl IntoIterator<Item = &'a Field>, name: &str) -> bool {
    fields.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}
