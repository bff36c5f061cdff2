//! Resolves addresses and opens listeners: TCP, Unix sockets, inherited sockets.

mod error;
#[cfg_attr(not(target_os = "linux"), path = "listen/inherited_unavailable.rs")]
mod inherited;
#[cfg_attr(not(unix), path = "listen/unix_unavailable.rs")]
mod unix;

pub(crate) use error::ListenError;
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{self, PathBuf};
pub(crate) use unix::SocketFile;
use unix::UnixListener;

/// Connections that the kernel queues before they are accepted, up to its own limit.
const BACKLOG: i32 = 1024;
/// Ports that `--port-fallback` tries.
const FALLBACK_PORTS: u16 = 100;
/// The prefix of a path in `--bind`.
const UNIX_PREFIX: &str = "unix:";

/// A non-blocking listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The address of a TCP listener.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }

    /// The path of a Unix socket.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Listener::Tcp(_) => None,
            Listener::Unix(listener) => unix::path(listener),
        }
    }
}

/// All listeners of the server. The drop removes the files of Unix sockets.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// At least one.
    pub(crate) serving: Vec<Listener>,
    /// Listeners without TLS that redirect to a serving listener.
    pub(crate) redirecting: Vec<Listener>,
    pub(crate) files: Vec<SocketFile>,
    /// The port of the options, if it was in use and `--port-fallback` chose another one.
    pub(crate) port_in_use: Option<u16>,
}

/// A parsed value of `--bind`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BindAddr<'a> {
    Host(&'a str),
    Unix(PathBuf),
}

/// The addresses to listen on.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// TCP addresses. If there is no address of any kind, the server listens on all TCP addresses.
    hosts: Vec<SocketAddr>,
    files: Vec<PathBuf>,
    inherited: Vec<Listener>,
    pub(crate) options: ListenOptions,
}

/// Options that apply to all addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenOptions {
    pub(crate) port: u16,
    /// Whether to use the next free port if that one is in use.
    pub(crate) port_fallback: bool,
    /// The port of the redirecting listeners, on the same hosts.
    pub(crate) redirect_port: Option<u16>,
    /// The file mode of Unix sockets.
    pub(crate) unix_mode: u32,
    /// Whether to listen on the loopback address instead of all addresses.
    pub(crate) is_local: bool,
}

/// Bound TCP sockets, each with its configured address.
type BoundSockets = Vec<(SocketAddr, Socket)>;
/// An address that cannot be bound.
type BindFailure = (SocketAddr, io::Error);

impl<'a> BindAddr<'a> {
    /// Parses a `--bind` value: `unix:PATH`, or a host with or without the brackets of a URL.
    ///
    /// # Errors
    /// The value is empty, contains a port, lacks the path, or the system has no Unix sockets.
    pub(crate) fn parse(text: &'a str) -> Result<BindAddr<'a>, ListenError> {
        if let Some(path) = text.strip_prefix(UNIX_PREFIX) {
            if cfg!(windows) {
                return Err(ListenError::NoUnixSockets(text.to_owned()));
            }
            return path::absolute(path).map(BindAddr::Unix).map_err(|_| ListenError::NoPath(text.to_owned()));
        }
        if text.is_empty() {
            return Err(ListenError::Empty);
        }
        if text.parse::<SocketAddr>().is_ok() {
            return Err(ListenError::HasPort(text.to_owned()));
        }
        Ok(BindAddr::Host(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)))
    }

    /// The host of a TCP address.
    pub(crate) fn host(&self) -> Option<&'a str> {
        match self {
            BindAddr::Host(host) => Some(host),
            BindAddr::Unix(_) => None,
        }
    }
}

