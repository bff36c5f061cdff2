//! The hosts that requests may name: those of `--host`, or else those that follow from the addresses of the server.
//! `glasshouse_http` compares a `Host`.

use crate::error::StartupError;
use crate::listen::Addresses;
use glasshouse_http::{Host, Hosts};
use std::net::SocketAddr;

/// The hosts that are allowed on each kind of connection.
#[derive(Clone, Debug)]
pub(crate) struct HostRule {
    /// The hosts of `--host`, and the names of loopback.
    local: Hosts,
    scope: Scope,
}

/// The connections on which only the hosts of [`HostRule::local`] are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All: `--host` names hosts.
    Everywhere,
    /// TCP, except from trusted proxies: the server listens on loopback alone, and nothing else checks the host.
    Loopback,
    /// None.
    Nowhere,
}

impl HostRule {
    /// The rule for these values of `--host` and `--bind`. Over TLS the browser compares the name with the certificate,
    /// so a page elsewhere cannot use its own name.
    ///
    /// # Errors
    /// An invalid host.
    pub(crate) fn new(
        hosts: &[String],
        binds: &[&str],
        addresses: &Addresses,
        is_secure: bool,
    ) -> Result<HostRule, StartupError> {
        let named = hosts.iter().map(|host| host.trim().parse::<Host>()).collect::<Result<Vec<_>, _>>();
        let named = named.map_err(|error| StartupError::Usage(format!("--host: {error}")))?;
        let scope = match named.as_slice() {
            _ if named.contains(&Host::Any) => Scope::Nowhere,
            [] if is_secure || !listens_on_loopback_alone(addresses) => Scope::Nowhere,
            [] => Scope::Loopback,
            _ => Scope::Everywhere,
        };
        // Clients use the name under which the server listens.
        let bound = binds.iter().filter_map(|bind| bind.parse().ok()).filter(|host| !is_unspecified(host));
        Ok(HostRule { local: Hosts::local_and(named.into_iter().chain(bound)), scope })
    }

    /// The hosts on a TCP connection.
    pub(crate) fn over_tcp(&self, is_of_trusted_proxy: bool) -> Hosts {
        match self.scope {
            Scope::Everywhere => self.local.clone(),
            Scope::Loopback if !is_of_trusted_proxy => self.local.clone(),
            Scope::Loopback | Scope::Nowhere => Hosts::All,
        }
    }

    /// The hosts on a Unix socket. A browser cannot connect to one.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such sockets"))]
    pub(crate) fn over_unix(&self) -> Hosts {
        match self.scope {
            Scope::Everywhere => self.local.clone(),
            Scope::Loopback | Scope::Nowhere => Hosts::All,
        }
    }

    /// The hosts on the admin address, which has no TLS and no proxies.
    pub(crate) fn at_admin(&self, address: Option<SocketAddr>) -> Hosts {
        match self.scope {
            Scope::Everywhere => self.local.clone(),
            Scope::Loopback | Scope::Nowhere if address.is_some_and(is_loopback) => self.local.clone(),
            Scope::Loopback | Scope::Nowhere => Hosts::All,
        }
    }
}

