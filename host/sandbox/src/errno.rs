//! Errors of the kernel in WASI functions: which of them are faults of the system, and what the handler gets.

use crate::io_errors::Reporter;
use rustix::io::Errno;
use std::fs::File;
use std::io;

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

impl Reporter {
    /// Logs the error of a result if it is a fault, and returns the result. `action` is a verb, as in `open`; `path` is
    /// relative to `at`.
    pub(crate) fn check<T>(&self, action: &str, at: &File, path: &str, result: Result<T, Errno>) -> Result<T, Errno> {
        if let Err(error) = result
            && is_fault(error)
        {
            self.report(action, at, path, &error.into());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use crate::errno::*;
    use crate::log::captured;
    use crate::preopen::Preopen;
    use crate::served_path::ServedPath;
    use std::sync::Arc;

    fn reporter() -> Reporter {
        Reporter::new(Arc::new(Preopen::open(Some(&ServedPath::Directory(".".into()))).expect("the directory exists")))
    }

    #[test]
    fn a_fault_is_a_line_with_call_path_and_error() {
        let reporter = reporter();
        let [root, inner] = [".", "src"].map(|path| File::open(path).expect("the directory exists"));
        for (at, path) in [(&root, "a/b"), (&inner, "c"), (&inner, ""), (&root, ".")] {
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
        let (reporter, root) = (reporter(), File::open(".").expect("the directory exists"));
        for _ in 0..10_000 {
            reporter.report("open", &root, "x", &Errno::IO.into());
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
