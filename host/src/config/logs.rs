//! The destinations of logs and metrics: the log file, the admin address, and the trusted proxies.

use super::logfile::{self, OpenLog};
use super::{Rights, ServedTree};
use crate::args;
use crate::error::StartupError;
use crate::listen::{listen_alone, resolve};
use glasshouse_http::{Format, Sink, TrustedProxies};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The configuration of logs, metrics and trusted proxies.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) format: Format,
    file: Option<PathBuf>,
    admin: Option<SocketAddr>,
    /// Proxies whose client addresses count.
    pub(crate) trust: TrustedProxies,
    /// Whether they send a PROXY protocol header.
    pub(crate) proxy_protocol: bool,
}

/// An open access log.
pub(crate) struct Opened {
    pub(crate) sink: Sink,
    /// `None` for standard error.
    pub(crate) file: Option<Arc<OpenLog>>,
}

impl Logs {
    /// # Errors
    /// An invalid admin address.
    pub(crate) fn new(args: &args::LogFlags, quiet: bool) -> Result<Logs, StartupError> {
        let format = if quiet { Format::Off } else { args.log };
        let admin = args.admin.as_deref().map(admin).transpose()?;
        let trust = TrustedProxies::new(args.trust.iter().copied());
        Ok(Logs { format, file: args.log_file.clone(), admin, trust, proxy_protocol: args.proxy_protocol })
    }

    /// Opens the destination.
    ///
    /// # Errors
    /// It cannot be opened, or clients could read it.
    pub(crate) fn open(
        &self,
        trees: &[ServedTree],
        components: &[&Path],
        rights: Rights,
    ) -> Result<Opened, StartupError> {
        let Some(path) = &self.file else { return Ok(Opened { sink: Sink::Stderr, file: None }) };
        let file = Arc::new(OpenLog::open(path, trees, components, rights)?);
        Ok(Opened { sink: Sink::File(Arc::clone(&file.output)), file: Some(file) })
    }

    /// Checks that the file can be opened, without creating it.
    ///
    /// # Errors
    /// As for [`Logs::open`].
    pub(crate) fn probe(&self, trees: &[ServedTree]) -> Result<(), StartupError> {
        self.file.as_deref().map_or(Ok(()), |path| logfile::probe(path, trees))
    }

    /// Listens on the admin address, if there is one.
    ///
    /// # Errors
    /// The address is in use, or is not one of this machine.
    pub(crate) fn listen(&self) -> Result<Option<TcpListener>, StartupError> {
        Ok(self.admin.map(listen_alone).transpose()?)
    }
}

fn admin(text: &str) -> Result<SocketAddr, StartupError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() => {
            Ok(resolve(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)?)
        }
        _ => Err(StartupError::Usage(format!(
            "--admin: invalid address '{text}'; give one such as 127.0.0.1:9000, or a port"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_is_parsed_or_refused() {
        for (text, expected) in [
            ("9000", "127.0.0.1:9000"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:2", "[::1]:2"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("localhost:3", "127.0.0.1:3"),
        ] {
            assert_eq!(admin(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", ":1", "localhost", "127.0.0.1", "127.0.0.1:x", "65536", "a:65536"] {
            assert!(matches!(admin(text), Err(StartupError::Usage(_))), "{text}");
        }
    }
}
