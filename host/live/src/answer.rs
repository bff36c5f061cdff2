//! Answers the requests below the reserved path.

use crate::body::LiveBody;
use crate::hub::{LiveHub, Seen};
use glasshouse_protocol::{LIVE_EVENTS, LIVE_PATH, LIVE_SCRIPT};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use http::header::{HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use std::time::Duration;

/// The script. A test of the browsers runs it.
const SCRIPT: &str = include_str!("live.js");
/// The longest time for which changes are searched.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Other sites must not load the script, which would show them that the server runs.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl LiveHub {
    /// Answers a request below [`LIVE_PATH`]; `None` for any other path. No tree has a file there.
    ///
    /// Only pages of this server get the script and the events: other sites would learn when files change.
    pub fn answer(&self, request: &Parts) -> Option<Response<LiveBody>> {
        let path = request.uri.path();
        path.starts_with(LIVE_PATH).then(|| {
            let mut response = self.respond(path, request);
            let fields = response.headers_mut();
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            fields.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
            response
        })
    }

    fn respond(&self, path: &str, request: &Parts) -> Response<LiveBody> {
        let is_head = request.method == Method::HEAD;
        if !matches!(path, LIVE_SCRIPT | LIVE_EVENTS) {
            return plain(StatusCode::NOT_FOUND, is_head);
        }
        if !is_head && request.method != Method::GET {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, false);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if !is_same_origin(request) {
            return plain(StatusCode::FORBIDDEN, is_head);
        }
        if path == LIVE_SCRIPT {
            return whole(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT, is_head);
        }
        let body = match is_head {
            true => LiveBody::whole(""),
            false => match self.subscribe(&seen(request.uri.query().unwrap_or_default())) {
                Some(events) => LiveBody::events(events),
                None => {
                    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, false);
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                    return response;
                }
            },
        };
        let mut response = Response::new(body);
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        // nginx would collect the events otherwise.
        fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        response
    }
}

fn plain(status: StatusCode, is_head: bool) -> Response<LiveBody> {
    let text = status.canonical_reason().unwrap_or_default();
    whole(status, "text/plain; charset=utf-8", text, is_head)
}

fn whole(status: StatusCode, media_type: &'static str, text: &'static str, is_head: bool) -> Response<LiveBody> {
    let mut response = Response::new(LiveBody::whole(if is_head { "" } else { text }));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

/// Whether the request comes from a page of this server or from the address bar (Fetch Metadata 2.3). Browsers send
/// `Sec-Fetch-Site` only to secure origins and loopback addresses, and `Origin` with requests from other origins.
fn is_same_origin(request: &Parts) -> bool {
    match one(&request.headers, &FETCH_SITE) {
        Some(site) if !matches!(site, "same-origin" | "none") => return false,
        _ => {}
    }
    if !request.headers.contains_key(ORIGIN) {
        return true;
    }
    let authority = request.uri.authority().map(http::uri::Authority::as_str).or_else(|| one(&request.headers, &HOST));
    let origin = one(&request.headers, &ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.zip(authority).is_some_and(|((_, origin), authority)| origin.eq_ignore_ascii_case(authority))
}

/// The only value of a field.
fn one<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = fields.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// Reads `age` in milliseconds, and `after`. The script writes both.
fn seen(query: &str) -> Seen {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    let age = value("age").and_then(|age| age.parse().ok()).map_or(Duration::ZERO, Duration::from_millis);
    Seen { age: age.min(MAX_AGE), after: value("after").map(str::to_owned) }
}

#[cfg(test)]
mod tests;
