//! Tests of the responses below the reserved path, without a stream.

use crate::answer::*;
use http::Request;

fn ask(method: Method, path: &str, fields: &[(&'static str, &str)]) -> Option<Response<LiveBody>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    LiveHub::start(Vec::new()).expect("a hub").answer(&parts)
}

fn status(method: Method, path: &str, fields: &[(&'static str, &str)]) -> Option<u16> {
    ask(method, path, fields).map(|response| response.status().as_u16())
}

#[test]
fn the_reserved_path_has_a_script_and_events() {
    for (method, path, expected) in [
        (Method::GET, "/.glasshouse/live.js", Some(200)),
        (Method::HEAD, "/.glasshouse/live.js?v=1", Some(200)),
        (Method::GET, "/.glasshouse/events?age=5", Some(200)),
        (Method::HEAD, "/.glasshouse/events", Some(200)),
        (Method::POST, "/.glasshouse/live.js", Some(405)),
        (Method::OPTIONS, "/.glasshouse/events", Some(405)),
        (Method::GET, "/.glasshouse/", Some(404)),
        (Method::GET, "/.glasshouse/live.js/", Some(404)),
        (Method::GET, "/.glasshouse", None),
        (Method::GET, "/", None),
        (Method::GET, "/docs/.glasshouse/live.js", None),
    ] {
        assert_eq!(status(method.clone(), path, &[]), expected, "{method} {path}");
    }
    let script = ask(Method::GET, LIVE_SCRIPT, &[]).expect("a response");
    let field = |name| script.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(field("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(field("cache-control"), Some("no-store"));
    assert_eq!(field("x-content-type-options"), Some("nosniff"));
    assert_eq!(field("content-length"), Some(SCRIPT.len().to_string().as_str()));
    let head = ask(Method::HEAD, LIVE_SCRIPT, &[]).expect("a response");
    assert_eq!(head.headers(), script.headers());
}

#[test]
fn other_sites_get_nothing() {
    let host = ("host", "localhost:8000");
    for (fields, expected) in [
        (&[host][..], 200),
        (&[host, ("sec-fetch-site", "same-origin")], 200),
        (&[host, ("sec-fetch-site", "none")], 200),
        (&[host, ("sec-fetch-site", "cross-site")], 403),
        (&[host, ("sec-fetch-site", "same-site")], 403),
        (&[host, ("origin", "http://LOCALHOST:8000")], 200),
        (&[host, ("origin", "http://localhost:9000")], 403),
        (&[host, ("origin", "null")], 403),
        (&[("origin", "http://localhost:8000")], 403),
        (&[host, host, ("origin", "http://localhost:8000")], 403),
    ] {
        for path in [LIVE_SCRIPT, LIVE_EVENTS] {
            assert_eq!(status(Method::GET, path, fields), Some(expected), "{path} {fields:?}");
        }
    }
}

#[test]
fn queries_are_read() {
    let read = |age, after: Option<&str>| Seen { age: Duration::from_millis(age), after: after.map(str::to_owned) };
    assert_eq!(seen(""), read(0, None));
    assert_eq!(seen("age=-1&after"), read(0, None));
    assert_eq!(seen("age=17&after=1a.5"), read(17, Some("1a.5")));
    assert_eq!(seen("age=18446744073709551615"), read(86_400_000, None));
}
