//! Which header fields an option may add to answers: what nobody may set, and what the file of a site may. It refuses to know
//! where fields are sent.

use crate::http::field::{CACHE_CONTROL, Field, VARY};

/// Why nobody may set a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// It belongs to the connection or to the framing, or is between handler and host.
    Server,
    /// It describes the file that is sent.
    File,
    /// Other options say it.
    Options(&'static str),
    /// It is part of every answer already, with this value.
    Always(&'static str),
}

/// Fields that would be lies, that `wasi:http` forbids a handler to set, or that every answer has already.
const OWNED: &[(&str, Owner)] = &[
    ("accept-ranges", Owner::File),
    ("connection", Owner::Server),
    ("content-encoding", Owner::Server),
    ("content-length", Owner::Server),
    ("content-range", Owner::Server),
    ("content-type", Owner::Options("mime and content-type")),
    ("date", Owner::Server),
    ("etag", Owner::File),
    ("glasshouse-piece", Owner::Server),
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

/// Fields that the file of a site may set: each describes the content, or takes something away from the page that is sent.
///
/// Not among them, for instance: `Set-Cookie`, `Strict-Transport-Security`, `Clear-Site-Data`, `Alt-Svc`, `NEL`, `Report-To`,
/// `Accept-CH` and `Origin-Agent-Cluster`, which browsers remember for the whole host; `Access-Control-*`, `Timing-Allow-Origin`
/// and `Cross-Origin-Resource-Policy`, which let other origins read more; `X-Accel-*`, `X-Sendfile`, `Surrogate-Control` and
/// `CDN-Cache-Control`, which a proxy obeys; `WWW-Authenticate` and `Service-Worker-Allowed`, which ask for passwords and reach
/// beyond the page; `Refresh`, for which there is `redirect`.
const OF_A_TREE: &[&str] = &[
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

/// Directives of Cache-Control that the file of a site may set. The others let a shared cache give the answer for one user to
/// another one: `public`, `s-maxage` and `must-revalidate` (RFC 9111 3.5), and whatever is not known here.
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

/// One `NAME: VALUE` (RFC 9110 5.1 and 5.5).
///
/// # Errors
/// Says, in words for the person who wrote it, why it is no field, or none that can be set.
pub fn parse(line: &str) -> Result<Field, String> {
    let (name, value) = line.split_once(':').ok_or(format!("'{line}' has no ':' between name and value"))?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("'{name}' is no field name"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80) {
        return Err(format!("the value of '{name}' has a control character in it"));
    }
    match OWNED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        None => Ok((name.to_owned(), value.to_owned())),
        Some((_, Owner::Server)) => Err(format!("'{name}' is set by the server alone")),
        Some((_, Owner::File)) => Err(format!("'{name}' is made from the file that is sent; leave it out")),
        Some((_, Owner::Options(options))) => Err(format!("'{name}' is not set by a header; use {options} instead")),
        Some((_, Owner::Always(sent))) => Err(format!("'{name}' is always sent, as '{sent}'; leave it out")),
    }
}

/// Whether the file of a site may set a field.
///
/// # Errors
/// Says, in words for the person who wrote it, why not.
pub fn allow_tree((name, value): &Field) -> Result<(), String> {
    if !OF_A_TREE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(format!("'{name}' is not one of the fields that describe a page or a file"));
    }
    if !name.eq_ignore_ascii_case(CACHE_CONTROL) {
        return Ok(());
    }
    match value.split(',').map(str::trim).find(|directive| !is_allowed(directive)) {
        None => Ok(()),
        Some(directive) => {
            Err(format!("'{directive}' of '{name}' may let a shared cache keep what only some may read"))
        }
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
    fn what_would_not_be_sent_is_refused_by_name() {
        for (line, reason) in [
            ("Server: x", "'Server' is set by the server alone"),
            ("glasshouse-piece: file:0-9", "'glasshouse-piece' is set by the server alone"),
            ("ETag: \"x\"", "'ETag' is made from the file that is sent; leave it out"),
            ("last-modified: x", "'last-modified' is made from the file that is sent; leave it out"),
            ("Accept-Ranges: none", "'Accept-Ranges' is made from the file that is sent; leave it out"),
            ("Content-Type: a/b", "'Content-Type' is not set by a header; use mime and content-type instead"),
            ("Location: /x", "'Location' is not set by a header; use redirect instead"),
            ("X-Content-Type-Options: x", "'X-Content-Type-Options' is always sent, as 'nosniff'; leave it out"),
            ("X-One 1", "'X-One 1' has no ':' between name and value"),
            ("X One: 1", "'X One' is no field name"),
            ("X: a\u{7}", "the value of 'X' has a control character in it"),
        ] {
            assert_eq!(parse(line), Err(reason.to_owned()), "{line}");
        }
        assert_eq!(parse(" Vary :  Cookie "), Ok(("Vary".to_owned(), "Cookie".to_owned())));
    }

    #[test]
    fn a_tree_describes_its_pages_and_speaks_for_nobody_else() {
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
            assert_eq!(parse(line).and_then(|field| allow_tree(&field)), Ok(()), "{line}");
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
            assert!(parse(line).is_ok_and(|field| allow_tree(&field).is_err()), "{line}");
        }
    }
}
