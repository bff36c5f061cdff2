//! Where entries go: to standard error, or to the end of a file that can be replaced by another one. It refuses to know what they
//! say, and where the file is.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A disk that is nearly full takes some entries and others not. That is reported no more often than this.
const QUIET: Duration = Duration::from_secs(1);

/// A place for entries.
#[derive(Clone, Debug)]
pub enum Sink {
    Stderr,
    File(Arc<LogFile>),
}

impl Sink {
    /// Writes an entry, and returns whether all of it was written. One call for each entry: neither is buffered, standard error is
    /// locked for the call, and the kernel takes what is written to the end of a file as one. So entries never interleave. A disk
    /// that is full costs entries, and no answer.
    pub fn write(&self, entry: &str) -> bool {
        match self {
            Sink::Stderr => io::stderr().lock().write_all(entry.as_bytes()).is_ok(),
            Sink::File(log) => log.write(entry),
        }
    }
}

/// A file that is only ever added to.
#[derive(Debug)]
pub struct LogFile {
    /// As it was named, for whoever runs the server.
    name: String,
    file: RwLock<File>,
    /// Entries that were lost since the last that was written.
    lost: AtomicU64,
    /// Whether the last thing in the file is a part of an entry.
    is_torn: AtomicBool,
    report: Mutex<Report>,
}

/// What was said of failures.
#[derive(Debug, Default)]
struct Report {
    last: Option<Instant>,
    /// Whether the end of it has to be said as well.
    is_open: bool,
}

impl LogFile {
    /// One that was opened to be added to.
    pub fn new(name: String, file: File) -> LogFile {
        LogFile {
            name,
            file: RwLock::new(file),
            lost: AtomicU64::new(0),
            is_torn: false.into(),
            report: Mutex::default(),
        }
    }

    /// Entries that follow go to another file.
    pub fn replace(&self, file: File) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file;
        self.is_torn.store(false, Relaxed);
        self.report.lock().unwrap_or_else(PoisonError::into_inner).last = None;
    }

    fn write(&self, entry: &str) -> bool {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let is_torn = self.is_torn.load(Relaxed);
        let text = if is_torn { Cow::Owned(format!("\n{entry}")) } else { Cow::Borrowed(entry) };
        match add(&file, text.as_bytes()) {
            Ok(()) => {
                if is_torn {
                    self.is_torn.store(false, Relaxed);
                }
                if self.lost.load(Relaxed) > 0 {
                    self.recovered(self.lost.swap(0, Relaxed));
                }
                true
            }
            Err((error, written)) => {
                if written > 0 {
                    self.is_torn.store(true, Relaxed);
                }
                self.lost.fetch_add(1, Relaxed);
                self.failed(&error);
                false
            }
        }
    }

    /// Reports the first of a row of failures, unless the row before was reported only just now.
    fn failed(&self, error: &io::Error) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if !report.is_open && report.last.is_none_or(|last| last.elapsed() >= QUIET) {
            *report = Report { last: Some(Instant::now()), is_open: true };
            let name = &self.name;
            tracing::error!(
                "cannot write to the log '{name}': {error}; entries are lost until it can be written again"
            );
        }
    }

    /// Reports the end of failures that were reported.
    fn recovered(&self, lost: u64) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut report.is_open) {
            tracing::error!("the log '{}' can be written again; entries that were lost: {lost}", self.name);
        }
    }
}

/// Adds all of the bytes, or returns why not and how many were added.
fn add(mut file: &File, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
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
    fn entries_go_to_the_file_that_was_put_in_place_last() {
        let place = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| place.path().join(name));
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
    fn what_a_full_disk_takes_is_counted_and_the_next_entry_begins_a_line() {
        let place = tempfile::tempdir().unwrap();
        let log = LogFile::new("log".to_owned(), file(std::path::Path::new("/dev/full")));
        assert!(!log.write("one\n") && !log.write("two\n"));
        assert_eq!(log.lost.load(Relaxed), 2);
        log.replace(file(&place.path().join("log")));
        log.is_torn.store(true, Relaxed);
        assert!(log.write("three\n") && log.write("four\n"));
        assert_eq!(log.lost.load(Relaxed), 0);
        assert_eq!(fs::read_to_string(place.path().join("log")).unwrap(), "\nthree\nfour\n");
    }
}
