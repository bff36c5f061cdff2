//! Holds the certificate that new connections are given, and looks whether its files have changed. It refuses to know what is in
//! them.

use super::files::Files;
use crate::tls::TlsIdentity;
use crate::tls::files::PemStamp;
use glasshouse_http::Log;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};
use std::{io, thread};

/// How often the files are looked at. What has changed is to be in use within a second, and reading it takes a moment.
const LOOK: Duration = Duration::from_millis(500);
/// Clocks of file systems are coarse: files that changed so shortly before they were read may have changed once more since,
/// without looking any different.
const SETTLED: Duration = Duration::from_secs(2);

/// A certificate, and where it is from.
#[derive(Debug)]
pub struct CertStore {
    files: Option<Files>,
    log: Log,
    key: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

/// What was found when the files were read last.
#[derive(Debug)]
struct Seen {
    stamp: PemStamp,
    at: SystemTime,
    fault: Option<Fault>,
    /// What was said of the certificate that is in use.
    told: Vec<String>,
}

/// Files that cannot be used. While one of a pair is written and the other is not yet, there is nothing to say.
#[derive(Debug)]
struct Fault {
    why: String,
    stamp: PemStamp,
    is_told: bool,
}

impl CertStore {
    /// Starts to look at the files, for as long as somebody else holds the keeper.
    pub fn start(identity: TlsIdentity, log: Log) -> io::Result<Arc<CertStore>> {
        let keeper = Arc::new(CertStore::new(identity, log));
        keeper.warn(&mut keeper.seen(), SystemTime::now());
        if keeper.files.is_some() {
            let held = Arc::downgrade(&keeper);
            thread::Builder::new().name("certificate".to_owned()).spawn(move || watch(&held))?;
        }
        Ok(keeper)
    }

    pub(super) fn new(identity: TlsIdentity, log: Log) -> CertStore {
        let (files, key) = match identity {
            TlsIdentity::Files(files, key) => (Some(files), key),
            TlsIdentity::Made(key) => (None, key),
        };
        // They were read a moment ago, and are read once more: they may have changed meanwhile.
        let seen = Seen { stamp: PemStamp::default(), at: SystemTime::now(), fault: None, told: Vec::new() };
        CertStore { files, log, key: RwLock::new(Arc::new(key)), seen: Mutex::new(seen) }
    }

    /// Whoever panicked while it was locked had changed nothing by half.
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate that is in use.
    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files if they have changed or could not be used before, and says once of each change why they cannot be used.
    pub(super) fn look(&self, now: SystemTime) {
        let Some(files) = &self.files else { return };
        let mut seen = self.seen();
        let stamp = files.stamp();
        if seen.has_changed(&stamp)
            && let Err(fault) = self.read(files, stamp, &mut seen, now)
            // It lasts, so nobody is about to write the rest.
            && fault.is_old
            && !fault.is_told
        {
            seen.fault.iter_mut().for_each(|fault| fault.is_told = true);
            self.log.error(fault.why);
        }
        self.warn(&mut seen, now);
    }

    /// Reads the files again, changed or not.
    ///
    /// # Errors
    /// Why they cannot be used; what there was is kept.
    pub fn reload(&self) -> Result<(), String> {
        let Some(files) = &self.files else { return Ok(()) };
        let (mut seen, now) = (self.seen(), SystemTime::now());
        let read = self.read(files, files.stamp(), &mut seen, now);
        // Whoever asked for it is told by the error.
        seen.fault.iter_mut().for_each(|fault| fault.is_told = true);
        self.warn(&mut seen, now);
        read.map_err(|fault| fault.why)
    }

    /// Puts what the files hold in the place of the certificate in use. Their `stamp` was taken before they are read, so what changes
    /// meanwhile is seen as a change.
    fn read(&self, files: &Files, stamp: PemStamp, seen: &mut Seen, now: SystemTime) -> Result<(), Unusable> {
        let read = files.read();
        (seen.stamp, seen.at) = (stamp.clone(), now);
        match read {
            Ok(key) => {
                seen.fault = None;
                if key.cert != self.key().cert {
                    seen.told.clear();
                    *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                }
                Ok(())
            }
            Err(why) => {
                let way_out = if files.are_shut() { SHUT } else { "" };
                let why = format!("{why}{way_out}; the certificate in use is kept");
                let before = seen.fault.take().filter(|fault| fault.why == why && fault.stamp == stamp);
                let (is_old, is_told) = (before.is_some(), before.is_some_and(|fault| fault.is_told));
                seen.fault = Some(Fault { why: why.clone(), stamp, is_told });
                Err(Unusable { why, is_old, is_told })
            }
        }
    }

    /// Says of the certificate in use what was not said yet: that its time is over may come long after it was read.
    fn warn(&self, seen: &mut Seen, now: SystemTime) {
        let Some(files) = &self.files else { return };
        for concern in files.concerns(&self.key().cert, now) {
            if !seen.told.contains(&concern) {
                self.log.error(&concern);
                seen.told.push(concern);
            }
        }
    }
}

/// What is added where the system does not let a file be read that it once did.
const SHUT: &str =
    ", or, where the process has given up reading it, name a directory above it with --harden-also at the start";

/// Why files cannot be used, whether that was so at the look before as well, and whether it was told.
struct Unusable {
    why: String,
    is_old: bool,
    is_told: bool,
}

impl Seen {
    fn has_changed(&self, stamp: &PemStamp) -> bool {
        let is_settled = stamp.changed().is_none_or(|changed| changed + SETTLED < self.at);
        self.stamp != *stamp || self.fault.is_some() || !is_settled
    }
}

/// Looks for as long as there is a keeper. It is a thread, as files may be on a disk that lets everybody wait.
fn watch(keeper: &Weak<CertStore>) {
    loop {
        thread::sleep(LOOK);
        let Some(keeper) = keeper.upgrade() else { return };
        keeper.look(SystemTime::now());
    }
}

impl ResolvesServerCert for CertStore {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }
}
