//! What the service manager is told, where there is one (`sd_notify(3)`): that the server is ready, reads again, stops, and is alive.
//! It refuses to know what any of that takes.
//!
//! It is written here, because what others wrote opens a socket for each message, and that is a right the process gives up.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, process};

/// A connection to the manager, if it wants to hear.
#[derive(Debug, Default)]
pub struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// How often it wants to hear that the server is alive.
    pulse: Option<Duration>,
}

impl ServiceManager {
    /// The manager that the variables `NOTIFY_SOCKET` and `WATCHDOG_USEC` tell of. It is connected to at once.
    ///
    /// # Errors
    /// In words for whoever runs the server: it tells of one that cannot be reached.
    pub fn from_environment() -> Result<ServiceManager, String> {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(ServiceManager::default());
        };
        let socket = connect(&name).map_err(|error| {
            format!("the service manager at '{}' cannot be told anything: {error}", name.to_string_lossy())
        })?;
        Ok(ServiceManager { socket: Some(socket), pulse: pulse(|key| env::var(key).ok()) })
    }

    /// How often [`alive`](ServiceManager::alive) is to be told.
    pub fn pulse(&self) -> Option<Duration> {
        self.pulse
    }

    /// Clients are served from now on, or again by what was read again.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// What was read at the start is read again.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::try_from(now).unwrap_or_default();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// Nobody else is served.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Every thread still takes what it is given.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// A manager that does not listen any more has no wish that could be met.
    fn tell(&self, message: &str) {
        let _ = self.socket.as_ref().map(|socket| socket.send(message.as_bytes()));
    }
}

fn connect(name: &OsStr) -> std::io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that is busy keeps no client waiting.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Twice in the time after which the manager takes the server for dead, as it asks for (`sd_watchdog_enabled(3)`).
fn pulse(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_meant = variable("WATCHDOG_PID").is_none_or(|id| id.parse() == Ok(process::id()));
    let limit: u64 = variable("WATCHDOG_USEC").filter(|_| is_meant)?.parse().ok()?;
    Some(Duration::from_micros(limit / 2)).filter(|pulse| !pulse.is_zero())
}

#[cfg(test)]
mod tests {
    use crate::sd_notify::*;

    #[test]
    fn the_pulse_is_that_of_this_process() {
        let id = process::id().to_string();
        let rows = [
            (None, None, None),
            (Some("3000000"), None, Some(1500)),
            (Some("3000000"), Some(id.as_str()), Some(1500)),
            (Some("3000000"), Some("1"), None),
            (Some("1"), None, None),
            (Some("soon"), None, None),
        ];
        for (limit, meant, expected) in rows {
            let variable = |key: &str| if key == "WATCHDOG_USEC" { limit } else { meant }.map(str::to_owned);
            assert_eq!(pulse(variable), expected.map(Duration::from_millis), "{limit:?} {meant:?}");
        }
    }

    #[test]
    fn a_manager_is_told_by_a_path_and_by_a_name() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let name = format!("glasshouse-{}", process::id());
        let abstracted = SocketAddr::from_abstract_name(&name).unwrap();
        let heard = [UnixDatagram::bind(&path).unwrap(), UnixDatagram::bind_addr(&abstracted).unwrap()];
        for (typed, heard) in [path.into_os_string(), format!("@{name}").into()].iter().zip(heard) {
            let manager = ServiceManager { socket: Some(connect(typed).unwrap()), pulse: None };
            manager.ready();
            manager.reloading();
            let mut buffer = [0; 64];
            let mut next = || {
                let length = heard.recv(&mut buffer).unwrap();
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
