//! Brings the head of a request into the one form that handlers see.

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Uri, Version};
use std::mem;

/// Converts the target of HTTP/2, and completes an empty path.
pub(crate) fn normalize(head: &mut Parts, version: Version) {
    if version == Version::HTTP_2 {
        to_origin_form(head);
    }
    complete_path(&mut head.uri);
}

/// Moves the authority from the target to `Host`, as in HTTP/1.1 (RFC 9113 8.3.1). `validate` has checked that both
/// agree.
fn to_origin_form(head: &mut Parts) {
    let target = mem::take(&mut head.uri).into_parts();
    if let Some(Ok(host)) = target.authority.map(|authority| HeaderValue::from_str(authority.as_str())) {
        head.headers.insert(HOST, host);
    }
    head.uri = target.path_and_query.map(Uri::from).unwrap_or_default();
}

/// A target in absolute form may have a query and no path. Its path is then `/` (RFC 9110 4.2.3).
fn complete_path(target: &mut Uri) {
    let query = target.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('?'));
    if let Some(Ok(path)) = query.map(|query| PathAndQuery::try_from(format!("/{query}"))) {
        let mut parts = mem::take(target).into_parts();
        parts.path_and_query = Some(path);
        // A URI that had a path and query is valid with another one.
        *target = Uri::from_parts(parts).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_path_becomes_a_slash() {
        for (target, expected) in [
            ("http://x?a=b", "http://x/?a=b"),
            ("http://x?", "http://x/?"),
            ("http://x", "http://x/"),
            ("http://x/?a", "http://x/?a"),
            ("/a?b", "/a?b"),
            ("*", "*"),
        ] {
            let mut uri = Uri::try_from(target).expect("a target");
            complete_path(&mut uri);
            let path = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
            assert!(expected.ends_with(path) && !path.starts_with('?'), "{target}: {path}");
            assert_eq!(uri.to_string(), expected, "{target}");
        }
    }
}