/// The first address of a name, as in Python (PY-5). For `localhost` it is 127.0.0.1, if that is one of its addresses.
///
/// # Errors
/// The name has no address.
pub(crate) fn resolve(host: &str, port: u16) -> Result<SocketAddr, ListenError> {
    let addresses = (host, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    let preferred = addresses.iter().find(|address| address.is_ipv4() && host.eq_ignore_ascii_case("localhost"));
    preferred.or(addresses.first()).copied().ok_or_else(|| ListenError::UnknownHost(host.to_owned()))
}

impl Addresses {
    /// Resolves names and takes over inherited sockets.
    ///
    /// # Errors
    /// A name has no address, or an inherited socket is unusable.
    pub(crate) fn resolve(binds: Vec<BindAddr>, options: ListenOptions) -> Result<Addresses, ListenError> {
        let mut addresses =
            Addresses { hosts: Vec::new(), files: Vec::new(), inherited: inherited::inherited()?, options };
        for bind in binds {
            match bind {
                BindAddr::Host(host) => addresses.hosts.push(resolve(host, options.port)?),
                BindAddr::Unix(path) => addresses.files.push(path),
            }
        }
        if options.is_local && addresses.is_everywhere() {
            addresses.hosts.push(resolve("localhost", options.port)?);
        }
        Ok(addresses)
    }

    /// The configured and the inherited TCP addresses.
    pub(crate) fn of_tcp(&self) -> Vec<SocketAddr> {
        let inherited = self.inherited.iter().filter_map(Listener::address);
        self.hosts.iter().copied().chain(inherited).collect()
    }

    /// Whether the port of the options applies to any address.
    pub(crate) fn have_hosts(&self) -> bool {
        !self.hosts.is_empty() || self.is_everywhere()
    }

    /// Whether the server listens on all TCP addresses.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.hosts.is_empty() && self.files.is_empty() && self.inherited.is_empty()
    }

    /// Opens all listeners. Every TCP address is bound before the first one listens, so no client connects to a
    /// server that then fails to start.
    ///
    /// # Errors
    /// An address is in use or is not one of this machine (PY-14).
    pub(crate) fn listen(&mut self) -> Result<Listeners, ListenError> {
        let failure = |(address, source): BindFailure| ListenError::Tcp { address, source };
        let (bound, port_in_use) = self.bind().map_err(failure)?;
        let redirecting = self.options.redirect_port.map(|port| self.bind_at(port)).transpose().map_err(failure)?;
        let (mut serving, mut files) = (mem::take(&mut self.inherited), Vec::new());
        for path in &self.files {
            let (listener, file) = unix::listen(path, self.options.unix_mode)?;
            serving.push(Listener::Unix(listener));
            files.push(file);
        }
        serving.extend(listen(bound)?);
        Ok(Listeners { serving, redirecting: listen(redirecting.unwrap_or_default())?, files, port_in_use })
    }

    /// The bound sockets, and the configured port if another one replaces it.
    fn bind(&self) -> Result<(BoundSockets, Option<u16>), BindFailure> {
        let port = self.options.port;
        let first = self.bind_at(port);
        let is_in_use =
            |result: &Result<_, BindFailure>| matches!(result, Err((_, error)) if error.kind() == ErrorKind::AddrInUse);
        if !self.options.port_fallback || !is_in_use(&first) {
            return Ok((first?, None));
        }
        let others = (port.saturating_add(1)..=u16::MAX).take(FALLBACK_PORTS.into());
        let found = others.map(|port| self.bind_at(port)).find(|result| !is_in_use(result));
        Ok((found.unwrap_or(first)?, Some(port)))
    }

    fn bind_at(&self, port: u16) -> Result<BoundSockets, BindFailure> {
        if self.is_everywhere() {
            return bind_everywhere(port).map(|bound| vec![bound]);
        }
        bind_each(self.hosts.iter().copied().map(|address| at_port(address, port)).collect())
    }
}

fn listen(bound: BoundSockets) -> Result<Vec<Listener>, ListenError> {
    let listeners = bound.into_iter().map(|(address, socket)| {
        let listen = || {
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)
        };
        listen().map(|()| Listener::Tcp(socket.into())).map_err(|source| ListenError::Tcp { address, source })
    });
    listeners.collect()
}

/// Opens the listener of the admin address.
///
/// # Errors
/// The address is in use or is not one of this machine.
pub(crate) fn listen_alone(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listen = || {
        let socket = bind(address, true)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    listen().map_err(|source| ListenError::Tcp { address, source })
}

fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// One socket for both families (PY-4), or for IPv4 on a machine without IPv6.
fn bind_everywhere(port: u16) -> Result<(SocketAddr, Socket), BindFailure> {
    let dual = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    match bind(dual, false) {
        Ok(socket) => Ok((dual, socket)),
        Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => Err((dual, error)),
        Err(_) => bind(ipv4, true).map(|socket| (ipv4, socket)).map_err(|error| (ipv4, error)),
    }
}

/// With port 0 the kernel chooses the port of the first address. The other addresses use it too if it is free.
fn bind_each(addresses: Vec<SocketAddr>) -> Result<BoundSockets, BindFailure> {
    // `::` includes IPv4, as in Python. Beside an IPv4 address it does not: the two would conflict.
    let only_v6 = addresses.iter().any(SocketAddr::is_ipv4);
    let mut bound: BoundSockets = Vec::new();
    let mut chosen_port = None;
    for (at, &address) in addresses.iter().enumerate() {
        if addresses.iter().take(at).any(|earlier| *earlier == address) {
            continue;
        }
        let socket = bind_preferring(address, chosen_port, only_v6).map_err(|error| (address, error))?;
        if address.port() == 0 && chosen_port.is_none() {
            chosen_port = socket.local_addr().ok().and_then(|local| local.as_socket()).map(|local| local.port());
        }
        bound.push((address, socket));
    }
    Ok(bound)
}

/// Binds the port of the first address. If it is in use, binds the configured port.
fn bind_preferring(address: SocketAddr, chosen_port: Option<u16>, only_v6: bool) -> io::Result<Socket> {
    let Some(port) = chosen_port else { return bind(address, only_v6) };
    match bind(at_port(address, port), only_v6) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => bind(address, only_v6),
        result => result,
    }
}

