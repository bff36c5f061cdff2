//! The page for a request that was refused (S70). It refuses to know anything of the request but the ways out.

use super::{BASE, REFUSAL};
use crate::reply::{Link, Refusal, Suggestions};
use crate::visible::visible;
use askama::Template;
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
pub fn refusal(refusal: Refusal, ways: &Suggestions) -> String {
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
