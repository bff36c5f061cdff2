//! Opens the log file, at the start and again at a reload, and never in a served directory.
//!
//! An existing file is checked after it is open. A missing one is checked before it is created, by the directory of the
//! new file. So a log is never written to a served tree, whatever the path is.

use super::logfile_error::{LogFileError, ReopenError, unusable};
use super::roots::{Roots, above, open_directory};
use super::{Rights, ServedTree};
use crate::error::StartupError;
use crate::file_facts::{FileIdentity, identity};
use crate::harden;
use glasshouse_http::LogFile;
use glasshouse_quota::sync::lock;
use glasshouse_sandbox::ServedPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fcntl_setfl, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// The maximum number of links to a missing file, as in the kernel.
const MAX_LINKS: usize = 40;
/// The number of attempts if another process creates or removes the file at the same time.
const ATTEMPTS: usize = 8;
const APPENDING: OFlags = OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The open log file.
#[derive(Debug)]
pub(crate) struct OpenLog {
    /// The value of `--log-file`.
    path: PathBuf,
    /// The directory of the path, and its last part.
    base: OwnedFd,
    name: OsString,
    trees: Vec<ServedPath>,
    served: Mutex<Roots>,
    location: Mutex<LogLocation>,
    /// The destination of the entries.
    pub(crate) output: Arc<LogFile>,
    /// Whether the process keeps the right to open the file again.
    can_reopen: bool,
}

#[derive(Debug)]
struct LogLocation {
    file: FileIdentity,
    /// The directory and the name in it; `None` for a terminal or a pipe, which log rotation does not move.
    directory: Option<(OwnedFd, OsString)>,
}

impl From<Errno> for LogFileError {
    fn from(error: Errno) -> LogFileError {
        LogFileError::Io(error.into())
    }
}

impl OpenLog {
    /// Opens the file, or creates it with the mode 640.
    ///
    /// # Errors
    /// The file cannot be opened, or is in a served directory.
    pub(crate) fn open(
        path: &Path,
        trees: &[ServedTree],
        components: &[&Path],
        rights: Rights,
    ) -> Result<OpenLog, StartupError> {
        let roots = Roots::of(trees);
        let (base, name) = based(path).map_err(|error| unusable(path, error.into()))?;
        let (file, location) = find(&base, &name, &roots).map_err(|error| unusable(path, error))?;
        // A process gives up the right to create files in the directory of its log if served files or components are
        // beneath it: it would be the right to change them.
        let holds_served = |(directory, _): &(OwnedFd, OsString)| {
            let at = fstat(directory).map(|stat| identity(&stat)).ok();
            let roots = trees.iter().filter_map(|served| served.tree.as_ref()).map(root);
            let roots = roots.filter_map(|path| open_directory(CWD, &path).ok());
            let mut roots = roots.chain(harden::directories(components.iter().copied()));
            roots.any(|root| above(root).any(|one| Some(one) == at))
        };
        let can_reopen = rights.are_kept() || !location.directory.as_ref().is_some_and(holds_served);
        Ok(OpenLog {
            path: path.to_owned(),
            base,
            name,
            trees: trees.iter().filter_map(|served| served.tree.clone()).collect(),
            served: Mutex::new(roots),
            location: Mutex::new(location),
            output: Arc::new(LogFile::new(path.display().to_string(), file)),
            can_reopen,
        })
    }

    /// A warning for the operator at the start.
    pub(crate) fn warning(&self) -> Option<String> {
        let reason = LogFileError::BesideServed;
        (!self.can_reopen).then(|| format!("SIGHUP will not open the log '{}' again: {reason}", self.path.display()))
    }

    /// The directory in which the process keeps the right to create and write files.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the process keeps all rights"))]
    pub(crate) fn directory(&self) -> Option<OwnedFd> {
        let location = self.location();
        let (directory, _) = location.directory.as_ref().filter(|_| self.can_reopen)?;
        directory.try_clone().ok()
    }

    /// Opens the file of this path again for all further entries. A process that has given up its rights needs the
    /// right to create and write files beneath the [directory](OpenLog::directory). Landlock has no smaller one: a rule
    /// for a file follows the file when log rotation moves it.
    ///
    /// # Errors
    /// The file cannot be opened. Entries still go to the previous file.
    pub(crate) fn reopen(&self) -> Result<(), ReopenError> {
        let mut location = self.location();
        if location.directory.is_none() {
            return Ok(());
        }
        let error = |source| ReopenError { path: self.path.clone(), source };
        if !self.can_reopen {
            return Err(error(LogFileError::BesideServed));
        }
        let mut roots = lock(&self.served);
        self.trees.iter().for_each(|tree| roots.add(tree));
        let (file, found) = find(&self.base, &self.name, &roots).map_err(error)?;
        self.output.replace(file);
        *location = found;
        Ok(())
    }

