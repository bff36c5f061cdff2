//! The hosts that requests may name. A web page can make its own name resolve to this machine (DNS rebinding) and then
//! read the served files as its own; the `Host` of its requests still names the page.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// A host of `--host`, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `*`
    Any,
    /// `*.example.com`: the part behind the asterisk, in lower case.
    Below(String),
    /// A name in lower case, without a dot at its end.
    Name(String),
    /// An address, IPv4 if it is mapped to IPv6.
    Address(IpAddr),
}

/// The text is not a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid host '{0}': use a name such as example.com without scheme and port, an address, or '*'")]
pub struct InvalidHost(String);

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Host, InvalidHost> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Host::Address(address.to_canonical()));
        }
        if text == "*" {
            return Ok(Host::Any);
        }
        let (name, is_below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if normalized(name).is_empty() || !name.bytes().all(is_letter) {
            return Err(InvalidHost(text.to_owned()));
        }
        Ok(if is_below {
            Host::Below(format!(".{}", normalized(name)))
        } else {
            Host::Name(normalized(name).into_owned())
        })
    }
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Host::Any => true,
            Host::Below(end) => host.len() > end.len() && host.ends_with(end),
            Host::Name(name) => host == name,
            Host::Address(address) => self::address(host) == Some(*address),
        }
    }
}

/// The hosts that requests may name.
#[derive(Clone, Debug, Default)]
pub enum Hosts {
    /// Every host.
    #[default]
    All,
    /// The loopback names and addresses, and these.
    Local(Arc<[Host]>),
}

impl Hosts {
    /// The loopback names and addresses, and `others`.
    pub fn local_and(others: impl IntoIterator<Item = Host>) -> Hosts {
        Hosts::Local(others.into_iter().collect())
    }

    /// Whether a request may have this target and these fields. No browser sends a request without a host. The
    /// authority of the target takes precedence over `Host` (RFC 9112 3.2.2).
    pub fn include(&self, target: &Uri, fields: &HeaderMap) -> bool {
        match (target.host(), fields.get(HOST)) {
            (Some(host), _) => self.include_host(host),
            (None, None) => true,
            (None, Some(field)) => self.include_field(field.as_bytes()),
        }
    }

    /// Whether a request without an authority in its target may have this value of `Host`.
    pub(crate) fn include_field(&self, field: &[u8]) -> bool {
        match self {
            Hosts::All => true,
            Hosts::Local(_) if field.is_empty() => true,
            Hosts::Local(_) => match plain_host(field) {
                Some(host) => self.include_host(host),
                None => Authority::try_from(field).is_ok_and(|authority| self.include_host(authority.host())),
            },
        }
    }

    fn include_host(&self, host: &str) -> bool {
        let Hosts::Local(others) = self else { return true };
        let host = &*normalized(host);
        is_loopback(host) || others.iter().any(|other| other.matches(host))
    }
}

/// In lower case (RFC 9110 4.2.3), without the dot at the end of a fully qualified name.
fn normalized(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => host.to_ascii_lowercase().into(),
        false => host.into(),
    }
}

/// The host in a value of `Host` that is a name or an IPv4 address, with or without a port (RFC 9110 7.2). Most are;
/// the parser for the others takes longer.
pub(crate) fn plain_host(field: &[u8]) -> Option<&str> {
    let (host, port) = field.split_at_checked(field.iter().position(|byte| *byte == b':').unwrap_or(field.len()))?;
    let is_host =
        !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let is_port = match port {
        [] => true,
        [_, digits @ ..] => digits.iter().try_fold(0u16, |port, digit| with_digit(port, *digit)).is_some(),
    };
    if is_host && is_port { str::from_utf8(host).ok() } else { None }
}

/// Appends a digit to a port.
fn with_digit(port: u16, digit: u8) -> Option<u16> {
    let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
    port.checked_mul(10)?.checked_add(digit.into())
}

/// Whether a host always resolves to the machine of the client (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3). No web
/// page has such a name.
fn is_loopback(host: &str) -> bool {
    let is_name = host == "localhost" || host.ends_with(".localhost");
    // A short form such as 127.1 is not a name either: names do not end in digits (RFC 3696 2).
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

    /// Whether a server with these additional hosts accepts a request with this target and this field.
    fn is_accepted(target: &str, host: Option<&[u8]>, others: &[&str]) -> bool {
        let mut request = Request::builder().version(Version::HTTP_11).uri(target);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let others = others.iter().map(|host| host.parse().unwrap());
        let request = request.body(()).unwrap();
        Hosts::local_and(others).include(request.uri(), request.headers())
    }

    #[test]
    fn loopback_hosts_are_accepted() {
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
            assert!(is_accepted("/", Some(host.as_bytes()), &[]), "{host:?}");
        }
        assert!(is_accepted("/", None, &[]));
    }

    #[test]
    fn other_hosts_are_rejected() {
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
            assert!(!is_accepted("/", Some(host.as_bytes()), &[]), "{host:?}");
        }
        assert!(!is_accepted("/", Some(b"loc\xe4lhost"), &[]));
    }

    #[test]
    fn the_target_takes_precedence_over_the_field() {
        assert!(is_accepted("http://localhost:80/", Some(b"example.com"), &[]));
        assert!(!is_accepted("http://example.com/", Some(b"localhost"), &[]));
        assert!(!is_accepted("https://localhost@example.com/", Some(b"localhost"), &[]));
        assert!(!is_accepted("http://example.com", None, &[]));
    }

    #[test]
    fn additional_hosts_are_accepted() {
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
            assert_eq!(is_accepted("/", Some(host.as_bytes()), others), *expected, "{others:?} {host}");
        }
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        for text in ["", ".", "*.", "**", "a b", "http://a", "a:80", "a/", "[::1", "*a", "a.*", "b\u{fc}cher.example"] {
            assert!(text.parse::<Host>() == Err(InvalidHost(text.to_owned())), "{text:?}");
        }
    }
}
