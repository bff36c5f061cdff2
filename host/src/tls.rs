//! TLS: who the server is, and how its connections are encrypted. It refuses to know what is said over them, and where the
//! options come from.
//!
//! One [`ServerConfig`] serves for good. The certificate in it is that of its files as they are now: a full handshake looks
//! at them, once a second at most, and when they have changed they are read by a thread of their own, which nobody waits for.
//! Connections that are open keep what they agreed on.

mod files;
mod handshake;
mod locked;
mod made;

use crate::args::Protocol;
pub use files::Files;
use files::Stamp;
use glasshouse_front::Log;
use glasshouse_sandbox::Tree;
pub use handshake::Handshake;
pub use made::self_signed;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long files are taken to be as they were seen.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate with its key, and where they are from.
#[derive(Debug)]
pub enum Identity {
    Files(Files, CertifiedKey),
    /// Made by this process, and gone with it.
    Made(CertifiedKey),
}

impl Identity {
    fn key(&self) -> &CertifiedKey {
        match self {
            Identity::Files(_, key) | Identity::Made(key) => key,
        }
    }

    /// Those that it is from.
    pub fn files(&self) -> Option<&Files> {
        match self {
            Identity::Files(files, _) => Some(files),
            Identity::Made(_) => None,
        }
    }

    /// The file of the key, if it is among what is served.
    pub fn key_within(&self, tree: &Tree) -> Option<&Path> {
        let key = self.files()?.key_file();
        tree.holds(key).then_some(key)
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
    keeper: Arc<Keeper>,
}

impl Tls {
    /// # Errors
    /// The system has no randomness to give.
    pub fn new(identity: Identity, protocol: Protocol, log: Log) -> Result<Tls, String> {
        let keeper = Arc::new(Keeper::new(identity, log));
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let mut config = versions
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Looking(Arc::clone(&keeper))));
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

/// Holds the certificate that new connections are given.
#[derive(Debug)]
struct Keeper {
    files: Option<Files>,
    log: Log,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    key: Arc<CertifiedKey>,
    /// The files when they were read last.
    stamp: Option<Stamp>,
    looked: Instant,
}

impl Keeper {
    fn new(identity: Identity, log: Log) -> Keeper {
        let (files, key) = match identity {
            Identity::Files(files, key) => (Some(files), key),
            Identity::Made(key) => (None, key),
        };
        let stamp = files.as_ref().map(Files::stamp);
        Keeper { files, log, held: Mutex::new(Held { key: Arc::new(key), stamp, looked: Instant::now() }) }
    }

    /// Whoever panicked while it was locked had changed nothing by half.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate that is held, and whether its files have changed since they were read. Tells of each change once.
    fn look(&self, now: Instant) -> (Arc<CertifiedKey>, bool) {
        let mut held = self.held();
        let Some(files) = self.files.as_ref().filter(|_| now.duration_since(held.looked) >= LOOK) else {
            return (Arc::clone(&held.key), false);
        };
        held.looked = now;
        let stamp = Some(files.stamp());
        let has_changed = held.stamp != stamp;
        held.stamp = stamp;
        (Arc::clone(&held.key), has_changed)
    }

    fn reload(&self) -> Result<(), String> {
        let Some(files) = &self.files else { return Ok(()) };
        // Taken before they are read: what changes meanwhile is seen as a change.
        let stamp = files.stamp();
        let read = files.read();
        let mut held = self.held();
        held.stamp = Some(stamp);
        held.key = Arc::new(read.map_err(|why| format!("{why}; the certificate in use is kept"))?);
        Ok(())
    }

    /// Reads the files because they have changed, and tells of it if they cannot be used.
    fn renew(&self) {
        if let Err(why) = self.reload() {
            self.log.error(why);
        }
    }
}

/// Looks at the files of a [`Keeper`] when it is asked for the certificate.
struct Looking(Arc<Keeper>);

impl fmt::Debug for Looking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResolvesServerCert for Looking {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (key, has_changed) = self.0.look(Instant::now());
        if has_changed {
            let keeper = Arc::clone(&self.0);
            let reading = thread::Builder::new().name("certificate".to_owned()).spawn(move || keeper.renew());
            if reading.is_err() {
                // Nothing was read, so the next look is to find the change again.
                self.0.held().stamp = None;
            }
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests;
