//! Prints the banner on standard output: the line that scripts wait for (PY-12), and the URLs of the server.

use crate::listen::{Listener, Listeners};
use crate::tls::TlsIdentity;
use socket2::SockRef;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// The address of a TCP listener.
#[derive(Clone, Copy)]
struct TcpEndpoint {
    address: SocketAddr,
    /// Whether an IPv6 socket also accepts IPv4.
    is_dual: bool,
}

/// The banner, and the URLs for a browser and a QR code.
pub(crate) struct Banner {
    pub(crate) text: String,
    /// A URL for this machine.
    pub(crate) local_url: Option<String>,
    /// A URL for other machines.
    pub(crate) lan_url: Option<String>,
}

/// Creates the banner: one line for each listener, and all URLs of a listener on all addresses. Ports are those that
/// the kernel chose (PY-2). A self-signed certificate adds its fingerprint, to compare with the one that a browser
/// shows. `entry` is the path of the first page.
pub(crate) fn banner(
    listeners: &Listeners,
    identity: Option<&TlsIdentity>,
    admin: Option<&TcpListener>,
    entry: &str,
) -> Banner {
    let scheme = if identity.is_some() { "https" } else { "http" };
    let endpoints: Vec<TcpEndpoint> = listeners.serving.iter().filter_map(endpoint).collect();
    let interfaces = interfaces();
    let mut text = render(&endpoints, &interfaces, scheme, entry);
    for address in listeners.redirecting.iter().filter_map(Listener::address) {
        let (ip, port) = (address.ip(), address.port());
        let _ = writeln!(text, "Redirecting HTTP on {ip}{} port {port} ({})", zone(address, "%"), url(address, "http"));
    }
    for file in listeners.serving.iter().filter_map(Listener::path) {
        let _ = writeln!(text, "Serving {} on unix:{} ...", scheme.to_ascii_uppercase(), file.display());
    }
    if let Some(identity) = identity.filter(|identity| identity.is_self_signed()) {
        let _ = writeln!(text, "  certificate SHA-256 {}", identity.fingerprint());
    }
    if let Some(address) = admin.and_then(|listener| listener.local_addr().ok()) {
        let _ = writeln!(text, "Admin on {} port {} ({})", address.ip(), address.port(), url(address, "http"));
    }
    let urls: Vec<(IpAddr, String)> = endpoints.iter().flat_map(|one| urls(*one, &interfaces, scheme)).collect();
    let local = urls.iter().find(|(ip, _)| ip.is_loopback()).or(urls.first());
    let lan = urls.iter().find(|(ip, _)| !ip.is_loopback());
    let url = |found: Option<&(IpAddr, String)>| found.map(|(_, url)| url.trim_end_matches('/').to_owned() + entry);
    Banner { local_url: url(local), lan_url: url(lan), text }
}

/// The addresses of a listener with their URLs.
fn urls(endpoint: TcpEndpoint, interfaces: &[IpAddr], scheme: &str) -> Vec<(IpAddr, String)> {
    let ip = endpoint.address.ip();
    let found = if ip.is_unspecified() { reachable(endpoint, interfaces) } else { vec![ip] };
    found.into_iter().map(|ip| (ip, url(with_ip(endpoint.address, ip), scheme))).collect()
}

/// Keeps the port and the interface.
fn with_ip(mut address: SocketAddr, ip: IpAddr) -> SocketAddr {
    address.set_ip(ip);
    address
}

/// Prints a text. Ignores errors: the server also runs without standard output.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn endpoint(listener: &Listener) -> Option<TcpEndpoint> {
    let Listener::Tcp(listener) = listener else { return None };
    let address = listener.local_addr().ok()?;
    let only_v6 = SockRef::from(listener).only_v6().unwrap_or(true);
    Some(TcpEndpoint { address, is_dual: address.is_ipv6() && !only_v6 })
}

/// The addresses of this machine. Empty if the system does not return them.
pub(crate) fn interfaces() -> Vec<IpAddr> {
    if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect()
}

fn render(endpoints: &[TcpEndpoint], interfaces: &[IpAddr], scheme: &str, entry: &str) -> String {
    let mut text = String::new();
    let name = scheme.to_ascii_uppercase();
    let entry = entry.strip_prefix('/').unwrap_or(entry);
    for TcpEndpoint { address, .. } in endpoints {
        let (ip, port, url) = (address.ip(), address.port(), url(*address, scheme) + entry);
        let _ = writeln!(text, "Serving {name} on {ip}{} port {port} ({url}) ...", zone(*address, "%"));
    }
    let mut urls: Vec<String> = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.address.ip().is_unspecified()) {
        urls.extend(self::urls(*endpoint, interfaces, scheme).into_iter().map(|(_, url)| url));
    }
    for url in urls {
        let _ = writeln!(text, "  {url}{entry}");
    }
    text
}

