//! The announcement on standard output: the line that scripts wait for (S12), then the URLs to type into a browser. It
//! refuses to know how the sockets came about; it reads everything from them.

use crate::listen::{Listener, Listeners};
use crate::tls::TlsIdentity;
use socket2::SockRef;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

/// A listening socket as a client sees it.
#[derive(Clone, Copy)]
struct Bound {
    address: SocketAddr,
    /// An IPv6 socket that answers under IPv4 addresses too.
    dual: bool,
}

/// The announcement, and the address for those who are led here by the program.
pub struct Banner {
    pub text: String,
    /// That for a browser on this machine, and that for others in its network, where there is any.
    pub here: Option<String>,
    pub lan: Option<String>,
}

/// One line for each listener, and the URLs of this machine where one listens on every address. The port is the one that
/// the kernel chose (S2).
///
/// With TLS, the fingerprint of a certificate follows that nobody has signed, to compare with what a browser shows. People are led
/// to the path `entry`.
pub fn banner(
    listening: &Listeners,
    identity: Option<&TlsIdentity>,
    admin: Option<&TcpListener>,
    entry: &str,
) -> Banner {
    let scheme = if identity.is_some() { "https" } else { "http" };
    let bound: Vec<Bound> = listening.serving.iter().filter_map(bound).collect();
    let interfaces = interfaces();
    let mut text = render(&bound, &interfaces, scheme, entry);
    for address in listening.redirecting.iter().filter_map(Listener::address) {
        let (ip, port) = (address.ip(), address.port());
        let _ = writeln!(text, "Redirecting HTTP on {ip}{} port {port} ({})", zone(address, "%"), url(address, "http"));
    }
    for file in listening.serving.iter().filter_map(file) {
        let _ = writeln!(text, "Serving {} on unix:{} ...", scheme.to_ascii_uppercase(), file.display());
    }
    if let Some(identity @ TlsIdentity::Made(_)) = identity {
        let _ = writeln!(text, "  certificate SHA-256 {}", identity.fingerprint());
    }
    if let Some(address) = admin.and_then(|listener| listener.local_addr().ok()) {
        let _ = writeln!(text, "Admin on {} port {} ({})", address.ip(), address.port(), url(address, "http"));
    }
    let urls: Vec<(IpAddr, String)> = bound.iter().flat_map(|bound| urls(*bound, &interfaces, scheme)).collect();
    let here = urls.iter().find(|(ip, _)| ip.is_loopback()).or(urls.first());
    let lan = urls.iter().find(|(ip, _)| !ip.is_loopback());
    let url = |found: Option<&(IpAddr, String)>| found.map(|(_, url)| url.trim_end_matches('/').to_owned() + entry);
    Banner { here: url(here), lan: url(lan), text }
}

/// The file of a Unix socket.
fn file(listener: &Listener) -> Option<PathBuf> {
    match listener {
        Listener::Unix(listener) => Some(listener.local_addr().ok()?.as_pathname()?.to_owned()),
        Listener::Tcp(_) => None,
    }
}

/// Where a client finds a listener.
fn urls(bound: Bound, interfaces: &[IpAddr], scheme: &str) -> Vec<(IpAddr, String)> {
    let ip = bound.address.ip();
    let found = if ip.is_unspecified() { reachable(bound, interfaces) } else { vec![ip] };
    found.into_iter().map(|ip| (ip, url(at(bound.address, ip), scheme))).collect()
}

/// The same port, and the interface, at another address.
fn at(mut address: SocketAddr, ip: IpAddr) -> SocketAddr {
    address.set_ip(ip);
    address
}

