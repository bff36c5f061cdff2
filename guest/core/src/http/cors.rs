//! What is said to browsers about other origins (Fetch 3.2, HTML 7.1.3). It refuses to know what is sent beside it.

use crate::http::field::Field;
use crate::http::request::{Method, Request};

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

/// Who may read answers from scripts of another origin (Fetch 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Scripts of this origin alone.
    Closed,
    /// Scripts of any origin.
    Any,
    /// Scripts of these.
    Origins(Vec<String>),
}

impl Cors {
    /// `*`, or origins separated by commas.
    ///
    /// # Errors
    /// What is no origin: a scheme, `://`, a host, perhaps a port, and nothing behind.
    pub fn parse(text: &str) -> Result<Cors, String> {
        match text.to_ascii_lowercase().as_str() {
            "*" | "1" | "true" | "yes" | "on" => return Ok(Cors::Any),
            "" | "0" | "false" | "no" | "off" => return Ok(Cors::Closed),
            _ => {}
        }
        let origins = text.split(',').map(|origin| {
            let origin = origin.trim();
            match origin.split_once("://") {
                Some((scheme, host)) if is_host(host) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    Ok(origin.to_ascii_lowercase())
                }
                _ => Err(format!("'{origin}' is no origin; write one as 'https://example.com'")),
            }
        });
        origins.collect::<Result<_, _>>().map(Cors::Origins)
    }

    /// The fields for a request from `origin`.
    pub fn fields(&self, origin: Option<&str>) -> Vec<Field> {
        let allowed = |value: &str| ("access-control-allow-origin".to_owned(), value.to_owned());
        let exposed = ("access-control-expose-headers".to_owned(), "*".to_owned());
        match self {
            Cors::Closed => Vec::new(),
            Cors::Any => vec![allowed("*"), exposed],
            Cors::Origins(origins) => {
                let mut fields = vec![("vary".to_owned(), "Origin".to_owned())];
                let known = origin.and_then(|origin| origins.iter().find(|known| known.eq_ignore_ascii_case(origin)));
                if let (Some(_), Some(origin)) = (known, origin) {
                    fields.extend([allowed(origin), exposed]);
                }
                fields
            }
        }
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

/// The fields that every reply has on account of other origins.
pub fn fields(request: &Request, cors: &Cors, isolate: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    if isolate {
        fields.extend(ISOLATION.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    if *cors != Cors::Closed {
        let origin = request.value("origin").and_then(|value| String::from_utf8(value).ok());
        let allowed = cors.fields(origin.as_deref());
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

#[cfg(test)]
mod tests {
    use crate::http::cors::*;

    #[test]
    fn cors_names_origins() {
        assert_eq!(Cors::parse("*"), Ok(Cors::Any));
        assert_eq!(Cors::parse("no"), Ok(Cors::Closed));
        let Ok(cors) = Cors::parse("https://a.example, http://localhost:3000") else { panic!("two origins") };
        assert_eq!(cors.fields(Some("https://b.example")).len(), 1);
        assert_eq!(cors.fields(Some("http://localhost:3000")).len(), 3);
        for bad in ["a.example", "https://", "https://a/b", "https://a\r\nx", "java script://x"] {
            assert!(Cors::parse(bad).is_err(), "{bad}");
        }
    }
}
