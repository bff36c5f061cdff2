//! What the server tells of itself on this machine: the file of the log is opened here, and the admin address is known. It refuses
//! to know what is told.

use super::logfile::{self, OpenLog};
use super::{Rights, ServedTree};
use crate::args;
use crate::config::StartupError;
use crate::listen::{listen_alone, resolve};
use glasshouse_http::{Format, Sink, TrustedProxies};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// Where requests are logged and figures told.
#[derive(Debug)]
pub struct Logs {
    pub form: Format,
    file: Option<PathBuf>,
    admin: Option<SocketAddr>,
    /// Proxies that are believed.
    pub trust: TrustedProxies,
    /// Whether they begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
}

/// A log that is open.
pub struct Opened {
    pub sink: Sink,
    /// The file, if it is one.
    pub file: Option<Arc<OpenLog>>,
}

impl Logs {
    /// # Errors
    /// An admin address that is none.
    pub fn new(args: &args::LogFlags, quiet: bool) -> Result<Logs, StartupError> {
        let form = if quiet { Format::Off } else { args.log.into() };
        let admin = args.admin.as_deref().map(admin).transpose()?;
        let trust = TrustedProxies::new(args.trust.iter().copied());
        Ok(Logs { form, file: args.log_file.clone(), admin, trust, proxy_protocol: args.proxy_protocol })
    }

    /// Opens the file, if there is one.
    ///
    /// # Errors
    /// It cannot be opened, or clients could read it.
    pub fn open(&self, trees: &[ServedTree], rights: Rights) -> Result<Opened, StartupError> {
        let Some(path) = &self.file else { return Ok(Opened { sink: Sink::Stderr, file: None }) };
        let file = Arc::new(OpenLog::open(path, trees, rights)?);
        Ok(Opened { sink: Sink::File(Arc::clone(&file.output)), file: Some(file) })
    }

    /// Looks whether the file could be opened, and makes none.
    ///
    /// # Errors
    /// As for [`Logs::open`].
    pub fn probe(&self, trees: &[ServedTree]) -> Result<(), StartupError> {
        self.file.as_deref().map_or(Ok(()), |path| logfile::probe(path, trees))
    }

    /// Listens on the admin address, if there is one.
    ///
    /// # Errors
    /// It is taken, or none of this machine's.
    pub fn listen(&self) -> Result<Option<TcpListener>, StartupError> {
        self.admin.map(listen_alone).transpose()
    }
}

fn admin(text: &str) -> Result<SocketAddr, StartupError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() => {
            resolve(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
        }
        _ => Err(StartupError::Usage(format!(
            "--admin: '{text}' is no address; give one such as 127.0.0.1:9000, or a port"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_is_told_from_nonsense() {
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
