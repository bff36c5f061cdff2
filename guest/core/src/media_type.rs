//! Rule: a file's media type is a function of its name and of fixed tables, so that it is the same on every machine
//! (S53-S57). It refuses to know the file's bytes, the machine's `mime.types`, and any content coding: `a.tar.gz` is a
//! gzip file, never a tar file in a coding (S54). What `--mime` and `--content-type` say is laid over it elsewhere.

mod table;

use std::borrow::Cow;
use std::fmt;

/// What follows the type of every text: without it browsers fall back to a legacy encoding of the reader's locale. It
/// names the one encoding that text on disk can be presumed to have today; the seed sends no charset (S55). JSON gets it
/// too: RFC 8259 11 gives it no such parameter, so parsers pass over it, but a browser that shows JSON as text does not.
const CHARSET: &str = "; charset=utf-8";

/// The types of nearly every page load, with their charset, so that these cost no allocation per request.
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

/// Sorted types that shrink by a content coding although neither their name nor their syntax says that they are text.
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

/// A media type (RFC 9110 8.3.1) ready to be sent as Content-Type: visible ASCII, spaces and tabs, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// Bytes of which nothing is known (S57).
    pub const OCTET_STREAM: MediaType = MediaType(Cow::Borrowed("application/octet-stream"));
    /// A page made here.
    pub const HTML: MediaType = MediaType(Cow::Borrowed("text/html; charset=utf-8"));
    /// Archives made here.
    pub const TAR: MediaType = MediaType(Cow::Borrowed("application/x-tar"));
    pub const GZIP: MediaType = MediaType(Cow::Borrowed("application/gzip"));
    pub const ZIP: MediaType = MediaType(Cow::Borrowed("application/zip"));
    /// Data made here.
    pub const JSON: MediaType = MediaType(Cow::Borrowed("application/json; charset=utf-8"));
    /// A message made here.
    pub const PLAIN: MediaType = MediaType(Cow::Borrowed("text/plain; charset=utf-8"));

    /// Reads `type/subtype`, with parameters whose values are tokens or quoted strings (RFC 9110 5.6.6, ASCII only).
    /// Type and subtype, which have no case, are kept in lower case; parameters stay as written and none is added.
    ///
    /// # Errors
    /// Anything else, an empty parameter (`text/html;`) and outer white space included.
    pub fn parse(text: &str) -> Result<MediaType, MediaTypeError> {
        let fault = |fault| MediaTypeError { text: text.to_owned(), fault };
        let (essence, parameters) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => {}
            _ => return Err(fault(Fault::Essence)),
        }
        let mut rest = parameters;
        while !rest.is_empty() {
            rest = after_parameter(rest).ok_or_else(|| fault(Fault::Parameters))?;
        }
        Ok(MediaType(Cow::Owned(essence.to_ascii_lowercase() + parameters)))
    }

    /// The type that the last suffix of a file's name stands for, or the whole name, with `; charset=utf-8` if it is text
    /// (S53, S55).
    ///
    /// `None` if no table holds them. The case given is tried before lower case in the seed; as no row here tells cases
    /// apart, one look-up that ignores case answers the same.
    pub fn of_name(name: &str) -> Option<MediaType> {
        let essence = table::essence(name)?;
        Some(MediaType(if is_text(essence) { with_charset(essence) } else { Cow::Borrowed(essence) }))
    }

    /// A type that was made here, with its parameters.
    pub(crate) fn raw(text: String) -> MediaType {
        MediaType(Cow::Owned(text))
    }

    /// The whole field value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether compression on the fly can pay: text, markup, scripts, data formats made of text, WebAssembly and fonts
    /// that are not compressed within; not images, audio, video and archives.
    pub fn is_compressible(&self) -> bool {
        let essence = self.0.split([';', ' ', '\t']).next().unwrap_or_default();
        is_text(essence) || COMPRESSIBLE.binary_search(&essence).is_ok()
    }
}

/// What follows the last dot of a name. Leading dots do not count, so `.bashrc` has no suffix; nor has `name.`
/// (Python's `posixpath.splitext`, S53).
pub fn suffix(name: &str) -> Option<&str> {
    let (_, suffix) = name.trim_start_matches('.').rsplit_once('.')?;
    (!suffix.is_empty()).then_some(suffix)
}

/// The text given is no media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTypeError {
    text: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Essence,
    Parameters,
}

impl fmt::Display for MediaTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.fault {
            Fault::Essence => write!(f, "{text:?} is not a media type: write type/subtype, as in text/html"),
            Fault::Parameters => {
                write!(f, "media type {text:?} has a malformed parameter: write it as in text/html; charset=utf-8")
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

/// Structured syntax suffixes (RFC 6839) name the syntax of a type whatever tree it is registered in.
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

/// What is left of `text` after one `OWS ; OWS name=value` at its start.
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

/// What is left after the closing quote, `text` beginning after the opening one (RFC 9110 5.6.4 without obs-text).
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