/// Prints it. A standard output that is closed or full stops nothing.
pub fn announce(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn bound(listener: &Listener) -> Option<Bound> {
    let Listener::Tcp(listener) = listener else { return None };
    let address = listener.local_addr().ok()?;
    let only_v6 = SockRef::from(listener).only_v6().unwrap_or(true);
    Some(Bound { address, dual: address.is_ipv6() && !only_v6 })
}

/// The addresses of this machine; none where it does not tell.
pub fn interfaces() -> Vec<IpAddr> {
    if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect()
}

/// `entry` is the path that people are led to.
fn render(bound: &[Bound], interfaces: &[IpAddr], scheme: &str, entry: &str) -> String {
    let mut text = String::new();
    let name = scheme.to_ascii_uppercase();
    let entry = entry.strip_prefix('/').unwrap_or(entry);
    for Bound { address, .. } in bound {
        let (ip, port, url) = (address.ip(), address.port(), url(*address, scheme) + entry);
        let _ = writeln!(text, "Serving {name} on {ip}{} port {port} ({url}) ...", zone(*address, "%"));
    }
    let mut urls: Vec<String> = Vec::new();
    for bound in bound.iter().filter(|bound| bound.address.ip().is_unspecified()) {
        urls.extend(self::urls(*bound, interfaces, scheme).into_iter().map(|(_, url)| url));
    }
    for url in urls {
        let _ = writeln!(text, "  {url}{entry}");
    }
    text
}

/// The addresses under which a socket on every address is reached: the loopback first, and IPv4 before IPv6, as the
/// likeliest to be of use comes first.
fn reachable(bound: Bound, interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let ipv4 = bound.dual || bound.address.is_ipv4();
    let ipv6 = bound.address.is_ipv6();
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mut found: Vec<IpAddr> = Vec::new();
    for ip in [loopback].into_iter().chain(interfaces.iter().copied()) {
        let listened = if ip.is_ipv4() { ipv4 } else { ipv6 };
        if listened && is_usable(ip) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found.sort_by_key(|ip| (!ip.is_loopback(), ip.is_ipv6()));
    found
}

/// A link-local IPv6 address needs the name of an interface beside it, which no browser accepts in a URL (RFC 6874).
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

fn url(address: SocketAddr, scheme: &str) -> String {
    match address {
        SocketAddr::V4(address) => format!("{scheme}://{address}/"),
        // A percent sign stands for itself nowhere in a URL (RFC 6874 2).
        SocketAddr::V6(v6) => format!("{scheme}://[{}{}]:{}/", v6.ip(), zone(address, "%25"), v6.port()),
    }
}

/// The interface of a link-local address, behind a mark.
fn zone(address: SocketAddr, mark: &str) -> String {
    let SocketAddr::V6(address) = address else { return String::new() };
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let name = all.into_iter().find(|one| one.index == Some(address.scope_id())).map(|one| one.name);
    match address.scope_id() {
        0 => String::new(),
        id => format!("{mark}{}", name.unwrap_or_else(|| id.to_string())),
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
        let bound = sockets.iter().map(|(address, dual)| Bound { address: address.parse().unwrap(), dual: *dual });
        let bound: Vec<Bound> = bound.collect();
        assert_eq!(render(&bound, &interfaces, "http", "/"), expected, "{id}");
        let secure = render(&bound, &interfaces, "https", "/");
        assert_eq!(secure, expected.replace("http:", "https:").replace("Serving HTTP", "Serving HTTPS"), "{id}");
    }

    #[test]
    fn the_first_line_is_the_seeds_s12() {
        check(
            "S12",
            &[("127.0.0.1:8000", false)],
            "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n",
        );
        let bound = [Bound { address: "[::1]:81".parse().unwrap(), dual: false }];
        let below = render(&bound, &[], "http", "/a%20b/");
        assert_eq!(below, "Serving HTTP on ::1 port 81 (http://[::1]:81/a%20b/) ...\n");
        check("S12", &[("[::1]:8141", false)], "Serving HTTP on ::1 port 8141 (http://[::1]:8141/) ...\n");
        check(
            "each listener",
            &[("192.0.2.7:80", false), ("[2001:db8::7]:81", false)],
            "Serving HTTP on 192.0.2.7 port 80 (http://192.0.2.7:80/) ...\n\
             Serving HTTP on 2001:db8::7 port 81 (http://[2001:db8::7]:81/) ...\n",
        );
    }

    #[test]
    fn every_url_of_the_machine_follows_s4() {
        check(
            "S4 IPv4",
            &[("0.0.0.0:8000", false)],
            "Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...\n  http://127.0.0.1:8000/\n  \
             http://192.0.2.7:8000/\n  http://198.51.100.1:8000/\n",
        );
        check(
            "S4 both",
            &[("[::]:8000", true)],
            "Serving HTTP on :: port 8000 (http://[::]:8000/) ...\n  http://127.0.0.1:8000/\n  http://[::1]:8000/\n  \
             http://192.0.2.7:8000/\n  http://198.51.100.1:8000/\n  http://[2001:db8::7]:8000/\n",
        );
        check(
            "S4 IPv6 alone",
            &[("127.0.0.1:8000", false), ("[::]:8000", false)],
            "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n\
             Serving HTTP on :: port 8000 (http://[::]:8000/) ...\n  http://[::1]:8000/\n  \
             http://[2001:db8::7]:8000/\n",
        );
    }

    #[test]
    fn a_socket_tells_what_it_answers_s2() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let bound = bound(&Listener::Tcp(listener)).unwrap();
        assert_eq!((bound.address, bound.dual), (address, false));
        assert_ne!(bound.address.port(), 0);
    }

    #[test]
    fn the_machine_tells_its_addresses() {
        assert!(interfaces().iter().any(IpAddr::is_loopback), "{:?}", interfaces());
    }
}
