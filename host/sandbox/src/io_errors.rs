//! Logs I/O errors in WASI functions, a limited number of lines each second.

use crate::preopen::Preopen;
use crate::{log, open_path};
use glasshouse_quota::sync::lock;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// Lines in each [`PERIOD`]. When the process has no descriptors left, every request has a fault.
const MAX_LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Logs faults beneath one directory.
pub(crate) struct Reporter {
    preopen: Arc<Preopen>,
    window: Mutex<ReportWindow>,
}

struct ReportWindow {
    started: Instant,
    lines: u32,
    omitted: u64,
}

impl Reporter {
    /// Paths in log lines are relative to the preopen.
    pub(crate) fn new(preopen: Arc<Preopen>) -> Reporter {
        Reporter { preopen, window: Mutex::new(ReportWindow { started: Instant::now(), lines: 0, omitted: 0 }) }
    }

    /// Logs a fault.
    pub(crate) fn report(&self, action: &str, at: &File, path: &str, error: &io::Error) {
        let mut full = open_path::relative(at, &self.preopen).unwrap_or_default();
        if !matches!(path, "" | ".") {
            full.push(path);
        }
        self.log(format_args!("cannot {action} '{}': {error}", ShownPath(&full)));
    }

    /// Logs that a response ended before the end of a file.
    pub(crate) fn report_aborted(&self, file: &File, reason: &str) {
        let path = open_path::relative(file, &self.preopen).unwrap_or_default();
        self.log(format_args!("response aborted: '{}': {reason}", ShownPath(&path)));
    }

    fn log(&self, text: fmt::Arguments<'_>) {
        let Some(omitted) = self.admit_line() else { return };
        if omitted > 0 {
            log::error(format_args!("I/O errors: {omitted} more were omitted"));
        }
        log::error(text);
    }

    /// Counts a line. Returns the number of lines that were omitted before it, or `None` if it is omitted as well.
    fn admit_line(&self) -> Option<u64> {
        let mut window = lock(&self.window);
        if window.started.elapsed() >= PERIOD {
            (window.started, window.lines) = (Instant::now(), 0);
        }
        if window.lines >= MAX_LINES {
            window.omitted = window.omitted.saturating_add(1);
            return None;
        }
        window.lines = window.lines.saturating_add(1);
        Some(std::mem::take(&mut window.omitted))
    }
}

/// A path relative to the root, which is shown as `.`.
struct ShownPath<'a>(&'a Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { f.write_str(".") } else { self.0.display().fmt(f) }
    }
}
