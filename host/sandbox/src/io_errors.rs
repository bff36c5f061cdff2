//! I/O errors in WASI functions: which of them are faults of the system, what the handler gets, and a limited number of
//! log lines.

use crate::log;
use glasshouse_quota::sync::lock;
use rustix::fs::readlink;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// Lines in each [`PERIOD`]. When the process has no descriptors left, every request has a fault.
const MAX_LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Whether an error is a fault of the system. All errors are, except those that are known to mean absence.
pub(crate) fn is_fault(error: Errno) -> bool {
    !matches!(
        error,
        Errno::ACCESS
            | Errno::ILSEQ
            | Errno::INVAL
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NODEV
            | Errno::NOENT
            | Errno::NOTDIR
            | Errno::NOTSUP
            | Errno::NXIO
            | Errno::PERM
            | Errno::SRCH
            | Errno::XDEV
    )
}

/// Converts an error to one that WASI can express. A path that leads out of the directory and a device without a driver
/// are not permitted; a process in `/proc` that has exited is absent.
pub(crate) fn to_wasi(error: Errno) -> io::Error {
    let error = match error {
        Errno::XDEV | Errno::NXIO | Errno::NODEV => Errno::PERM,
        Errno::SRCH => Errno::NOENT,
        error => error,
    };
    error.into()
}

/// Logs faults beneath one directory.
pub(crate) struct Reporter {
    root: Arc<File>,
    window: Mutex<ReportWindow>,
}

struct ReportWindow {
    started: Instant,
    lines: u32,
    omitted: u64,
}

impl Reporter {
    /// Paths in log lines are relative to `root`.
    pub(crate) fn new(root: Arc<File>) -> Reporter {
        Reporter { root, window: Mutex::new(ReportWindow { started: Instant::now(), lines: 0, omitted: 0 }) }
    }

    /// Logs the error of a result if it is a fault, and returns the result. `action` is a verb, as in `open`; `path` is
    /// relative to `at`.
    pub(crate) fn check<T>(
        &self,
        action: &str,
        at: impl AsFd,
        path: &str,
        result: Result<T, Errno>,
    ) -> Result<T, Errno> {
        if let Err(error) = result
            && is_fault(error)
        {
            self.report(action, at, path, &error.into());
        }
        result
    }

    /// Logs a fault.
    pub(crate) fn report(&self, action: &str, at: impl AsFd, path: &str, error: &io::Error) {
        let mut full = self.path(at).unwrap_or_default();
        if !matches!(path, "" | ".") {
            full.push(path);
        }
        self.log(format_args!("cannot {action} '{}': {error}", ShownPath(&full)));
    }

    /// Logs that a response ended before the end of a file.
    pub(crate) fn report_aborted(&self, file: impl AsFd, reason: &str) {
        let path = self.path(file).unwrap_or_default();
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

    /// The path of an open file relative to the root. Needs no descriptor, because none may be left.
    fn path(&self, at: impl AsFd) -> Option<PathBuf> {
        let [at, root] = [at.as_fd(), self.root.as_fd()].map(|file| {
            let link = readlink(format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new()).ok()?;
            Some(PathBuf::from(OsStr::from_bytes(link.as_bytes())))
        });
        at?.strip_prefix(root?).ok().map(PathBuf::from)
    }
}

/// A path relative to the root, which is shown as `.`.
struct ShownPath<'a>(&'a Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { f.write_str(".") } else { self.0.display().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use crate::io_errors::*;
    use crate::log::captured;

    fn reporter() -> Reporter {
        Reporter::new(Arc::new(File::open(".").expect("the directory exists")))
    }

    #[test]
    fn a_fault_is_a_line_with_call_path_and_error() {
        let reporter = reporter();
        let inner = File::open("src").expect("the directory exists");
        for (at, path) in [(&*reporter.root, "a/b"), (&inner, "c"), (&inner, ""), (&reporter.root, ".")] {
            let checked: Result<(), _> = reporter.check("open", at, path, Err(Errno::MFILE));
            assert_eq!(checked, Err(Errno::MFILE));
        }
        assert_eq!(reporter.check::<()>("open", &inner, "absent", Err(Errno::NOENT)), Err(Errno::NOENT));
        let error = io::Error::from(Errno::MFILE);
        let expected = ["a/b", "src/c", "src", "."].map(|path| format!("cannot open '{path}': {error}"));
        assert_eq!(captured::take(), expected);
    }

    #[test]
    fn many_faults_are_few_lines() {
        let reporter = reporter();
        for _ in 0..10_000 {
            reporter.report("open", &*reporter.root, "x", &Errno::IO.into());
        }
        let lines = captured::take().len();
        assert!((10..100).contains(&lines), "{lines} lines");
    }

    #[test]
    fn a_handler_does_not_take_a_fault_for_absence() {
        for error in [
            Errno::IO,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::STALE,
            Errno::AGAIN,
        ] {
            assert!(is_fault(error), "{error}");
            let kind = to_wasi(error).kind();
            assert!(!matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied), "{error}: {kind}");
        }
    }
}
