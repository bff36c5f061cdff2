//! Media types of files, as a function of the name and fixed tables, so that they are the same on every machine
//! (PY-53 to PY-57).
//!
//! The content of a file, `mime.types` of the machine and content codings make no difference: `a.tar.gz` is a gzip
//! file, and not a tar file with a coding (PY-54). The options `mime` and `content-type` take precedence elsewhere.

mod table;

use std::borrow::Cow;
use std::fmt;

/// The parameter of every text type. Without it, browsers use a legacy encoding that depends on the locale. Text on
/// disk is usually UTF-8. Python sends no charset (PY-55). JSON has the parameter too: RFC 8259 11 does not define it,
/// so parsers ignore it, but a browser that shows JSON as text does not.
const CHARSET: &str = "; charset=utf-8";

/// The types of nearly every page load, with their charset, so that they need no allocation.
const READY: &[&str] = &[
    "application/json; charset=utf-8",
    "application/manifest+json; charset=utf-8",
    "application/xml; charset=utf-8",
    "image/svg+xml; charset=utf-8",
    "text/css; charset=utf-8",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
    "text/markdown; charset=utf-8",
    "text/plain; charset=utf-8",
    "text/xml; charset=utf-8",
];

/// Sorted types that a content coding compresses, although they are not text by their name or syntax.
const COMPRESSIBLE: &[&str] = &[
    "application/json5",
    "application/jsonl",
    "application/n-quads",
    "application/n-triples",
    "application/node",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/trig",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-httpd-php",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-tex",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/sfnt",
    "font/ttf",
    "image/vnd.dxf",
    "message/rfc822",
    "model/iges",
    "model/mtl",
    "model/obj",
    "model/step",
    "model/stl",
    "model/vrml",
];

/// A media type (RFC 9110 8.3.1), as the value of Content-Type: visible ASCII, spaces and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// Unknown content (PY-57).
    pub const OCTET_STREAM: MediaType = MediaType(Cow::Borrowed("application/octet-stream"));
    /// Generated pages.
    pub const HTML: MediaType = MediaType(Cow::Borrowed("text/html; charset=utf-8"));
    /// Tar archives.
    pub const TAR: MediaType = MediaType(Cow::Borrowed("application/x-tar"));
    /// Compressed tar archives.
    pub const GZIP: MediaType = MediaType(Cow::Borrowed("application/gzip"));
    /// Zip archives.
    pub const ZIP: MediaType = MediaType(Cow::Borrowed("application/zip"));
    /// Generated JSON.
    pub const JSON: MediaType = MediaType(Cow::Borrowed("application/json; charset=utf-8"));
    /// Generated text.
    pub const PLAIN: MediaType = MediaType(Cow::Borrowed("text/plain; charset=utf-8"));

    /// Reads `type/subtype`, with parameters whose values are tokens or quoted strings (RFC 9110 5.6.6, ASCII only).
    /// Type and subtype become lower case; parameters stay as they are.
    ///
    /// # Errors
    /// [`MediaTypeError`] for any other text, also with an empty parameter (`text/html;`) or outer white space.
    pub fn parse(text: &str) -> Result<MediaType, MediaTypeError> {
        let error = |part| MediaTypeError { text: text.to_owned(), part };
        let (essence, parameters) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {}
            _ => return Err(error(InvalidPart::Essence)),
        }
        let mut rest = parameters;
        while !rest.is_empty() {
            rest = after_parameter(rest).ok_or_else(|| error(InvalidPart::Parameters))?;
        }
        Ok(MediaType(Cow::Owned(essence.to_ascii_lowercase() + parameters)))
    }

    /// The type of a file by the last suffix of its name, or by its whole name, with `; charset=utf-8` for text (PY-53,
    /// PY-55). `None` if no table has it.
    ///
    /// Python tries the exact case before lower case. No row here depends on the case, so the result is the same.
    pub fn of_name(name: &str) -> Option<MediaType> {
        let essence = table::essence(name)?;
        Some(MediaType(if is_text(essence) { with_charset(essence) } else { Cow::Borrowed(essence) }))
    }

    /// A type with parameters that are known to be valid.
    pub(crate) fn raw(text: String) -> MediaType {
        MediaType(Cow::Owned(text))
    }

    /// The value of Content-Type.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser parses the content as HTML.
    pub fn is_html(&self) -> bool {
        self.0.split([';', ' ', '\t']).next() == Some("text/html")
    }

    /// Whether a content coding is worth it: for text, markup, scripts, textual data formats, WebAssembly and
    /// uncompressed fonts; not for images, audio, video and archives.
    pub fn is_compressible(&self) -> bool {
        let essence = self.0.split([';', ' ', '\t']).next().unwrap_or_default();
        is_text(essence) || COMPRESSIBLE.binary_search(&essence).is_ok()
    }
}

/// The suffix of a name, without the dot. Leading dots do not count, so `.bashrc` has no suffix, nor has `name.`
/// (as in `posixpath.splitext` of Python, PY-53).
pub fn suffix(name: &str) -> Option<&str> {
    let (_, suffix) = name.trim_start_matches('.').rsplit_once('.')?;
    (!suffix.is_empty()).then_some(suffix)
}

/// A text is not a media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTypeError {
    text: String,
    part: InvalidPart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InvalidPart {
    Essence,
    Parameters,
}

impl fmt::Display for MediaTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.part {
            InvalidPart::Essence => write!(f, "{text:?} is not a media type: write type/subtype, such as text/html"),
            InvalidPart::Parameters => {
                write!(f, "media type {text:?} has an invalid parameter: write it as in text/html; charset=utf-8")
            }
        }
    }
}

impl std::error::Error for MediaTypeError {}

fn with_charset(essence: &'static str) -> Cow<'static, str> {
    match READY.iter().find(|ready| ready.strip_suffix(CHARSET) == Some(essence)) {
        Some(ready) => Cow::Borrowed(ready),
        None => Cow::Owned(format!("{essence}{CHARSET}")),
    }
}

/// Whether a type is text. A structured syntax suffix (RFC 6839) shows the syntax of a type.
fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(essence, "application/javascript" | "application/json" | "application/xml" | "application/xml-dtd")
}

/// RFC 9110 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The rest of `text` after one `OWS ; OWS name=value` at its start.
fn after_parameter(text: &str) -> Option<&str> {
    let blank = [' ', '\t'];
    let parameter = text.trim_start_matches(blank).strip_prefix(';')?.trim_start_matches(blank);
    let (name, value) = parameter.split_once('=')?;
    if !is_token(name) {
        return None;
    }
    match value.strip_prefix('"') {
        Some(quoted) => after_quoted_string(quoted),
        None => {
            let rest = value.trim_start_matches(|c: char| u8::try_from(c).is_ok_and(is_tchar));
            (rest.len() < value.len()).then_some(rest)
        }
    }
}

/// The rest after the closing quote. `text` begins after the opening one (RFC 9110 5.6.4 without obs-text).
fn after_quoted_string(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    loop {
        let c = match chars.next()? {
            '"' => return Some(chars.as_str()),
            '\\' => chars.next()?,
            c => c,
        };
        if !matches!(c, '\t' | ' '..='~') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests;
