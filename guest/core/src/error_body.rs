//! The page for a request that was refused (S70). It refuses to know anything of the request but the ways out.

use crate::http::refusal::Refusal;
use crate::page::{BASE, REFUSAL};
use crate::suggest::{Link, Suggestions};
use crate::visible::visible;
use askama::Template;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "refusal.html")]
struct Page<'a> {
    title: &'static str,
    style: &'static str,
    status: u16,
    message: &'static str,
    explanation: &'static str,
    near: Vec<Seen<'a>>,
    up: Option<Seen<'a>>,
}

/// A place, as people see it.
struct Seen<'a> {
    name: Cow<'a, str>,
    href: &'a str,
}

fn seen(way: &Link) -> Seen<'_> {
    Seen { name: visible(&way.name), href: &way.href }
}

/// The page that says why not, and where else to go.
pub fn html(refusal: Refusal, ways: &Suggestions) -> String {
    let page = Page {
        title: "Error response",
        style: REFUSAL,
        status: refusal.status(),
        message: refusal.message(),
        explanation: refusal.explanation(),
        near: ways.near.iter().map(seen).collect(),
        up: ways.up.as_ref().map(seen),
    };
    // Writing to memory cannot fail.
    page.render().unwrap_or_default()
}

#[derive(Serialize)]
struct Refused<'a> {
    status: u16,
    message: &'static str,
    explanation: &'static str,
    near: &'a [Link],
    up: Option<&'a Link>,
}

/// Why not, in JSON.
pub fn json(refusal: Refusal, ways: &Suggestions) -> String {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    let refused = Refused { status, message, explanation, near: &ways.near, up: ways.up.as_ref() };
    serde_json::to_string(&refused).unwrap_or_default() + "\n"
}

/// Why not, in lines of text (S70).
pub fn text(refusal: Refusal) -> String {
    let (status, message, explanation) = (refusal.status(), refusal.message(), refusal.explanation());
    format!("Error code: {status}\nMessage: {message}.\nError code explanation: {status} - {explanation}.\n")
}
