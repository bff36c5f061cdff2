//! Notifies the service manager (`sd_notify(3)`): ready, reloading, stopping, watchdog.
//!
//! The crates for this open a socket for each message. The process gives up that right.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, io, process};
use thiserror::Error;

/// The service manager cannot be notified.
#[derive(Debug, Error)]
#[error("service manager: cannot connect to '{name}': {source}; correct or unset NOTIFY_SOCKET")]
pub(crate) struct NotifyError {
    name: String,
    source: io::Error,
}

/// A connection to the service manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// The interval between watchdog notifications.
    watchdog_interval: Option<Duration>,
}

impl ServiceManager {
    /// Connects to the manager of the variables `NOTIFY_SOCKET` and `WATCHDOG_USEC`. Without them nothing is sent.
    ///
    /// # Errors
    /// The socket cannot be reached.
    pub(crate) fn from_environment() -> Result<ServiceManager, NotifyError> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(ServiceManager::default());
        };
        let socket = connect(&name).map_err(|source| NotifyError { name: name.to_string_lossy().into(), source })?;
        Ok(ServiceManager { socket: Some(socket), watchdog_interval: watchdog_interval(|key| env::var(key).ok()) })
    }

    /// The interval for [`watchdog`](ServiceManager::watchdog), if the manager requests it.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog_interval
    }

    /// The server accepts connections, or has finished a reload.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// The server reloads.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::try_from(now).unwrap_or_default();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The server accepts no more connections.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Every worker thread answers.
    pub(crate) fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// Ignores errors: a manager that has left needs no notification.
    fn send(&self, message: &str) {
        let _ = self.socket.as_ref().map(|socket| socket.send(message.as_bytes()));
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A busy manager must not block the server.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Half of the watchdog timeout, as `sd_watchdog_enabled(3)` recommends.
fn watchdog_interval(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_for_us = variable("WATCHDOG_PID").is_none_or(|id| id.parse() == Ok(process::id()));
    let limit: u64 = variable("WATCHDOG_USEC").filter(|_| is_for_us)?.parse().ok()?;
    Some(Duration::from_micros(limit / 2)).filter(|interval| !interval.is_zero())
}

#[cfg(test)]
mod tests {
    use crate::sd_notify::*;

    #[test]
    fn the_watchdog_variables_apply_to_this_process() {
        let id = process::id().to_string();
        let rows = [
            (None, None, None),
            (Some("3000000"), None, Some(1500)),
            (Some("3000000"), Some(id.as_str()), Some(1500)),
            (Some("3000000"), Some("1"), None),
            (Some("1"), None, None),
            (Some("soon"), None, None),
        ];
        for (limit, id, expected) in rows {
            let variable = |key: &str| if key == "WATCHDOG_USEC" { limit } else { id }.map(str::to_owned);
            assert_eq!(watchdog_interval(variable), expected.map(Duration::from_millis), "{limit:?} {id:?}");
        }
    }

    #[test]
    fn path_and_abstract_name_reach_the_manager() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let name = format!("glasshouse-{}", process::id());
        let abstracted = SocketAddr::from_abstract_name(&name).unwrap();
        let receivers = [UnixDatagram::bind(&path).unwrap(), UnixDatagram::bind_addr(&abstracted).unwrap()];
        for (address, receiver) in [path.into_os_string(), format!("@{name}").into()].iter().zip(receivers) {
            let manager = ServiceManager { socket: Some(connect(address).unwrap()), watchdog_interval: None };
            manager.ready();
            manager.reloading();
            let mut buffer = [0; 64];
            let mut next = || {
                let length = receiver.recv(&mut buffer).unwrap();
                String::from_utf8_lossy(&buffer[..length]).into_owned()
            };
            assert_eq!(next(), "READY=1");
            let text = next();
            let time = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&text);
            assert!(time.parse::<u64>().unwrap() > 0);
        }
        assert!(connect(OsStr::new("/nonexistent/notify")).is_err());
    }
}
