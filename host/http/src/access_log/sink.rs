//! Writes entries to standard error, or appends them to a file that can be replaced while the server runs.

use glasshouse_quota::sync::{lock, read, write};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// Minimum time between two reports of failures: a disk that is nearly full accepts some entries and rejects others.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The destination of entries.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(Arc<LogFile>),
}

impl Sink {
    /// Writes an entry, and returns whether all of it was written. Entries never interleave: each is one unbuffered
    /// write, standard error is locked, and the kernel appends a write to a file as a whole. A full disk loses entries,
    /// but no response.
    pub(crate) fn write(&self, entry: &str) -> bool {
        match self {
            Sink::Stderr => io::stderr().lock().write_all(entry.as_bytes()).is_ok(),
            Sink::File(log) => log.write(entry),
        }
    }
}

/// A file to which entries are appended.
#[derive(Debug)]
pub struct LogFile {
    /// The name for messages.
    name: String,
    file: RwLock<File>,
    /// Entries that were lost since the last successful write.
    lost: AtomicU64,
    /// Whether the file ends with a part of an entry.
    is_torn: AtomicBool,
    report: Mutex<FailureReport>,
}

/// The last report of failures.
#[derive(Debug, Default)]
struct FailureReport {
    last: Option<Instant>,
    /// Whether the recovery is not reported yet.
    is_open: bool,
}

impl LogFile {
    /// A log file. `file` is open for appending, and messages call it `name`.
    pub fn new(name: String, file: File) -> LogFile {
        LogFile {
            name,
            file: RwLock::new(file),
            lost: AtomicU64::new(0),
            is_torn: false.into(),
            report: Mutex::default(),
        }
    }

    /// Writes later entries to another file.
    pub fn replace(&self, file: File) {
        *write(&self.file) = file;
        self.is_torn.store(false, Relaxed);
        lock(&self.report).last = None;
    }

    fn write(&self, entry: &str) -> bool {
        let file = read(&self.file);
        let is_torn = self.is_torn.load(Relaxed);
        let text = if is_torn { Cow::Owned(format!("\n{entry}")) } else { Cow::Borrowed(entry) };
        match append(&file, text.as_bytes()) {
            Ok(()) => {
                if is_torn {
                    self.is_torn.store(false, Relaxed);
                }
                if self.lost.load(Relaxed) > 0 {
                    self.report_recovery(self.lost.swap(0, Relaxed));
                }
                true
            }
            Err((error, written)) => {
                if written > 0 {
                    self.is_torn.store(true, Relaxed);
                }
                self.lost.fetch_add(1, Relaxed);
                self.report_failure(&error);
                false
            }
        }
    }

    /// Reports the first of several failures, at most once per interval.
    fn report_failure(&self, error: &io::Error) {
        let mut report = lock(&self.report);
        if !report.is_open && report.last.is_none_or(|last| last.elapsed() >= REPORT_INTERVAL) {
            *report = FailureReport { last: Some(Instant::now()), is_open: true };
            error!("access log not written: '{}': {error}; entries are lost until a write succeeds", self.name);
        }
    }

    /// Reports the end of failures, if they were reported.
    fn report_recovery(&self, lost: u64) {
        let mut report = lock(&self.report);
        if std::mem::take(&mut report.is_open) {
            warn!("access log written again: '{}'; lost entries: {lost}", self.name);
        }
    }
}

/// Appends all bytes, or returns the error and the number of bytes that were appended.
fn append(mut file: &File, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), written)),
            Ok(more) => written = written.saturating_add(more),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::access_log::sink::*;
    use std::fs;

    fn file(path: &std::path::Path) -> File {
        File::options().append(true).create(true).open(path).unwrap()
    }

    #[test]
    fn entries_go_to_the_last_file() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
        fs::write(&first, "before\n").unwrap();
        let log = Arc::new(LogFile::new("log".to_owned(), file(&first)));
        let sink = Sink::File(Arc::clone(&log));
        assert!(sink.write("one\n"));
        log.replace(file(&second));
        assert!(sink.write("two\n"));
        assert_eq!(fs::read_to_string(&first).unwrap(), "before\none\n");
        assert_eq!(fs::read_to_string(&second).unwrap(), "two\n");
    }

    #[test]
    fn lost_entries_are_counted_and_the_next_entry_starts_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let log = LogFile::new("log".to_owned(), file(std::path::Path::new("/dev/full")));
        assert!(!log.write("one\n") && !log.write("two\n"));
        assert_eq!(log.lost.load(Relaxed), 2);
        log.replace(file(&directory.path().join("log")));
        log.is_torn.store(true, Relaxed);
        assert!(log.write("three\n") && log.write("four\n"));
        assert_eq!(log.lost.load(Relaxed), 0);
        assert_eq!(fs::read_to_string(directory.path().join("log")).unwrap(), "\nthree\nfour\n");
    }
}