/// With SO_REUSEADDR a server can restart without a delay. Without SO_REUSEPORT a second server on the same port is an
/// error (PY-14).
fn bind(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6 && address.ip().is_unspecified())?;
    }
    // In Windows the option would let a second server take the port. A restart works without it.
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::net::TcpStream;

    fn addresses(port: u16, binds: &[&str]) -> Addresses {
        let binds = binds.iter().map(|text| BindAddr::parse(text).unwrap()).collect();
        let options =
            ListenOptions { port, port_fallback: false, redirect_port: None, unix_mode: 0o600, is_local: false };
        Addresses::resolve(binds, options).unwrap()
    }

    #[track_caller]
    fn tcp(listeners: Result<Listeners, ListenError>) -> Vec<TcpListener> {
        let tcp = |listener| match listener {
            Listener::Tcp(listener) => listener,
            Listener::Unix(_) => panic!("{listener:?}"),
        };
        listeners.unwrap().serving.into_iter().map(tcp).collect()
    }

    #[track_caller]
    fn ports(listeners: &[TcpListener]) -> Vec<SocketAddr> {
        listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = tcp(addresses(0, &["127.0.0.1"]).listen());
        let port = ports(&first)[0].port();
        let reason = "address already in use; choose another port, or 0 for any free one";
        for (binds, address) in [(&["127.0.0.1"][..], "127.0.0.1"), (&[], "::")] {
            let Err(error) = addresses(port, binds).listen() else { panic!("{binds:?} was bound twice") };
            assert!(!error.is_usage(), "{error}");
            let text = error.to_string();
            // A machine without IPv6 tries 0.0.0.0 in place of `::`.
            let expected = format!("cannot listen on {address} port {port}: {reason}");
            assert!(text == expected || text == expected.replace("::", "0.0.0.0"), "{text}");
        }
        let socket = SockRef::from(&first[0]);
        assert!(socket.reuse_address().unwrap() && !socket.reuse_port().unwrap() && socket.nonblocking().unwrap());
    }

    #[test]
    fn all_interfaces_are_the_default() {
        let listeners = tcp(addresses(0, &[]).listen());
        let addresses = ports(&listeners);
        assert!(addresses.len() == 1 && addresses[0].ip().is_unspecified(), "{addresses:?}");
        TcpStream::connect((Ipv4Addr::LOCALHOST, addresses[0].port())).unwrap();
        if addresses[0].is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, addresses[0].port())).unwrap();
        }
    }

    #[test]
    fn names_and_brackets_are_parsed() {
        for (typed, expected) in [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("LocalHost", "127.0.0.1")] {
            let listeners = tcp(addresses(0, &[typed]).listen());
            assert_eq!(ports(&listeners)[0].ip().to_string(), expected, "{typed}");
        }
        for (typed, expected) in [("[::1]", "::1"), ("::1", "::1"), ("[localhost]", "localhost"), ("[", "[")] {
            assert_eq!(BindAddr::parse(typed).unwrap(), BindAddr::Host(expected));
        }
    }

    #[test]
    fn several_addresses_share_one_port() {
        let listeners = tcp(addresses(0, &["127.0.0.1", "127.0.0.2", "localhost"]).listen());
        let addresses = ports(&listeners);
        assert_eq!(addresses.len(), 2, "localhost is 127.0.0.1: {addresses:?}");
        assert_eq!(addresses[0].port(), addresses[1].port());
        assert_ne!(addresses[0].ip(), addresses[1].ip());
    }

    #[test]
    fn a_second_address_with_a_port_in_use_gets_another() {
        let holder = tcp(addresses(0, &["127.0.0.1"]).listen());
        let in_use = ports(&holder)[0];
        let socket = bind_preferring(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(in_use.port()), true).unwrap();
        let other = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(other.ip(), in_use.ip());
        assert_ne!(other.port(), in_use.port());
    }

    #[test]
    fn port_fallback_uses_the_next_free_port() {
        let holder = tcp(addresses(0, &["127.0.0.1"]).listen());
        let port = ports(&holder)[0].port();
        let mut addresses = addresses(port, &["127.0.0.1", "127.0.0.2"]);
        addresses.options.port_fallback = true;
        let listeners = addresses.listen().unwrap();
        assert_eq!(listeners.port_in_use, Some(port));
        let found = ports(&tcp(Ok(listeners)));
        assert!(found[0].port() > port && found[0].port() == found[1].port(), "{port}: {found:?}");
    }
}
