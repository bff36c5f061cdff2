//! Holds the certificate for new connections and replaces it when its files change.

use super::TlsIdentity;
use super::error::{RenewalError, TlsError};
use super::files::{PemStamp, TlsFiles};
use glasshouse_quota::sync::{lock, read, write};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};
use std::thread;
use std::time::{Duration, SystemTime};
use tracing::{error, warn};

/// The interval between two checks of the files. A renewed certificate must be in use within one second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Timestamps of file systems are coarse. Files that changed this shortly before a read may have changed again since
/// then, with the same stamp.
const STAMP_RESOLUTION: Duration = Duration::from_secs(2);

/// A certificate that is read again when its files change.
#[derive(Debug)]
pub(crate) struct CertStore {
    /// `None`: the certificate is self-signed.
    files: Option<TlsFiles>,
    current: RwLock<Arc<CertifiedKey>>,
    last_read: Mutex<LastRead>,
}

/// The result of the last read of the files.
#[derive(Debug)]
struct LastRead {
    stamp: PemStamp,
    at: SystemTime,
    failure: Option<ReadFailure>,
    /// The warnings that are logged for the current certificate.
    logged_warnings: Vec<String>,
}

/// Unusable files. A pair is unusable for a moment while it is being replaced, so the first failure is not logged.
#[derive(Clone, Debug)]
struct ReadFailure {
    message: String,
    stamp: PemStamp,
    is_repeated: bool,
    is_logged: bool,
}

impl CertStore {
    /// Logs warnings about the certificate, and starts a thread that checks its files until the store is dropped.
    pub(crate) fn start(identity: TlsIdentity) -> Result<Arc<CertStore>, TlsError> {
        let store = Arc::new(CertStore::new(identity));
        store.log_warnings(&mut store.last_read(), SystemTime::now());
        if store.files.is_some() {
            let weak = Arc::downgrade(&store);
            let thread = thread::Builder::new().name("certificate".to_owned());
            thread.spawn(move || poll_files(&weak)).map_err(TlsError::Thread)?;
        }
        Ok(store)
    }

    pub(super) fn new(identity: TlsIdentity) -> CertStore {
        let (files, key) = match identity {
            TlsIdentity::Files(files, key) => (Some(files), key),
            TlsIdentity::SelfSigned(key) => (None, key),
        };
        // The empty stamp makes the first poll read the files again. They may have changed after the first read.
        let (stamp, at) = (PemStamp::default(), SystemTime::now());
        let last_read = LastRead { stamp, at, failure: None, logged_warnings: Vec::new() };
        CertStore { files, current: RwLock::new(Arc::new(key)), last_read: Mutex::new(last_read) }
    }

    fn last_read(&self) -> MutexGuard<'_, LastRead> {
        lock(&self.last_read)
    }

    /// The certificate in use.
    pub(super) fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&read(&self.current))
    }

    /// Reads the files if they have changed or were unusable. Logs each failure once.
    pub(super) fn poll_reload(&self, now: SystemTime) {
        let Some(files) = &self.files else { return };
        let mut last_read = self.last_read();
        let stamp = files.stamp();
        if last_read.needs_read(&stamp)
            && let Err(failure) = self.read(files, stamp, &mut last_read, now)
            && failure.is_repeated
            && !failure.is_logged
        {
            last_read.mark_logged();
            error!("certificate not renewed: {}", RenewalError { message: failure.message });
        }
        self.log_warnings(&mut last_read, now);
    }

    /// Reads the files, changed or not.
    ///
    /// # Errors
    /// The files are unusable. The previous certificate stays in use.
    pub(crate) fn reload(&self) -> Result<(), RenewalError> {
        let Some(files) = &self.files else { return Ok(()) };
        let (mut last_read, now) = (self.last_read(), SystemTime::now());
        let result = self.read(files, files.stamp(), &mut last_read, now);
        // The caller logs the error.
        last_read.mark_logged();
        self.log_warnings(&mut last_read, now);
        result.map_err(|failure| RenewalError { message: failure.message })
    }

    /// Replaces the current certificate. `stamp` is from before the read, so a change during the read is noticed later.
    fn read(
        &self,
        files: &TlsFiles,
        stamp: PemStamp,
        last_read: &mut LastRead,
        now: SystemTime,
    ) -> Result<(), ReadFailure> {
        let result = files.read();
        (last_read.stamp, last_read.at) = (stamp.clone(), now);
        match result {
            Ok(key) => {
                last_read.failure = None;
                if key.cert != self.current().cert {
                    last_read.logged_warnings.clear();
                    *write(&self.current) = Arc::new(key);
                }
                Ok(())
            }
            Err(error) => {
                let hint = if files.is_access_denied() { HARDEN_HINT } else { "" };
                let message = format!("{error}{hint}");
                let previous = last_read.failure.take();
                let previous = previous.filter(|previous| previous.message == message && previous.stamp == stamp);
                let is_logged = previous.as_ref().is_some_and(|previous| previous.is_logged);
                let failure = ReadFailure { message, stamp, is_repeated: previous.is_some(), is_logged };
                last_read.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Logs new warnings. A certificate can expire long after it was read.
    fn log_warnings(&self, last_read: &mut LastRead, now: SystemTime) {
        let Some(files) = &self.files else { return };
        for warning in files.warnings(&self.current().cert, now) {
            if !last_read.logged_warnings.contains(&warning) {
                warn!("{warning}");
                last_read.logged_warnings.push(warning);
            }
        }
    }
}

/// Access can be denied because the process has given up the right to read.
const HARDEN_HINT: &str = ", or name a directory above it with --harden-also and restart";

impl LastRead {
    fn needs_read(&self, stamp: &PemStamp) -> bool {
        let is_settled =
            stamp.changed().and_then(|changed| changed.checked_add(STAMP_RESOLUTION)).is_none_or(|end| end < self.at);
        self.stamp != *stamp || self.failure.is_some() || !is_settled
    }

    fn mark_logged(&mut self) {
        self.failure.iter_mut().for_each(|failure| failure.is_logged = true);
    }
}

/// Runs on a thread of the store, because a disk can block.
fn poll_files(store: &Weak<CertStore>) {
    loop {
        thread::sleep(POLL_INTERVAL);
        let Some(store) = store.upgrade() else { return };
        store.poll_reload(SystemTime::now());
    }
}

impl ResolvesServerCert for CertStore {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
