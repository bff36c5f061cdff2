//! The forms in which an answer that is made here can be had: a page for people, JSON and lines of text for programs. It
//! refuses to know what is in them.

use crate::accept::{self, Type};
use crate::kind::MediaType;
use crate::request::Request;

/// A form of an answer that is made here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A page, for people.
    #[default]
    Page,
    /// JSON, for programs.
    Json,
    /// Lines of text, for shells.
    Text,
}

/// Each form with its type, the one that is sent where nothing is preferred first.
const TYPES: &[(Form, Type)] =
    &[(Form::Page, ("text", "html")), (Form::Json, ("application", "json")), (Form::Text, ("text", "plain"))];

impl Form {
    /// The form of this name, as `?format=` has it.
    pub fn named(name: &str) -> Option<Form> {
        match name {
            "html" => Some(Form::Page),
            "json" => Some(Form::Json),
            "text" => Some(Form::Text),
            _ => None,
        }
    }

    /// The name of the form.
    pub fn name(self) -> &'static str {
        match self {
            Form::Page => "html",
            Form::Json => "json",
            Form::Text => "text",
        }
    }

    /// The form that a request prefers by its Accept field. A page where it takes none of them: RFC 9110 12.4.1 lets a
    /// server disregard the field instead of answering 406.
    pub fn preferred(request: &Request) -> Form {
        let values = request.values("accept");
        accept::preferred(&values, TYPES).unwrap_or_default()
    }

    /// Whether a request asks for a page, or for JSON, by name: who takes anything, a picture for instance, does not.
    pub fn is_asked_for(request: &Request) -> bool {
        let values = request.values("accept");
        TYPES.iter().any(|(form, kind)| *form != Form::Text && accept::names(&values, *kind))
    }

    /// The media type of the form.
    pub fn media(self) -> MediaType {
        match self {
            Form::Page => MediaType::HTML,
            Form::Json => MediaType::JSON,
            Form::Text => MediaType::PLAIN,
        }
    }
}