fn listens_on_loopback_alone(addresses: &Addresses) -> bool {
    let tcp = addresses.of_tcp();
    !addresses.is_everywhere() && !tcp.is_empty() && tcp.into_iter().all(is_loopback)
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn is_unspecified(host: &Host) -> bool {
    matches!(host, Host::Address(address) if address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{BindAddr, ListenOptions};
    use http::{HeaderMap, Uri};

    fn rule(hosts: &[&str], binds: &[&str], is_secure: bool) -> HostRule {
        let options =
            ListenOptions { port: 0, port_fallback: false, redirect_port: None, unix_mode: 0o600, is_local: false };
        let typed: Vec<_> = binds.iter().map(|bind| BindAddr::parse(bind).unwrap()).collect();
        let names: Vec<_> = typed.iter().filter_map(BindAddr::host).map(str::to_owned).collect();
        let addresses = Addresses::resolve(typed, options).unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        HostRule::new(&hosts, &names, &addresses, is_secure).unwrap()
    }

    fn answers(hosts: &Hosts, host: &str) -> bool {
        hosts.include(&format!("http://{host}/").parse::<Uri>().unwrap(), &HeaderMap::new())
    }

    #[test]
    fn other_hosts_are_refused_on_loopback_alone() {
        /// The values of --host and --bind; whether there is TLS; whether example.com is allowed over TCP, from a
        /// trusted proxy, and over a Unix socket.
        type Case = (&'static [&'static str], &'static [&'static str], bool, [bool; 3]);
        let rows: &[Case] = &[
            (&[], &["127.0.0.1"], false, [false, true, true]),
            (&[], &["127.0.0.1", "::1", "localhost"], false, [false, true, true]),
            (&[], &["127.0.0.1", "unix:/tmp/socket"], false, [false, true, true]),
            (&[], &["127.0.0.1"], true, [true, true, true]),
            (&[], &["127.0.0.1", "192.0.2.1"], false, [true, true, true]),
            (&[], &["0.0.0.0"], false, [true, true, true]),
            (&[], &[], false, [true, true, true]),
            (&[], &["unix:/tmp/socket"], false, [true, true, true]),
            (&["*"], &["127.0.0.1"], false, [true, true, true]),
            (&["a.test", "*"], &["127.0.0.1"], false, [true, true, true]),
            (&["example.com"], &["127.0.0.1"], false, [true, true, true]),
            (&["a.test"], &["127.0.0.1"], false, [false, false, false]),
            (&["a.test"], &[], false, [false, false, false]),
            (&["a.test"], &["unix:/tmp/socket"], true, [false, false, false]),
        ];
        for (hosts, binds, is_secure, expected) in rows {
            let rule = rule(hosts, binds, *is_secure);
            let all = [rule.over_tcp(false), rule.over_tcp(true), rule.over_unix()];
            assert_eq!(all.each_ref().map(|hosts| answers(hosts, "example.com")), *expected, "{hosts:?} {binds:?}");
            assert!(all.iter().all(|hosts| answers(hosts, "localhost")), "{hosts:?} {binds:?}");
        }
    }

    #[test]
    fn the_admin_address_follows_from_itself() {
        let loopback = Some(SocketAddr::from(([127, 0, 0, 1], 1)));
        let other = Some(SocketAddr::from(([0, 0, 0, 0], 1)));
        for (hosts, binds, address, expected) in [
            (&[][..], &[][..], loopback, false),
            (&[], &["127.0.0.1"], loopback, false),
            (&[], &["127.0.0.1"], other, true),
            (&["example.com"], &[], loopback, true),
            (&["a.test"], &[], other, false),
        ] {
            assert_eq!(answers(&rule(hosts, binds, false).at_admin(address), "example.com"), expected, "{hosts:?}");
        }
        assert!(answers(&rule(&["*"], &[], false).at_admin(loopback), "example.com"), "the asterisk counts there too");
    }

    #[test]
    fn a_name_to_listen_on_is_a_host() {
        assert!(answers(&rule(&[], &["127.0.0.2"], false).over_tcp(false), "127.0.0.2"));
        assert!(!answers(&rule(&["a.test"], &["0.0.0.0"], false).over_tcp(false), "0.0.0.0"));
        let options =
            ListenOptions { port: 0, port_fallback: false, redirect_port: None, unix_mode: 0o600, is_local: false };
        let addresses = Addresses::resolve(Vec::new(), options).unwrap();
        let error = HostRule::new(&["a:80".into()], &[], &addresses, false);
        assert!(
            matches!(error, Err(StartupError::Usage(text)) if text.starts_with("--host: ") && text.contains("'a:80'"))
        );
    }
}
