//! Errors of addresses and listeners, with the fix for each.

use crate::bounded_file;
use crate::error::StartupError;
use crate::system_errors::is_too_many_files;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// The server cannot listen.
#[derive(Debug, Error)]
pub(crate) enum ListenError {
    #[error("--bind: invalid address '{0}': it needs the path of a file; give one such as unix:/run/glasshouse.sock")]
    NoPath(String),
    #[error("--bind: invalid address '': it is empty; leave --bind out to listen on all addresses")]
    Empty,
    #[error("--bind: invalid address '{0}': it contains a port; give the port as a separate argument")]
    HasPort(String),
    #[error("--bind: invalid address '{0}': unix sockets are not available on this system; give a host")]
    NoUnixSockets(String),
    #[error("cannot listen on '{0}': unknown host; give a name or an address of this machine")]
    UnknownHost(String),
    #[error("cannot listen on {} port {}: {}", .address.ip(), .address.port(), tcp_reason(.address, .source))]
    Tcp { address: SocketAddr, source: io::Error },
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are none"))]
    #[error("cannot listen on '{}': {fault}", .path.display())]
    Unix { path: PathBuf, fault: UnixSocketFault },
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are none"))]
    #[error("cannot listen on inherited socket {number}: {fault}")]
    Inherited { number: usize, fault: InheritedFault },
}

impl ListenError {
    /// Whether the value of an option is invalid on every machine.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(
            self,
            ListenError::NoPath(_) | ListenError::Empty | ListenError::HasPort(_) | ListenError::NoUnixSockets(_)
        )
    }
}

impl From<ListenError> for StartupError {
    fn from(error: ListenError) -> StartupError {
        match error.is_usage() {
            true => StartupError::Usage(error.to_string()),
            false => StartupError::CannotServe(error.to_string()),
        }
    }
}

/// Why a Unix socket cannot be created.
#[derive(Debug, Error)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there are none"))]
pub(crate) enum UnixSocketFault {
    #[error("a file is there that is not a socket; remove it, or name another path")]
    NotASocket,
    #[error("a stale socket is there; remove it")]
    Stale,
    #[error("address already in use; name another path")]
    InUse,
    #[error("{}", unix_reason(.0))]
    Io(#[from] io::Error),
}

/// Why an inherited socket is unusable.
#[derive(Debug, Error)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are none"))]
pub(crate) enum InheritedFault {
    #[error("not a stream socket of TCP or Unix; give it as ListenStream=")]
    Kind,
    #[error("not a listening socket; leave out Accept=yes")]
    NotListening,
    #[error("{0}; give it as ListenStream=")]
    Io(#[from] io::Error),
}

fn tcp_reason(address: &SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "address already in use; choose another port, or 0 for any free one".to_owned(),
        ErrorKind::AddrNotAvailable => "not an address of this machine; leave --bind out to listen on all".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; choose a port from 1024 up".to_owned(),
        ErrorKind::InvalidInput if is_link_local(address) => {
            "a link-local address needs its interface; add it after a '%', as in fe80::1%eth0".to_owned()
        }
        // Too many open files. The reason includes the fix.
        _ if is_too_many_files(error) => bounded_file::reason(error),
        _ => format!("{}; choose another address", bounded_file::reason(error)),
    }
}

fn is_link_local(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.ip().is_unicast_link_local())
}

fn unix_reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such directory; create it, or name another path".to_owned(),
        ErrorKind::PermissionDenied => "permission denied; name a path in a writable directory".to_owned(),
        ErrorKind::InvalidInput => "the path is too long for a socket; name a shorter one".to_owned(),
        _ => format!("{error}; name another path"),
    }
}
