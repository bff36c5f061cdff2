//! TLS: who the server is, and how its connections are encrypted. It refuses to know what is said over them, and where the
//! options come from.
//!
//! One [`ServerConfig`] serves for good. The certificate in it is that of its files: a thread of its own looks at them twice a
//! second, whether anybody connects or not, and reads them when they have changed. Connections that are open keep what they
//! agreed on.

mod cert_store;
mod encrypted_key;
mod files;
mod handshake;
mod self_signed;
mod validity;

use crate::args::Protocol;
use cert_store::CertStore;
pub use files::Files;
use glasshouse_http::Log;
pub use handshake::Handshake;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
pub use self_signed::self_signed;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::SystemTime;

/// A certificate with its key, and where they are from.
#[derive(Debug)]
pub enum TlsIdentity {
    Files(Files, CertifiedKey),
    /// Made by this process, and gone with it.
    Made(CertifiedKey),
}

impl TlsIdentity {
    fn key(&self) -> &CertifiedKey {
        match self {
            TlsIdentity::Files(_, key) | TlsIdentity::Made(key) => key,
        }
    }

    /// Those that it is from.
    pub fn files(&self) -> Option<&Files> {
        match self {
            TlsIdentity::Files(files, _) => Some(files),
            TlsIdentity::Made(_) => None,
        }
    }

    /// What clients will not like of the certificate now, in words for whoever runs the server.
    pub fn concerns(&self) -> Vec<String> {
        self.files().map(|files| files.concerns(&self.key().cert, SystemTime::now())).unwrap_or_default()
    }

    /// SHA-256 of the certificate, as programs that show one write it.
    pub fn fingerprint(&self) -> String {
        let certificate = self.key().cert.first().map(|der| der.as_ref()).unwrap_or_default();
        Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

/// What the connections of a server have in common.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    keeper: Arc<CertStore>,
}

impl Tls {
    /// From now on the files of the certificate are looked at, and what clients will not like of it is logged.
    ///
    /// # Errors
    /// The system has no randomness or no thread to give.
    pub fn new(identity: TlsIdentity, protocol: Protocol, log: Log) -> Result<Tls, String> {
        let keeper = CertStore::start(identity, log).map_err(|error| error.to_string())?;
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = versions.map_err(|error| error.to_string())?.with_no_client_auth().with_cert_resolver(Arc::<
            CertStore,
        >::clone(
            &keeper,
        ));
        // Without tickets each connection of a client would cost a whole handshake.
        config.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
        // What is agreed on is how the connection is used. An answer may have an older version (RFC 9110 2.5).
        let offered: &[&[u8]] = match protocol {
            Protocol::Http11 => &[b"h2", b"http/1.1", b"http/1.0"],
            Protocol::Http10 => &[b"http/1.1", b"http/1.0"],
        };
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        Ok(Tls { config: Arc::new(config), keeper })
    }

    /// Reads the files again, changed or not.
    ///
    /// # Errors
    /// Why they cannot be used; what there was is kept.
    pub fn reload(&self) -> Result<(), String> {
        self.keeper.reload()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[cfg(test)]
mod tests;
