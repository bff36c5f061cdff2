//! Addresses become listeners: those of TCP, those of Unix sockets, those that were handed over, the next port where one is taken.
//! It refuses to know what clients are told.

mod inherited;
mod unix;

use crate::error::StartupError;
use glasshouse_http::bounded_file;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::{self, PathBuf};
pub use unix::SocketFile;

/// Connections that the kernel may hold for us before they are accepted; it caps the number by its own limit.
const BACKLOG: i32 = 1024;
/// Ports that are tried in place of one that is taken.
const FALLBACKS: u16 = 100;
/// What a Unix socket is told from a host by.
const UNIX: &str = "unix:";

/// Where clients come in, non-blocking.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The address of one of TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }
}

/// All of them, and the files that go when this goes.
#[derive(Debug)]
pub struct Listeners {
    /// At least one.
    pub serving: Vec<Listener>,
    /// Those without TLS, which send everybody to the others.
    pub redirecting: Vec<Listener>,
    pub files: Vec<SocketFile>,
    /// The port that was taken, where another one is used in its place.
    pub taken: Option<u16>,
}

/// A value of `--bind`, as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum BindAddr<'a> {
    Host(&'a str),
    Unix(PathBuf),
}

/// Those to listen on.
#[derive(Debug)]
pub struct Addresses {
    /// None of the three for all of TCP.
    hosts: Vec<SocketAddr>,
    files: Vec<PathBuf>,
    inherited: Vec<Listener>,
    pub options: Options,
}

/// What else was said about them.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub port: u16,
    /// Whether the next free port will do where that one is taken.
    pub port_fallback: bool,
    /// The port of the same hosts from which everybody is sent to the other.
    pub redirect_port: Option<u16>,
    /// The mode of the files of Unix sockets.
    pub unix_mode: u32,
}

/// Sockets of TCP, with the addresses that were asked for.
type Bound = Vec<(SocketAddr, Socket)>;
/// An address that cannot be had.
type Refused = (SocketAddr, io::Error);

impl<'a> BindAddr<'a> {
    /// Reads a `--bind` value: `unix:PATH`, or a host without the brackets of a URL.
    ///
    /// # Errors
    /// No address, or one with a port in it.
    pub fn parse(text: &'a str) -> Result<BindAddr<'a>, StartupError> {
        if let Some(path) = text.strip_prefix(UNIX) {
            let absolute = path::absolute(path).map_err(|_| ());
            return absolute.map(BindAddr::Unix).map_err(|()| {
                StartupError::Usage(format!(
                    "--bind: '{text}' names no file; give a path such as unix:/run/glasshouse.sock"
                ))
            });
        }
        if text.is_empty() {
            return Err(StartupError::Usage("--bind: '' is no address; leave --bind out to listen on all".into()));
        }
        if text.parse::<SocketAddr>().is_ok() {
            return Err(StartupError::Usage(format!(
                "--bind: '{text}' has a port in it; give the port as an argument of its own"
            )));
        }
        Ok(BindAddr::Host(text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)))
    }

    /// The name or the address of a host, if it is one.
    pub fn host(&self) -> Option<&'a str> {
        match self {
            BindAddr::Host(host) => Some(host),
            BindAddr::Unix(_) => None,
        }
    }
}

