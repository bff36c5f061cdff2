//! The formats of generated responses, and how a request selects one.

use crate::http::accept;
use crate::http::accept::Type;
use crate::http::refusal::Refusal;
use crate::http::request::Request;
use crate::media_type::MediaType;
use std::fmt;

/// The format of a listing or an error response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// A page for browsers.
    #[default]
    Html,
    /// JSON for programs (`docs/listing.schema.json`).
    Json,
    /// Lines of text for shells.
    Text,
}

/// Each format with its media type. The default comes first.
const TYPES: &[(OutputFormat, Type)] = &[
    (OutputFormat::Html, ("text", "html")),
    (OutputFormat::Json, ("application", "json")),
    (OutputFormat::Text, ("text", "plain")),
];

impl OutputFormat {
    /// The format with this name in a query, as in `?format=json`.
    pub fn parse(name: &str) -> Option<OutputFormat> {
        TYPES.iter().map(|(format, _)| *format).find(|format| format.name() == name)
    }

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Html => "html",
            OutputFormat::Json => "json",
            OutputFormat::Text => "text",
        }
    }

    /// The format that the Accept field of a request prefers. The result is HTML if the field accepts none of them:
    /// RFC 9110 12.4.1 lets a server disregard the field instead of answering 406.
    pub fn preferred(request: &Request) -> OutputFormat {
        let values = request.values("accept");
        accept::preferred(&values, TYPES).unwrap_or_default()
    }

    /// Whether the Accept field names the media type of the format. A wildcard such as `*/*` does not count.
    pub fn is_named_by(self, request: &Request) -> bool {
        let values = request.values("accept");
        TYPES.iter().any(|(format, media)| *format == self && accept::names(&values, *media))
    }

    /// The media type.
    pub fn media_type(self) -> MediaType {
        match self {
            OutputFormat::Html => MediaType::HTML,
            OutputFormat::Json => MediaType::JSON,
            OutputFormat::Text => MediaType::PLAIN,
        }
    }
}

/// A template or a JSON value could not be written. The response is a 500, or is truncated if it has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderError;

impl From<RenderError> for Refusal {
    fn from(RenderError: RenderError) -> Refusal {
        Refusal::Fault
    }
}

impl From<askama::Error> for RenderError {
    fn from(_: askama::Error) -> RenderError {
        RenderError
    }
}

impl From<serde_json::Error> for RenderError {
    fn from(_: serde_json::Error) -> RenderError {
        RenderError
    }
}

impl From<fmt::Error> for RenderError {
    fn from(_: fmt::Error) -> RenderError {
        RenderError
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a response body could not be written")
    }
}

impl std::error::Error for RenderError {}
