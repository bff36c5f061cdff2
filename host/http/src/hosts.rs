//! The hosts for which a server answers. A page in a browser may have its own name resolve to this machine (DNS
//! rebinding), and would then read what is served here as its own; the `Host` of its requests still names that page.
//! This module knows no addresses.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// A host that was named, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `*`
    Any,
    /// `*.example.com`: what stands behind the asterisk, in lower case.
    Below(String),
    /// A name, in lower case and without the dot that may end it.
    Name(String),
    Address(IpAddr),
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Host, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Host::Address(address.to_canonical()));
        }
        if text == "*" {
            return Ok(Host::Any);
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if normal(name).is_empty() || !name.bytes().all(is_letter) {
            return Err(format!(
                "'{text}' is not a host; give a name such as example.com without scheme and port, an address, or '*'"
            ));
        }
        Ok(if is_below { Host::Below(format!(".{}", normal(name))) } else { Host::Name(normal(name)) })
    }
}

impl Host {
    fn covers(&self, host: &str) -> bool {
        match self {
            Host::Any => true,
            Host::Below(end) => host.len() > end.len() && host.ends_with(end),
            Host::Name(name) => host == name,
            Host::Address(address) => self::address(host) == Some(*address),
        }
    }
}

/// The hosts for which a server answers.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    #[default]
    All,
    /// Those that mean this machine wherever they are used, and these.
    Local(Arc<[Host]>),
}

impl Hosts {
    /// The names of this machine for itself, and `others`.
    pub fn local_and(others: impl IntoIterator<Item = Host>) -> Hosts {
        Hosts::Local(others.into_iter().collect())
    }

    /// Whether a request is for one of them. One that names no host is from no browser. An authority of the target goes
    /// before the field (RFC 9112 3.2.2).
    pub fn include(&self, target: &Uri, fields: &HeaderMap) -> bool {
        let Hosts::Local(others) = self else { return true };
        let host = match (target.host(), fields.get(HOST)) {
            (Some(host), _) => host.to_owned(),
            (None, None) => return true,
            (None, Some(field)) if field.is_empty() => return true,
            (None, Some(field)) => match Authority::try_from(field.as_bytes()) {
                Ok(authority) => authority.host().to_owned(),
                Err(_) => return false,
            },
        };
        let host = normal(&host);
        is_loopback(&host) || others.iter().any(|other| other.covers(&host))
    }
}

/// A host as it is compared: in lower case (RFC 9110 4.2.3), without the dot that ends a full name.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Whether a host is this machine for whoever resolves it (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3). No page has
/// such a name.
fn is_loopback(host: &str) -> bool {
    let is_name = host == "localhost" || host.ends_with(".localhost");
    // Shortened, as in 127.1, it is still no name: a name does not end in digits (RFC 3696 2).
    let is_ipv4 = host.strip_prefix("127.").is_some_and(|rest| {
        rest.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    is_name || is_ipv4 || address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => Some(inner.parse::<Ipv6Addr>().ok()?.to_canonical()),
        None => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Version};

    /// Whether a request with this target and this field is answered, by a server that also has these names.
    fn is_answered(target: &str, host: Option<&[u8]>, others: &[&str]) -> bool {
        let mut request = Request::builder().version(Version::HTTP_11).uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let others = others.iter().map(|host| host.parse().unwrap());
        let request = request.body(()).unwrap();
        Hosts::local_and(others).include(request.uri(), request.headers())
    }

    #[test]
    fn names_of_this_machine_are_answered_for() {
        for host in [
            "localhost",
            "LocalHost:8000",
            "localhost.",
            "a.localhost",
            "a.b.localhost:1",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.255.0.9",
            "127.1",
            "127.0.0.1.",
            "[::1]",
            "[::1]:8000",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]:1",
            "",
        ] {
            assert!(is_answered("/", Some(host.as_bytes()), &[]), "{host:?}");
        }
        assert!(is_answered("/", None, &[]));
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "example.com",
            "example.com:80",
            "localhost.example.com",
            "localhost.com",
            "xlocalhost",
            "notlocalhost:80",
            ".localhost.evil",
            "127.0.0.1.example.com",
            "127.0.0.1x",
            "127.",
            "127..1",
            "127.a",
            "127",
            "1270.0.1",
            "12.7.0.1",
            "10.0.0.1",
            "192.168.1.5:8000",
            "0.0.0.0",
            "[::2]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "localhost..",
            "a",
            "xn--localhost",
            "local host",
            "[::1",
            "2130706433",
        ] {
            assert!(!is_answered("/", Some(host.as_bytes()), &[]), "{host:?}");
        }
        assert!(!is_answered("/", Some(b"loc\xe4lhost"), &[]));
    }

    #[test]
    fn the_target_goes_before_the_field() {
        assert!(is_answered("http://localhost:80/", Some(b"example.com"), &[]));
        assert!(!is_answered("http://example.com/", Some(b"localhost"), &[]));
        assert!(!is_answered("https://localhost@example.com/", Some(b"localhost"), &[]));
        assert!(!is_answered("http://example.com", None, &[]));
    }

    #[test]
    fn hosts_that_are_named_are_answered_for_too() {
        let rows: &[(&[&str], &str, bool)] = &[
            (&["Example.com"], "example.COM.:80", true),
            (&["example.com."], "example.com", true),
            (&["example.com"], "www.example.com", false),
            (&["*.example.com"], "www.example.com", true),
            (&["*.example.com"], "a.b.example.com", true),
            (&["*.example.com"], "example.com", false),
            (&["*.example.com"], "wwwexample.com", false),
            (&["*.example.com"], ".example.com", false),
            (&["192.0.2.1"], "192.0.2.1:8", true),
            (&["192.0.2.1"], "[::ffff:192.0.2.1]", true),
            (&["2001:db8::1"], "[2001:db8:0::1]", true),
            (&["[2001:db8::1]"], "[2001:db8::1]:443", true),
            (&["a", "b"], "b", true),
            (&["a"], "localhost", true),
            (&["*"], "anything", true),
        ];
        for (others, host, expected) in rows {
            assert_eq!(is_answered("/", Some(host.as_bytes()), others), *expected, "{others:?} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", ".", "*.", "**", "a b", "http://a", "a:80", "a/", "[::1", "*a", "a.*", "b\u{fc}cher.example"] {
            assert!(text.parse::<Host>().is_err_and(|error| error.contains("is not a host")), "{text:?}");
        }
    }
}