    /// Whether the file would be served if the tree was opened again now.
    pub(crate) fn is_in(&self, tree: &ServedPath) -> bool {
        let mut roots = Roots::default();
        roots.add(tree);
        self.location().is_in(&roots)
    }

    fn location(&self) -> MutexGuard<'_, LogLocation> {
        lock(&self.location)
    }
}

/// Checks that the log file can be opened, without creating it.
///
/// # Errors
/// As for [`OpenLog::open`].
pub(crate) fn probe(path: &Path, trees: &[ServedTree]) -> Result<(), StartupError> {
    let roots = Roots::of(trees);
    let probe = || {
        let (base, name) = based(path)?;
        if existing(&base, &name, &roots)?.is_some() {
            return Ok(());
        }
        let (directory, name) = target(&base, &name)?;
        if roots.has_in(&directory, &name) {
            return Err(LogFileError::InServedTree);
        }
        Ok(rustix::fs::accessat(&directory, ".", rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)?)
    };
    probe().map_err(|error| unusable(path, error))
}

/// Opens the directory of a path, and returns it with the last part of the path.
fn based(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((open_directory(CWD, above)?, name))
}

/// The directory of a tree.
fn root(tree: &ServedPath) -> PathBuf {
    match tree {
        ServedPath::Directory(path) => path.clone(),
        ServedPath::File { directory, .. } => directory.clone(),
    }
}

