//! Reads pages of glasshouse with the strict parser of the tests of the core, and decodes links.

#[path = "../../../guest/core/tests/checks/html.rs"]
mod reader;

pub use reader::read;

/// The links of a listing.
///
/// # Panics
/// If it is not HTML of glasshouse.
#[track_caller]
pub fn links(html: &str) -> Vec<(String, String)> {
    read(html).unwrap_or_else(|error| panic!("{error} in\n{html}")).links
}

/// Undoes percent-encoding as a server does. What is badly encoded is an error.
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// Percent-encodes every byte of a path but its slashes, so that nothing of it can be mistaken.
pub fn percent_encode(path: &[u8]) -> String {
    let encode = |&byte: &u8| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") };
    path.iter().map(encode).collect()
}
