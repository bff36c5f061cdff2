//! Rules for header fields that options add to responses: which ones the operator may set, and which ones
//! `glasshouse.toml` may set.

use crate::config::invalid_value::InvalidValue;
use crate::http::field::{CACHE_CONTROL, Field, VARY};

/// Why no option may set a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// It belongs to the connection or to the framing, or is between handler and host.
    Server,
    /// It describes the file.
    File,
    /// Other options set it.
    Options(&'static str),
    /// Every response has it, with this value.
    Always(&'static str),
}

/// Fields that would be false, that `wasi:http` forbids, or that every response has.
const OWNED: &[(&str, Owner)] = &[
    ("accept-ranges", Owner::File),
    ("connection", Owner::Server),
    ("content-encoding", Owner::Server),
    ("content-length", Owner::Server),
    ("content-range", Owner::Server),
    ("content-type", Owner::Options("mime and content-type")),
    ("date", Owner::Server),
    ("etag", Owner::File),
    ("host", Owner::Server),
    ("http2-settings", Owner::Server),
    ("keep-alive", Owner::Server),
    ("last-modified", Owner::File),
    ("location", Owner::Options("redirect")),
    ("proxy-authenticate", Owner::Server),
    ("proxy-authorization", Owner::Server),
    ("proxy-connection", Owner::Server),
    ("server", Owner::Server),
    ("te", Owner::Server),
    ("trailer", Owner::Server),
    ("transfer-encoding", Owner::Server),
    ("upgrade", Owner::Server),
    ("x-content-type-options", Owner::Always("nosniff")),
];

/// Fields that `glasshouse.toml` may set. Each one describes the content, or takes something away from its page.
///
/// Examples of others: `Set-Cookie`, `Strict-Transport-Security`, `Clear-Site-Data`, `Alt-Svc`, `NEL`, `Report-To`,
/// `Accept-CH` and `Origin-Agent-Cluster`, which browsers remember for the whole host; `Access-Control-*`,
/// `Timing-Allow-Origin` and `Cross-Origin-Resource-Policy`, which let other origins read more; `X-Accel-*`,
/// `X-Sendfile`, `Surrogate-Control` and `CDN-Cache-Control`, which proxies obey; `WWW-Authenticate` and
/// `Service-Worker-Allowed`, which request passwords and affect other pages; `Refresh`, for which there is `redirect`.
const OF_SITE_FILE: &[&str] = &[
    CACHE_CONTROL,
    "content-disposition",
    "content-language",
    "content-security-policy",
    "content-security-policy-report-only",
    "expires",
    "link",
    "permissions-policy",
    "referrer-policy",
    "sourcemap",
    VARY,
    "x-frame-options",
    "x-robots-tag",
];

/// Directives of Cache-Control that `glasshouse.toml` may set. Others let a shared cache send the response for one user
/// to another one: `public`, `s-maxage` and `must-revalidate` (RFC 9111 3.5), and possibly unknown ones.
const DIRECTIVES: &[&str] = &[
    "immutable",
    "max-age",
    "no-cache",
    "no-store",
    "no-transform",
    "private",
    "stale-if-error",
    "stale-while-revalidate",
];

/// Reads `NAME: VALUE` (RFC 9110 5.1 and 5.5).
///
/// # Errors
/// An invalid field, or one that no option may set.
pub fn parse(line: &str) -> Result<Field, InvalidValue> {
    let invalid = |message: String| Err(InvalidValue::new(message));
    let Some((name, value)) = line.split_once(':') else {
        return invalid(format!("'{line}' has no ':' between name and value"));
    };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.bytes().all(is_token) {
        return invalid(format!("invalid field name '{name}'"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80) {
        return invalid(format!("the value of '{name}' contains a control character"));
    }
    match OWNED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        None => Ok((name.to_owned(), value.to_owned())),
        Some((_, Owner::Server)) => invalid(format!("only the server sets '{name}'; remove it")),
        Some((_, Owner::File)) => invalid(format!("the server sets '{name}' from the file; remove it")),
        Some((_, Owner::Options(options))) => invalid(format!("'{name}' cannot be set as a header; use {options}")),
        Some((_, Owner::Always(sent))) => invalid(format!("'{name}' is always sent as '{sent}'; remove it")),
    }
}

/// Checks that `glasshouse.toml` may set a field.
///
/// # Errors
/// A field that it may not set, or a directive that it may not set.
pub fn check_for_site_file((name, value): &Field) -> Result<(), InvalidValue> {
    if !OF_SITE_FILE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(InvalidValue::new(format!("'{name}' does not describe a page or a file")));
    }
    if !name.eq_ignore_ascii_case(CACHE_CONTROL) {
        return Ok(());
    }
    match value.split(',').map(str::trim).find(|directive| !is_allowed(directive)) {
        None => Ok(()),
        Some(directive) => Err(InvalidValue::new(format!(
            "'{directive}' in '{name}' may let a shared cache store content that only some users may read"
        ))),
    }
}

fn is_allowed(directive: &str) -> bool {
    let (name, seconds) = directive.split_once('=').unwrap_or((directive, "0"));
    let is_known = DIRECTIVES.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_known && !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit())
}

