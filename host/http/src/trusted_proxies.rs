//! Who is believed when it says for whom it asks: proxies in networks that were named. It refuses to believe anybody else, and to
//! know what is done with what they say.

use http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The networks of the proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> TrustedProxies {
        TrustedProxies(networks.into_iter().collect())
    }

    /// Whether this address is that of a proxy which is believed.
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who asks, where `peer` is at the other end of the connection. Each proxy adds whom it was asked by to the end of
    /// `X-Forwarded-For`, so what stands there is read from the end: what a trusted one added is true, and the first address that is
    /// none of theirs is the client's. What stands before that the client may have written by itself.
    pub fn client(&self, peer: IpAddr, fields: &HeaderMap) -> IpAddr {
        if !self.covers(peer) {
            return peer;
        }
        let mut client = peer;
        // As a list in several fields is one list (RFC 9110 5.3), the last field ends it.
        let fields: Vec<_> = fields.get_all("x-forwarded-for").iter().collect();
        let mut said = fields.iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
        while self.covers(client) {
            // A proxy that names nobody whom it knows is the last that is known.
            let Some(next) = said.next().and_then(address) else { break };
            client = next;
        }
        client
    }
}

/// An address, with or without a port behind it.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::trusted_proxies::*;
    use http::HeaderValue;

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_clients() {
        let trust = TrustedProxies::new(["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap()));
        let rows: &[(&str, &[&str], &str)] = &[
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.1 ,10.0.0.2"], "192.0.2.1"),
            ("10.0.0.1", &["203.0.113.9", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("2001:db8::1", &["[2001:db9::7]:443"], "2001:db9::7"),
            ("10.0.0.1", &["192.0.2.1:80"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db9::7]"], "2001:db9::7"),
            // Nobody but a proxy is believed, and no proxy that does not say.
            ("192.0.2.7", &["192.0.2.1"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown, 10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.1,"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            ("10.0.0.1", &["\u{e9}"], "10.0.0.1"),
        ];
        for (peer, said, expected) in rows {
            let mut fields = HeaderMap::new();
            for value in *said {
                fields.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let client = trust.client(peer.parse().unwrap(), &fields);
            assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{peer} {said:?}");
        }
    }

    #[test]
    fn without_networks_nobody_is_believed() {
        assert!(!TrustedProxies::default().covers(IpAddr::from([127, 0, 0, 1])));
    }
}