/// The address that a name stands for: the first, as in the seed (S5). `localhost` is 127.0.0.1 wherever that is among
/// its addresses, in whatever order the machine gives them.
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, StartupError> {
    let addresses = (host, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    let preferred = addresses.iter().find(|address| address.is_ipv4() && host.eq_ignore_ascii_case("localhost"));
    preferred.or(addresses.first()).copied().ok_or_else(|| {
        let reason = "no address is known for this name; give a name or an address of this machine";
        StartupError::CannotServe(format!("cannot listen on '{host}': {reason}"))
    })
}

impl Addresses {
    /// Finds out what names stand for, and what was handed over to this process.
    ///
    /// # Errors
    /// A name without an address, a socket that clients cannot connect to.
    pub fn resolve(typed: Vec<BindAddr>, options: Options) -> Result<Addresses, StartupError> {
        let mut addresses =
            Addresses { hosts: Vec::new(), files: Vec::new(), inherited: inherited::inherited()?, options };
        for typed in typed {
            match typed {
                BindAddr::Host(host) => addresses.hosts.push(resolve(host, options.port)?),
                BindAddr::Unix(path) => addresses.files.push(path),
            }
        }
        Ok(addresses)
    }

    /// Those of TCP that were named or handed over.
    pub fn of_tcp(&self) -> Vec<SocketAddr> {
        let inherited = self.inherited.iter().filter_map(Listener::address);
        self.hosts.iter().copied().chain(inherited).collect()
    }

    /// Whether some of TCP were named, or all of them are meant, so that there are others with the same port.
    pub fn have_hosts(&self) -> bool {
        !self.hosts.is_empty() || self.is_everywhere()
    }

    /// Whether none was named or handed over, of any kind.
    pub fn is_everywhere(&self) -> bool {
        self.hosts.is_empty() && self.files.is_empty() && self.inherited.is_empty()
    }

    /// Listens on every address, without blocking. Every address is bound before the first one listens, so a client never
    /// meets a server that is about to give up.
    ///
    /// # Errors
    /// An address that is taken, or is none of this machine's (S14).
    pub fn listen(&mut self) -> Result<Listeners, StartupError> {
        let cannot = |(address, error): Refused| cannot_listen(address, &error);
        let (bound, taken) = self.bind().map_err(cannot)?;
        let redirecting = self.options.redirect_port.map(|port| self.bind_at(port)).transpose().map_err(cannot)?;
        let (mut serving, mut files) = (mem::take(&mut self.inherited), Vec::new());
        for path in &self.files {
            let (listener, file) = unix::listen(path, self.options.unix_mode)?;
            serving.push(Listener::Unix(listener));
            files.push(file);
        }
        serving.extend(listen(bound)?);
        Ok(Listeners { serving, redirecting: listen(redirecting.unwrap_or_default())?, files, taken })
    }

    /// The sockets of TCP, and the port that was taken, if others are used in its place.
    fn bind(&self) -> Result<(Bound, Option<u16>), Refused> {
        let port = self.options.port;
        let first = self.bind_at(port);
        let is_taken =
            |result: &Result<_, Refused>| matches!(result, Err((_, error)) if error.kind() == ErrorKind::AddrInUse);
        if !self.options.port_fallback || !is_taken(&first) {
            return Ok((first?, None));
        }
        let others = (port.saturating_add(1)..=u16::MAX).take(FALLBACKS.into());
        let found = others.map(|port| self.bind_at(port)).find(|result| !is_taken(result));
        Ok((found.unwrap_or(first)?, Some(port)))
    }

    fn bind_at(&self, port: u16) -> Result<Bound, Refused> {
        if self.is_everywhere() {
            return bind_everywhere(port).map(|bound| vec![bound]);
        }
        bind_each(self.hosts.iter().copied().map(|address| at_port(address, port)).collect())
    }
}

fn listen(bound: Bound) -> Result<Vec<Listener>, StartupError> {
    let listening = bound.into_iter().map(|(address, socket)| {
        let listen = || {
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)
        };
        listen().map(|()| Listener::Tcp(socket.into())).map_err(|error| cannot_listen(address, &error))
    });
    listening.collect()
}

/// Listens on one address, which is not one of those that serve.
///
/// # Errors
/// It is taken, or none of this machine's.
pub fn listen_alone(address: SocketAddr) -> Result<TcpListener, StartupError> {
    let listen = || {
        let socket = bind(address, true)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    listen().map_err(|error| cannot_listen(address, &error))
}

fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// One socket for both families (S4), or for IPv4 alone on a machine without IPv6.
fn bind_everywhere(port: u16) -> Result<(SocketAddr, Socket), Refused> {
    let dual = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    match bind(dual, false) {
        Ok(socket) => Ok((dual, socket)),
        Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => Err((dual, error)),
        Err(_) => bind(ipv4, true).map(|socket| (ipv4, socket)).map_err(|error| (ipv4, error)),
    }
}

/// With port 0 the kernel chooses for the first address, and the others take the same port where it is free.
fn bind_each(addresses: Vec<SocketAddr>) -> Result<Bound, Refused> {
    // `::` takes in IPv4 as in the seed, unless an IPv4 address is named beside it: the two would want the same port.
    let only_v6 = addresses.iter().any(SocketAddr::is_ipv4);
    let mut bound: Bound = Vec::new();
    let mut chosen = None;
    for (at, &address) in addresses.iter().enumerate() {
        if addresses.iter().take(at).any(|earlier| *earlier == address) {
            continue;
        }
        let socket = bind_near(address, chosen, only_v6).map_err(|error| (address, error))?;
        if address.port() == 0 && chosen.is_none() {
            chosen = socket.local_addr().ok().and_then(|local| local.as_socket()).map(|local| local.port());
        }
        bound.push((address, socket));
    }
    Ok(bound)
}

/// Binds the port that the first address got, or where that is taken the one that this address came with.
fn bind_near(address: SocketAddr, chosen: Option<u16>, only_v6: bool) -> io::Result<Socket> {
    let Some(port) = chosen else { return bind(address, only_v6) };
    match bind(at_port(address, port), only_v6) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => bind(address, only_v6),
        result => result,
    }
}

