//! The fields that control access from other origins: CORS (Fetch 3.2) and cross-origin isolation (HTML 7.1.3).

use crate::config::invalid_value::InvalidValue;
use crate::config::toml_document::switch;
use crate::http::field::Field;
use crate::http::request::{Method, Request};

/// How long a browser may cache the answer to a preflight request, in seconds.
const MAX_AGE: &str = "86400";

/// The names of the fields that `isolate` sets.
pub const OF_ISOLATION: &[&str] =
    &["cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"];
/// Their values, which give a page access to shared memory and precise clocks.
const ISOLATION: &[&str] = &["same-origin", "require-corp", "same-origin"];
/// The names of the fields that `cors` sets.
pub const OF_CORS: &[&str] = &["access-control-allow-origin", "access-control-expose-headers"];

/// The origins whose scripts may read responses (Fetch 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Only the own origin.
    Closed,
    /// Every origin.
    Any,
    /// These origins.
    Origins(Vec<String>),
}

impl Cors {
    /// Reads `*`, a switch, or origins separated by commas.
    ///
    /// # Errors
    /// A message about an invalid origin. One consists of a scheme, `://`, a host, and optionally a port.
    pub fn parse(text: &str) -> Result<Cors, InvalidValue> {
        match (text, switch(text)) {
            ("*", _) | (_, Some(true)) => return Ok(Cors::Any),
            (_, Some(false)) => return Ok(Cors::Closed),
            (_, None) => {}
        }
        let origins = text.split(',').map(|origin| {
            let origin = origin.trim();
            match origin.split_once("://") {
                Some((scheme, host)) if is_host(host) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    Ok(origin.to_ascii_lowercase())
                }
                _ => {
                    let message = format!("invalid origin '{origin}': write it as 'https://example.com'");
                    Err(InvalidValue::new(message))
                }
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

/// The fields for other origins, which every reply has.
pub fn fields(request: &Request, cors: &Cors, isolate: bool) -> Vec<Field> {
    let mut fields = Vec::new();
    if isolate {
        let values = OF_ISOLATION.iter().zip(ISOLATION);
        fields.extend(values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    }
    if *cors != Cors::Closed {
        let origin = match cors {
            Cors::Origins(_) => request.value("origin").and_then(|value| String::from_utf8(value).ok()),
            Cors::Closed | Cors::Any => None,
        };
        let allowed = cors.fields(origin.as_deref());
        if request.method == Method::Options && allowed.iter().any(|(name, _)| name == "access-control-allow-origin") {
            fields.extend(preflight(request));
        }
        fields.extend(allowed);
    }
    fields
}

/// The additional fields of the answer to a preflight request.
fn preflight(request: &Request) -> Vec<Field> {
    if request.values("access-control-request-method").is_empty() {
        return Vec::new();
    }
    let fields = [
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-headers", "*"),
        ("access-control-max-age", MAX_AGE),
    ];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
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
