//! Sockets that listen, on one address or all of them. It refuses to know who typed them.

use super::Fault;
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Connections that the kernel may hold for us before they are accepted; it caps the number by its own limit.
const BACKLOG: i32 = 1024;

/// Binds every address before the first one listens, so a client never meets a server that is about to give up.
pub fn listen(addresses: Vec<SocketAddr>, port: u16) -> Result<Vec<TcpListener>, Fault> {
    let bound = if addresses.is_empty() { vec![bind_everywhere(port)?] } else { bind_each(addresses)? };
    let listening = bound.into_iter().map(|(address, socket)| {
        let listen = || {
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)
        };
        listen().map(|()| TcpListener::from(socket)).map_err(|error| cannot_listen(address, &error))
    });
    listening.collect()
}

/// One socket for both families (S4), or for IPv4 alone on a machine without IPv6.
fn bind_everywhere(port: u16) -> Result<(SocketAddr, Socket), Fault> {
    let dual = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    match bind(dual, false) {
        Ok(socket) => Ok((dual, socket)),
        Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
            Err(cannot_listen(dual, &error))
        }
        Err(_) => bind(ipv4, true).map(|socket| (ipv4, socket)).map_err(|error| cannot_listen(ipv4, &error)),
    }
}

/// With port 0 the kernel chooses for the first address, and the others take the same port where it is free.
fn bind_each(addresses: Vec<SocketAddr>) -> Result<Vec<(SocketAddr, Socket)>, Fault> {
    // `::` takes in IPv4 as in the seed, unless an IPv4 address is named beside it: the two would want the same port.
    let only_v6 = addresses.iter().any(SocketAddr::is_ipv4);
    let mut bound: Vec<(SocketAddr, Socket)> = Vec::new();
    let mut chosen = None;
    for (at, &address) in addresses.iter().enumerate() {
        if addresses.iter().take(at).any(|earlier| *earlier == address) {
            continue;
        }
        let socket = bind_near(address, chosen, only_v6).map_err(|error| cannot_listen(address, &error))?;
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
    let mut near = address;
    near.set_port(port);
    match bind(near, only_v6) {
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

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Fault {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => "address already in use; choose another port, or 0 for any free one".to_owned(),
        ErrorKind::AddrNotAvailable => "not an address of this machine; leave --bind out to listen on all".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; choose a port from 1024 up".to_owned(),
        _ => format!("{error}; choose another address"),
    };
    Fault::CannotServe(format!("cannot listen on {} port {}: {reason}", address.ip(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_address_whose_port_is_taken_gets_another() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let socket = bind_near(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Some(taken.port()), true).unwrap();
        let near = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(near.ip(), taken.ip());
        assert_ne!(near.port(), taken.port());
    }
}