/// `tchar` of RFC 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use crate::config::header_rules::*;

    #[test]
    fn fields_that_options_may_not_set_are_refused() {
        for (line, reason) in [
            ("Server: x", "only the server sets 'Server'; remove it"),
            ("ETag: \"x\"", "the server sets 'ETag' from the file; remove it"),
            ("last-modified: x", "the server sets 'last-modified' from the file; remove it"),
            ("Accept-Ranges: none", "the server sets 'Accept-Ranges' from the file; remove it"),
            ("Content-Type: a/b", "'Content-Type' cannot be set as a header; use mime and content-type"),
            ("Location: /x", "'Location' cannot be set as a header; use redirect"),
            ("X-Content-Type-Options: x", "'X-Content-Type-Options' is always sent as 'nosniff'; remove it"),
            ("X-One 1", "'X-One 1' has no ':' between name and value"),
            ("X One: 1", "invalid field name 'X One'"),
            ("X: a\u{7}", "the value of 'X' contains a control character"),
        ] {
            assert_eq!(parse(line), Err(InvalidValue::new(reason)), "{line}");
        }
        assert_eq!(parse(" Vary :  Cookie "), Ok(("Vary".to_owned(), "Cookie".to_owned())));
    }

    #[test]
    fn a_site_file_sets_only_fields_about_its_own_pages() {
        for line in [
            "Cache-Control: no-cache",
            "cache-control: private, max-age=60 , Immutable",
            "Content-Disposition: attachment",
            "Content-Security-Policy: default-src 'self'",
            "Link: </a.css>; rel=preload; as=style",
            "Referrer-Policy: no-referrer",
            "Vary: Cookie",
            "X-Robots-Tag: noindex",
        ] {
            assert_eq!(parse(line).and_then(|field| check_for_site_file(&field)), Ok(()), "{line}");
        }
        for line in [
            "Accept-CH: Width",
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Origin: *",
            "Age: 0",
            "Alt-Svc: h2=\"x.test:443\"",
            "CDN-Cache-Control: max-age=9",
            "Cache-Control: max-age=\"60\"",
            "Cache-Control: max-age=60, must-revalidate",
            "Cache-Control: private=\"x\"",
            "Cache-Control: public, max-age=99999999",
            "Cache-Control: s-maxage=60",
            "Cache-Control:",
            "Clear-Site-Data: \"*\"",
            "Cross-Origin-Resource-Policy: cross-origin",
            "NEL: {}",
            "Origin-Agent-Cluster: ?0",
            "Refresh: 0; url=https://a.example/",
            "Report-To: {}",
            "Reporting-Endpoints: a=\"https://a.example/\"",
            "Server-Timing: a",
            "Service-Worker-Allowed: /",
            "Set-Cookie: sid=chosen; Path=/",
            "Strict-Transport-Security: max-age=63072000; includeSubDomains",
            "Surrogate-Control: max-age=9",
            "Timing-Allow-Origin: *",
            "WWW-Authenticate: Basic realm=x",
            "X-Accel-Redirect: /internal/file",
            "X-LIGHTTPD-send-file: /etc/passwd",
            "X-Sendfile: /etc/passwd",
            "X-Whatever: 1",
        ] {
            assert!(parse(line).is_ok_and(|field| check_for_site_file(&field).is_err()), "{line}");
        }
    }
}