/// SO_REUSEADDR lets a server restart at once; without SO_REUSEPORT a second one on the same port is an error (S14).
fn bind(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6 && address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> StartupError {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => "address already in use; choose another port, or 0 for any free one".to_owned(),
        ErrorKind::AddrNotAvailable => "not an address of this machine; leave --bind out to listen on all".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; choose a port from 1024 up".to_owned(),
        ErrorKind::InvalidInput if is_link_local(address) => {
            "it says nothing of the interface; name it behind a '%', as in fe80::1%eth0".to_owned()
        }
        _ if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => bounded_file::reason(error),
        _ => format!("{}; choose another address", bounded_file::reason(error)),
    };
    StartupError::CannotServe(format!("cannot listen on {} port {}: {reason}", address.ip(), address.port()))
}

fn is_link_local(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::net::TcpStream;

    fn addresses(port: u16, binds: &[&str]) -> Addresses {
        let typed = binds.iter().map(|text| BindAddr::parse(text).unwrap()).collect();
        let options = Options { port, port_fallback: false, redirect_port: None, unix_mode: 0o600 };
        Addresses::resolve(typed, options).unwrap()
    }

    #[track_caller]
    fn tcp(listening: Result<Listeners, StartupError>) -> Vec<TcpListener> {
        let tcp = |listener| match listener {
            Listener::Tcp(listener) => listener,
            Listener::Unix(_) => panic!("{listener:?}"),
        };
        listening.unwrap().serving.into_iter().map(tcp).collect()
    }

    #[track_caller]
    fn ports(listeners: &[TcpListener]) -> Vec<SocketAddr> {
        listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
    }

    #[test]
    fn a_port_in_use_is_an_error_s14() {
        let first = tcp(addresses(0, &["127.0.0.1"]).listen());
        let port = ports(&first)[0].port();
        let reason = "address already in use; choose another port, or 0 for any free one";
        for (binds, address) in [(&["127.0.0.1"][..], "127.0.0.1"), (&[], "::")] {
            let Err(fault) = addresses(port, binds).listen() else { panic!("{binds:?} was bound twice") };
            assert_eq!(fault.exit_code(), 1);
            let text = fault.to_string();
            // A machine without IPv6 tries 0.0.0.0 in place of `::`.
            let expected = format!("cannot listen on {address} port {port}: {reason}");
            assert!(text == expected || text == expected.replace("::", "0.0.0.0"), "{text}");
        }
        let socket = SockRef::from(&first[0]);
        assert!(socket.reuse_address().unwrap() && !socket.reuse_port().unwrap() && socket.nonblocking().unwrap());
    }

    #[test]
    fn all_interfaces_are_the_default_s4() {
        let listeners = tcp(addresses(0, &[]).listen());
        let addresses = ports(&listeners);
        assert!(addresses.len() == 1 && addresses[0].ip().is_unspecified(), "{addresses:?}");
        TcpStream::connect((Ipv4Addr::LOCALHOST, addresses[0].port())).unwrap();
        if addresses[0].is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, addresses[0].port())).unwrap();
        }
    }

    #[test]
    fn names_and_brackets_are_understood_s5() {
        for (typed, expected) in [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("LocalHost", "127.0.0.1")] {
            let listeners = tcp(addresses(0, &[typed]).listen());
            assert_eq!(ports(&listeners)[0].ip().to_string(), expected, "{typed}");
        }
        for (typed, expected) in [("[::1]", "::1"), ("::1", "::1"), ("[localhost]", "localhost"), ("[", "[")] {
            assert_eq!(BindAddr::parse(typed), Ok(BindAddr::Host(expected)));
        }
    }

    #[test]
    fn several_addresses_share_one_port() {
        let listeners = tcp(addresses(0, &["127.0.0.1", "127.0.0.2", "localhost"]).listen());
        let addresses = ports(&listeners);
        assert_eq!(addresses.len(), 2, "localhost was there already: {addresses:?}");
        assert_eq!(addresses[0].port(), addresses[1].port());
        assert_ne!(addresses[0].ip(), addresses[1].ip());
    }

    #[test]
    fn a_second_address_whose_port_is_taken_gets_another() {
        let holder = tcp(addresses(0, &["127.0.0.1"]).listen());
        let taken = ports(&holder)[0];
        let socket = bind_near(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(taken.port()), true).unwrap();
        let near = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(near.ip(), taken.ip());
        assert_ne!(near.port(), taken.port());
    }

    #[test]
    fn the_next_free_port_is_taken() {
        let holder = tcp(addresses(0, &["127.0.0.1"]).listen());
        let port = ports(&holder)[0].port();
        let mut addresses = addresses(port, &["127.0.0.1", "127.0.0.2"]);
        addresses.options.port_fallback = true;
        let listening = addresses.listen().unwrap();
        assert_eq!(listening.taken, Some(port));
        let found = ports(&tcp(Ok(listening)));
        assert!(found[0].port() > port && found[0].port() == found[1].port(), "{port}: {found:?}");
    }
}
