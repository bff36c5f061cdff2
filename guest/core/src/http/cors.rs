//! What is said to browsers about other origins (Fetch 3.2, HTML 7.1.3). It refuses to know what is sent beside it.

use crate::config::Config;
use crate::config::rule::Cors;
use crate::http::request::{Method, Request};
use crate::reply::Field;

/// How long a browser may remember what it was allowed, in seconds.
const REMEMBERED: &str = "86400";
/// The three fields that give a page shared memory and exact clocks.
const ISOLATION: &[(&str, &str)] = &[
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The names of the fields that follow from `isolate`, and from `cors`.
pub const OF_ISOLATION: &[&str] =
    &["cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"];
pub const OF_CORS: &[&str] = &["access-control-allow-origin", "access-control-expose-headers"];

/// The fields that every reply has on account of other origins.
pub fn fields(request: &Request, config: &Config) -> Vec<Field> {
    let mut fields = Vec::new();
    if config.isolate {
        fields.extend(ISOLATION.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    if config.cors != Cors::Closed {
        let origin = request.value("origin").and_then(|value| String::from_utf8(value).ok());
        let allowed = config.cors.fields(origin.as_deref());
        if request.method == Method::Options && allowed.iter().any(|(name, _)| name == "access-control-allow-origin") {
            fields.extend(preflight(request));
        }
        fields.extend(allowed);
    }
    fields
}

/// The answer to a browser that asks before it asks.
fn preflight(request: &Request) -> Vec<Field> {
    if request.values("access-control-request-method").is_empty() {
        return Vec::new();
    }
    [("methods", "GET, HEAD, OPTIONS"), ("headers", "*")]
        .into_iter()
        .map(|(what, value)| (format!("access-control-allow-{what}"), value.to_owned()))
        .chain([("access-control-max-age".to_owned(), REMEMBERED.to_owned())])
        .collect()
}
