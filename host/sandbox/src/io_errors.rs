//! Faults of the machine at the calls that are answered here: which errors are any, and one line for each, within a measure.
//! It refuses to know what a fault does to an answer.

use crate::sandbox::Complain;
use rustix::fs::readlink;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

/// Lines that are written of the faults of one [`WINDOW`]: when descriptors run out, every request has one.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Whether an error says that the machine failed, and nothing of what is there. What is not known to mean absence does.
pub fn is_fault(error: Errno) -> bool {
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

/// The error that a handler is told, of those that WASI has a word for: a path that leads out is not permitted, and neither
/// is a device without a driver; what was a process (in `/proc`) is not there.
pub fn told(error: Errno) -> io::Error {
    let error = match error {
        Errno::XDEV | Errno::NXIO | Errno::NODEV => Errno::PERM,
        Errno::SRCH => Errno::NOENT,
        error => error,
    };
    error.into()
}

/// Where faults are told.
pub struct Reporter {
    complain: Complain,
    root: Arc<File>,
    window: Mutex<Window>,
}

/// A stretch of time, and what was told in it.
struct Window {
    began: Instant,
    told: u32,
    omitted: u64,
}

impl Reporter {
    /// Tells `complain` of faults beneath the directory `root`.
    pub fn new(complain: Complain, root: Arc<File>) -> Reporter {
        Reporter { complain, root, window: Mutex::new(Window { began: Instant::now(), told: 0, omitted: 0 }) }
    }

    /// Hands a result on, and tells of it if it is a fault. `call` is what was tried, `at` and `path` are where.
    pub fn note<T>(&self, call: &str, at: impl AsFd, path: &str, tried: Result<T, Errno>) -> Result<T, Errno> {
        if let Err(error) = tried
            && is_fault(error)
        {
            self.tell(call, at, path, &error.into());
        }
        tried
    }

    /// Tells of a fault.
    pub fn tell(&self, call: &str, at: impl AsFd, path: &str, error: &io::Error) {
        let mut place = self.place(at).unwrap_or_default();
        if !matches!(path, "" | ".") {
            place.push(path);
        }
        self.say(format_args!("cannot {call} '{}': {error}", Shown(&place)));
    }

    /// Tells that a file could not be sent to its end, and why.
    pub fn cut(&self, file: impl AsFd, reason: &str) {
        let place = self.place(file).unwrap_or_default();
        self.say(format_args!("an answer was cut off: '{}': {reason}", Shown(&place)));
    }

    fn say(&self, text: fmt::Arguments<'_>) {
        let Some(omitted) = self.take_turn() else { return };
        if omitted > 0 {
            (self.complain)(format_args!("{omitted} more faults were left out"));
        }
        (self.complain)(text);
    }

    /// Whether there is room for a line, and how many had none before it.
    fn take_turn(&self) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.elapsed() >= WINDOW {
            (window.began, window.told) = (Instant::now(), 0);
        }
        if window.told == MOST {
            window.omitted = window.omitted.saturating_add(1);
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.omitted))
    }

    /// Where an open file lies below the root, as far as the system tells; that takes no descriptor, of which there may be
    /// none.
    fn place(&self, at: impl AsFd) -> Option<PathBuf> {
        let [at, root] = [at.as_fd(), self.root.as_fd()].map(|file| {
            let link = readlink(format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new()).ok()?;
            Some(PathBuf::from(OsStr::from_bytes(link.as_bytes())))
        });
        at?.strip_prefix(root?).ok().map(PathBuf::from)
    }
}

/// A path below the root; the root itself is `.`.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { f.write_str(".") } else { self.0.display().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use crate::io_errors::*;

    fn heard() -> (Reporter, Arc<Mutex<Vec<String>>>) {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&lines);
        let complain = Arc::new(move |text: fmt::Arguments<'_>| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_string());
        });
        (Reporter::new(complain, Arc::new(File::open(".").expect("there is a directory"))), lines)
    }

    #[test]
    fn a_fault_is_a_line_with_call_path_and_error() {
        let (faults, lines) = heard();
        let inner = File::open("src").expect("there is a directory");
        for (at, path) in [(&*faults.root, "a/b"), (&inner, "c"), (&inner, ""), (&faults.root, ".")] {
            let noted: Result<(), _> = faults.note("open", at, path, Err(Errno::MFILE));
            assert_eq!(noted, Err(Errno::MFILE));
        }
        assert_eq!(faults.note::<()>("open", &inner, "absent", Err(Errno::NOENT)), Err(Errno::NOENT));
        let error = io::Error::from(Errno::MFILE);
        let expected = ["a/b", "src/c", "src", "."].map(|place| format!("cannot open '{place}': {error}"));
        assert_eq!(*lines.lock().expect("nobody panicked"), expected);
    }

    #[test]
    fn a_flood_of_faults_is_no_flood_of_lines() {
        let (faults, lines) = heard();
        for _ in 0..10_000 {
            faults.tell("open", &*faults.root, "x", &Errno::IO.into());
        }
        let told = lines.lock().expect("nobody panicked").len();
        assert!((10..100).contains(&told), "{told} lines");
    }

    #[test]
    fn what_is_told_of_a_fault_is_no_absence() {
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
            let kind = told(error).kind();
            assert!(!matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied), "{error}: {kind}");
        }
    }
}
