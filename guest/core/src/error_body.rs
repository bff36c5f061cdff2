//! The body of an error response in each output format (PY-70).

use crate::http::refusal::Refusal;
use crate::live::ERROR_TAG;
use crate::output_format::{OutputFormat, RenderError};
use crate::page::{BASE, REFUSAL};
use crate::suggest::{Link, Suggestions};
use crate::visible::visible;
use askama::Template;
use serde::Serialize;
use std::borrow::Cow;

/// Writes the body of an error response, in HTML with the script of `live` if that is on. The text format has no
/// suggestions.
///
/// # Errors
/// [`RenderError`] if the template or the JSON value cannot be written.
pub(crate) fn write(
    format: OutputFormat,
    refusal: Refusal,
    suggestions: &Suggestions,
    live: bool,
) -> Result<String, RenderError> {
    match format {
        OutputFormat::Html => html(refusal, suggestions, live),
        OutputFormat::Json => json(refusal, suggestions),
        OutputFormat::Text => Ok(text(refusal)),
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct ErrorPage<'a> {
    title: &'static str,
    styles: &'static [&'static str],
    status: u16,
    message: &'static str,
    explanation: &'static str,
    near: Vec<VisibleLink<'a>>,
    up: Option<VisibleLink<'a>>,
    live: Option<&'static str>,
}

/// A link whose name has no invisible characters.
struct VisibleLink<'a> {
    name: Cow<'a, str>,
    href: &'a str,
}

impl<'a> From<&'a Link> for VisibleLink<'a> {
    fn from(link: &'a Link) -> VisibleLink<'a> {
        VisibleLink { name: visible(&link.name), href: &link.href }
    }
}

fn html(refusal: Refusal, suggestions: &Suggestions, live: bool) -> Result<String, RenderError> {
    let page = ErrorPage {
        title: "Error response",
        styles: &[REFUSAL],
        status: refusal.status(),
        message: refusal.message(),
        explanation: refusal.explanation(),
        near: suggestions.near.iter().map(VisibleLink::from).collect(),
        up: suggestions.up.as_ref().map(VisibleLink::from),
        live: live.then_some(ERROR_TAG),
    };
    Ok(page.render()?)
}

#[derive(Serialize)]
struct JsonError<'a> {
    status: u16,
    message: &'static str,
    explanation: &'static str,
    near: &'a [Link],
    up: Option<&'a Link>,
}

fn json(refusal: Refusal, suggestions: &Suggestions) -> Result<String, RenderError> {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    let error = JsonError { status, message, explanation, near: &suggestions.near, up: suggestions.up.as_ref() };
    Ok(serde_json::to_string(&error)? + "\n")
}

/// The text format, which cannot fail.
pub(crate) fn text(refusal: Refusal) -> String {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    format!("Error code: {status}\nMessage: {message}.\nError code explanation: {status} - {explanation}.\n")
}