/// Opens the file, or creates it.
fn find(base: &OwnedFd, name: &OsStr, roots: &Roots) -> Result<(File, LogLocation), LogFileError> {
    for _ in 0..ATTEMPTS {
        if let Some(found) = existing(base, name, roots)? {
            return Ok(found);
        }
        let (directory, name) = target(base, name)?;
        if roots.has_in(&directory, &name) {
            return Err(LogFileError::InServedTree);
        }
        let flags = APPENDING | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        match openat(&directory, &name, flags, Mode::from_raw_mode(0o640)) {
            Ok(file) => {
                let location = LogLocation { file: identity(&fstat(&file)?), directory: Some((directory, name)) };
                return Ok((file.into(), location));
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EXIST.into())
}

/// Opens an existing file for appending, which does not change it; `None` if it does not exist.
fn existing(base: &OwnedFd, name: &OsStr, roots: &Roots) -> Result<Option<(File, LogLocation)>, LogFileError> {
    // Non-blocking: a pipe may have no reader.
    let file = match openat(base, name, APPENDING | OFlags::NONBLOCK, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = fstat(&file)?;
    let mut location = LogLocation { file: identity(&found), directory: None };
    if rustix::fs::FileType::from_raw_mode(found.st_mode).is_file() {
        let (directory, name) = target(base, name)?;
        let there = statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW);
        match there.is_ok_and(|there| identity(&there) == location.file) {
            true => location.directory = Some((directory, name)),
            // Another process removed the file while it was open, such as the file of a redirected standard error.
            false if found.st_nlink == 0 => {}
            false => return Err(Errno::STALE.into()),
        }
    } else {
        // Blocking again: a pipe may have a slow reader.
        let _ = fcntl_setfl(&file, OFlags::APPEND);
    }
    if location.is_in(roots) { Err(LogFileError::InServedTree) } else { Ok(Some((file, location))) }
}

/// The directory and the name of a file, or of the file to create, after following links.
fn target(base: &OwnedFd, name: &OsStr) -> io::Result<(OwnedFd, OsString)> {
    let (mut directory, mut name) = (base.try_clone()?, name.to_owned());
    for _ in 0..MAX_LINKS {
        let Ok(link) = readlinkat(&directory, &name, Vec::new()) else { return Ok((directory, name)) };
        let link = Path::new(OsStr::from_bytes(link.as_bytes()));
        let above = link.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        directory = open_directory(&directory, above)?;
        name = link.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    }
    Err(Errno::LOOP.into())
}

impl LogLocation {
    fn is_in(&self, roots: &Roots) -> bool {
        roots.has_file(self.file)
            || self.directory.as_ref().is_some_and(|(directory, name)| roots.has_in(directory, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::trees::TreeComponent;
    use std::fs;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    fn place() -> TempDir {
        let place = tempfile::tempdir().unwrap();
        for name in ["site/sub", "logs", "other"] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        place
    }

    fn served(tree: ServedPath) -> ServedTree {
        ServedTree { at: None, tree: Some(tree), component: TreeComponent::Handler }
    }

    fn open(path: &Path, trees: &[ServedTree]) -> Result<OpenLog, String> {
        OpenLog::open(path, trees, &[], Rights::AreGivenUp).map_err(|error| error.to_string())
    }

    #[test]
    fn a_log_is_never_served() {
        let place = place();
        let at = |name: &str| place.path().join(name);
        for (target, link) in [
            ("../site/evil", "logs/to-nothing"),
            ("to-nothing", "logs/to-link"),
            ("../site/sub", "logs/dir"),
            ("../site/", "logs/slash"),
            ("../site/there", "logs/to-file"),
            ("../logs/out", "site/out"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        symlink(at("site/absolute"), at("logs/absolute")).unwrap();
        fs::write(at("site/there"), "there").unwrap();
        fs::write(at("one"), "one").unwrap();
        fs::hard_link(at("one"), at("logs/same")).unwrap();
        let trees = [
            served(ServedPath::Directory(at("site"))),
            served(ServedPath::File { directory: at(""), name: "one".into() }),
        ];
        for name in [
            "site/a",
            "site/sub/a",
            "site/there",
            "logs/../site/a",
            "logs/to-nothing",
            "logs/to-link",
            "logs/to-file",
            "logs/absolute",
            "logs/dir/a",
            "logs/dir/../a",
            "logs/slash/a",
            "one",
            "logs/same",
        ] {
            let refused = open(&at(name), &trees).map(drop);
            assert!(refused.is_err_and(|why| why.contains("it is in a served directory")), "{name}");
            assert!(probe(&at(name), &trees).is_err(), "{name}");
        }
        let list = |name: &str| fs::read_dir(at(name)).unwrap().count();
        assert_eq!((list("site"), list("site/sub")), (3, 0), "nothing was made");
        assert_eq!(fs::read(at("site/there")).unwrap(), b"there");
        // The handler does not follow a link that leads out of the tree.
        for (name, made) in [("logs/a", "logs/a"), ("site/out", "logs/out"), ("b", "b")] {
            assert_eq!(probe(&at(name), &trees), Ok(()), "{name}");
            assert!(!at(made).exists());
            open(&at(name), &trees).unwrap();
            assert!(at(made).exists(), "{name}");
        }
        assert!(probe(&at("nowhere/a"), &trees).is_err());
    }

    #[test]
    fn a_log_beside_served_files_is_not_opened_again() {
        let place = place();
        let at = |name: &str| place.path().join(name);
        let site = [served(ServedPath::Directory(at("site")))];
        let one = [served(ServedPath::File { directory: at("logs"), name: "one".into() })];
        for (name, trees, can_reopen) in [("logs/a", &site, true), ("a", &site, false), ("logs/b", &one, false)] {
            let log = open(&at(name), trees).unwrap();
            assert_eq!(log.directory().is_some(), can_reopen, "{name}");
            assert_eq!(log.warning().is_some(), !can_reopen, "{name}");
            assert_eq!(log.reopen().is_ok(), can_reopen, "{name}");
            let free = OpenLog::open(&at(name), trees, &[], Rights::AreKept).unwrap();
            assert!(free.warning().is_none() && free.reopen().is_ok(), "{name}");
        }
        let null = open(Path::new("/dev/null"), &site).unwrap();
        assert!(null.directory().is_none() && null.warning().is_none() && null.reopen().is_ok());
    }

    #[test]
    fn a_reopened_log_is_checked_again() {
        let place = place();
        let at = |name: &str| place.path().join(name);
        symlink("../other/log", at("logs/link")).unwrap();
        let trees = [served(ServedPath::Directory(at("site")))];
        let log = open(&at("logs/link"), &trees).unwrap();
        assert!(at("other/log").exists());
        fs::rename(at("other/log"), at("other/log.1")).unwrap();
        log.reopen().unwrap();
        assert!(at("other/log").exists());
        fs::remove_file(at("logs/link")).unwrap();
        symlink("../site/log", at("logs/link")).unwrap();
        assert!(log.reopen().map_err(|error| error.to_string()).is_err_and(|text| {
            text.starts_with("cannot open the log '") && text.contains("in a served directory")
        }));
        assert!(!at("site/log").exists());
        assert!(!log.is_in(&ServedPath::Directory(at("site"))) && log.is_in(&ServedPath::Directory(at("other"))));
    }

    #[test]
    fn a_pipe_without_a_reader_is_refused() {
        let place = place();
        let path = place.path().join("pipe");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(open(&path, &[]).map(drop).is_err_and(|why| why.contains("a pipe that no process reads")));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let _reader = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        open(&path, &[]).unwrap();
        assert!(open(Path::new("/"), &[]).is_err() && open(place.path(), &[]).is_err());
    }
}
