//! The proxies whose client addresses the server accepts.

use http::HeaderName;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The field to which proxies append the addresses of their clients.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of trusted proxies; none by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Trusts every address in these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> TrustedProxies {
        TrustedProxies(networks.into_iter().collect())
    }

    /// Whether the address is that of a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the address of the client of a request from `peer`.
    ///
    /// Each proxy appends the address of its client to `X-Forwarded-For`. The list is therefore read from its end: the
    /// first address that is not a trusted proxy is the client. The client may have sent the addresses before it.
    /// `fields` are the values of `X-Forwarded-For`.
    pub fn client_ip<'a>(&self, peer: IpAddr, fields: impl DoubleEndedIterator<Item = &'a [u8]>) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let mut client = peer;
        // Several fields are one list (RFC 9110 5.3), so its end is in the last one.
        let mut addresses = fields.rev().flat_map(|field| field.rsplit(|byte| *byte == b','));
        while self.contains(client) {
            // The proxy names no valid address, so it is the last known one.
            let Some(next) = addresses.next().and_then(address) else { break };
            client = next;
        }
        client
    }
}

/// Parses an address with or without a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::trusted_proxies::*;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn the_last_address_that_is_not_a_proxy_is_the_client() {
        let trusted = TrustedProxies::new(["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap()));
        let rows: &[(&str, &[&str], &str)] = &[
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1 ,10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("2001:db8::1", &["[2001:db9::7]:443"], "2001:db9::7"),
            ("10.0.0.1", &["192.0.2.1:80"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db9::7]"], "2001:db9::7"),
            // Other peers are not trusted. A proxy may send no address.
            ("192.0.2.7", &["192.0.2.1"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown, 10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.1,"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            ("10.0.0.1", &["\u{e9}"], "10.0.0.1"),
        ];
        for (peer, forwarded, expected) in rows {
            let mut fields = HeaderMap::new();
            for value in *forwarded {
                fields.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let values = fields.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
            let client = trusted.client_ip(peer.parse().unwrap(), values);
            assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn without_networks_no_address_is_trusted() {
        assert!(!TrustedProxies::default().contains(IpAddr::from([127, 0, 0, 1])));
    }
}