/// The addresses of a socket that listens on all of them, the most useful first: loopback, then IPv4, then IPv6.
fn reachable(endpoint: TcpEndpoint, interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let ipv4 = endpoint.is_dual || endpoint.address.is_ipv4();
    let ipv6 = endpoint.address.is_ipv6();
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mut found: Vec<IpAddr> = Vec::new();
    for ip in [loopback].into_iter().chain(interfaces.iter().copied()) {
        let is_accepted = if ip.is_ipv4() { ipv4 } else { ipv6 };
        if is_accepted && is_usable(ip) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found.sort_by_key(|ip| (!ip.is_loopback(), ip.is_ipv6()));
    found
}

/// A link-local IPv6 address needs an interface, which browsers do not accept in a URL (RFC 6874).
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

fn url(address: SocketAddr, scheme: &str) -> String {
    match address {
        SocketAddr::V4(address) => format!("{scheme}://{address}/"),
        // A URL must encode the percent sign (RFC 6874 2).
        SocketAddr::V6(v6) => format!("{scheme}://[{}{}]:{}/", v6.ip(), zone(address, "%25"), v6.port()),
    }
}

/// The interface of a link-local address after a separator.
fn zone(address: SocketAddr, separator: &str) -> String {
    let SocketAddr::V6(address) = address else { return String::new() };
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let name = all.into_iter().find(|one| one.index == Some(address.scope_id())).map(|one| one.name);
    match address.scope_id() {
        0 => String::new(),
        id => format!("{separator}{}", name.unwrap_or_else(|| id.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const INTERFACES: [&str; 7] =
        ["192.0.2.7", "fe80::1", "2001:db8::7", "127.0.0.1", "::1", "192.0.2.7", "198.51.100.1"];

    #[track_caller]
    fn check(id: &str, sockets: &[(&str, bool)], expected: &str) {
        let interfaces = INTERFACES.map(|ip| ip.parse().unwrap());
        let endpoint =
            |(address, is_dual): &(&str, bool)| TcpEndpoint { address: address.parse().unwrap(), is_dual: *is_dual };
        let endpoints: Vec<TcpEndpoint> = sockets.iter().map(endpoint).collect();
        assert_eq!(render(&endpoints, &interfaces, "http", "/"), expected, "{id}");
        let secure = render(&endpoints, &interfaces, "https", "/");
        assert_eq!(secure, expected.replace("http:", "https:").replace("Serving HTTP", "Serving HTTPS"), "{id}");
    }

    #[test]
    fn the_first_line_is_the_one_of_python() {
        check(
            "PY-12",
            &[("127.0.0.1:8000", false)],
            "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n",
        );
        let endpoints = [TcpEndpoint { address: "[::1]:81".parse().unwrap(), is_dual: false }];
        let below = render(&endpoints, &[], "http", "/a%20b/");
        assert_eq!(below, "Serving HTTP on ::1 port 81 (http://[::1]:81/a%20b/) ...\n");
        check("PY-12", &[("[::1]:8141", false)], "Serving HTTP on ::1 port 8141 (http://[::1]:8141/) ...\n");
        check(
            "each listener",
            &[("192.0.2.7:80", false), ("[2001:db8::7]:81", false)],
            "Serving HTTP on 192.0.2.7 port 80 (http://192.0.2.7:80/) ...\n\
             Serving HTTP on 2001:db8::7 port 81 (http://[2001:db8::7]:81/) ...\n",
        );
    }

    #[test]
    fn all_urls_of_the_machine_follow() {
        check(
            "PY-4 IPv4",
            &[("0.0.0.0:8000", false)],
            "Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...\n  http://127.0.0.1:8000/\n  \
             http://192.0.2.7:8000/\n  http://198.51.100.1:8000/\n",
        );
        check(
            "PY-4 both",
            &[("[::]:8000", true)],
            "Serving HTTP on :: port 8000 (http://[::]:8000/) ...\n  http://127.0.0.1:8000/\n  http://[::1]:8000/\n  \
             http://192.0.2.7:8000/\n  http://198.51.100.1:8000/\n  http://[2001:db8::7]:8000/\n",
        );
        check(
            "PY-4 IPv6 alone",
            &[("127.0.0.1:8000", false), ("[::]:8000", false)],
            "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n\
             Serving HTTP on :: port 8000 (http://[::]:8000/) ...\n  http://[::1]:8000/\n  \
             http://[2001:db8::7]:8000/\n",
        );
    }

    #[test]
    fn an_endpoint_has_the_port_of_the_kernel() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = endpoint(&Listener::Tcp(listener)).unwrap();
        assert_eq!((endpoint.address, endpoint.is_dual), (address, false));
        assert_ne!(endpoint.address.port(), 0);
    }

    #[test]
    fn the_machine_has_a_loopback_address() {
        assert!(interfaces().iter().any(IpAddr::is_loopback), "{:?}", interfaces());
    }
}
