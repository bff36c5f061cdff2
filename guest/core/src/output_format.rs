//! The forms in which an answer that is made here can be had: a page for people, JSON and lines of text for programs. It
//! refuses to know what is in them.

use crate::http::accept;
use crate::http::accept::Type;
use crate::http::request::Request;
use crate::media_type::MediaType;

/// A form of an answer that is made here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// A page, for people.
    #[default]
    Page,
    /// JSON, for programs.
    Json,
    /// Lines of text, for shells.
    Text,
}

/// Each form with its type, the one that is sent where nothing is preferred first.
const TYPES: &[(OutputFormat, Type)] = &[
    (OutputFormat::Page, ("text", "html")),
    (OutputFormat::Json, ("application", "json")),
    (OutputFormat::Text, ("text", "plain")),
];

impl OutputFormat {
    /// The form of this name, as `?format=` has it.
    pub fn named(name: &str) -> Option<OutputFormat> {
        match name {
            "html" => Some(OutputFormat::Page),
            "json" => Some(OutputFormat::Json),
            "text" => Some(OutputFormat::Text),
            _ => None,
        }
    }

    /// The name of the form.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Page => "html",
            OutputFormat::Json => "json",
            OutputFormat::Text => "text",
        }
    }

    /// The form that a request prefers by its Accept field. A page where it takes none of them: RFC 9110 12.4.1 lets a
    /// server disregard the field instead of answering 406.
    pub fn preferred(request: &Request) -> OutputFormat {
        let values = request.values("accept");
        accept::preferred(&values, TYPES).unwrap_or_default()
    }

    /// Whether a request asks for a page, or for JSON, by name: who takes anything, a picture for instance, does not.
    pub fn is_asked_for(request: &Request) -> bool {
        let values = request.values("accept");
        TYPES.iter().any(|(form, kind)| *form != OutputFormat::Text && accept::names(&values, *kind))
    }

    /// The media type of the form.
    pub fn media(self) -> MediaType {
        match self {
            OutputFormat::Page => MediaType::HTML,
            OutputFormat::Json => MediaType::JSON,
            OutputFormat::Text => MediaType::PLAIN,
        }
    }
}
