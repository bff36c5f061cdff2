//! The file of the log: where it is found, made and opened anew, which is never in what is served. It refuses to know what is
//! written there.
//!
//! A file that is there is judged when it is open, and one that is not before it is made, by the directory in which that would
//! happen: whatever its path says, no byte of a log comes into a tree.

use super::roots::{Roots, above, identity, open_directory};
use super::{Rights, ServedTree};
use crate::config::StartupError;
use crate::config::roots::DirectoryId;
use glasshouse_http::{LogFile, bounded_file};
use glasshouse_sandbox::ServedPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fcntl_setfl, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Links that are followed to a file that is not there, as many as the kernel does.
const LINKS: usize = 40;
/// How often is tried again what somebody else made or removed meanwhile.
const TRIES: usize = 8;
const ADDING: OFlags = OFlags::WRONLY.union(OFlags::APPEND).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The file of the log, open.
#[derive(Debug)]
pub struct OpenLog {
    /// As it was named.
    path: PathBuf,
    /// The directory in which the path was looked for, and the last part of the path.
    base: OwnedFd,
    name: OsString,
    trees: Vec<ServedPath>,
    served: Mutex<Roots>,
    /// Where the file is.
    found: Mutex<Place>,
    /// What entries are written to.
    pub output: Arc<LogFile>,
    /// Whether the process will be able to open it anew.
    is_kept: bool,
}

/// Where a file is.
#[derive(Debug)]
struct Place {
    file: DirectoryId,
    /// The directory that it is in, and its name there; none for a terminal or the like, which nobody moves away.
    directory: Option<(OwnedFd, OsString)>,
}

/// Why a file cannot be the log.
enum Unfit {
    ServedTree,
    Error(io::Error),
}

impl From<Errno> for Unfit {
    fn from(error: Errno) -> Unfit {
        Unfit::Error(error.into())
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Unfit {
        Unfit::Error(error)
    }
}

impl OpenLog {
    /// Opens the file, or makes it, for its owner and its group to read.
    ///
    /// # Errors
    /// It cannot be opened, or clients could read it.
    pub fn open(path: &Path, trees: &[ServedTree], rights: Rights) -> Result<OpenLog, StartupError> {
        let roots = Roots::of(trees);
        let (base, name) = based(path).map_err(|error| refused(path, &Unfit::Error(error)))?;
        let (file, found) = find(&base, &name, &roots).map_err(|unfit| refused(path, &unfit))?;
        // A process that serves what is beneath the directory of its log gives up the right to make files there: it would be one to
        // write what it serves.
        let holds_served = |(directory, _): &(OwnedFd, OsString)| {
            let at = fstat(directory).map(|stat| identity(&stat)).ok();
            let roots =
                trees.iter().map(|served| root(&served.tree)).filter_map(|path| open_directory(CWD, &path).ok());
            roots.into_iter().any(|root| above(root).any(|one| Some(one) == at))
        };
        let is_kept = rights == Rights::AreKept || !found.directory.as_ref().is_some_and(holds_served);
        Ok(OpenLog {
            path: path.to_owned(),
            base,
            name,
            trees: trees.iter().map(|served| served.tree.clone()).collect(),
            served: Mutex::new(roots),
            found: Mutex::new(found),
            output: Arc::new(LogFile::new(path.display().to_string(), file)),
            is_kept,
        })
    }

    /// What whoever runs the server should know at the start.
    pub fn warning(&self) -> Option<String> {
        (!self.is_kept)
            .then(|| format!("the log '{}' will not be opened anew on SIGHUP: {HOLDS_SERVED}", self.path.display()))
    }

    /// The directory in which the process keeps the right to make and write files.
    pub fn directory(&self) -> Option<OwnedFd> {
        let found = self.found();
        let (directory, _) = found.directory.as_ref().filter(|_| self.is_kept)?;
        directory.try_clone().ok()
    }

    /// Opens the file of this path anew; entries that follow go there. A process that has given up its rights may do this if it kept
    /// the right to make and write files beneath the [directory](OpenLog::directory), which is the least that Landlock can tell
    /// apart: a rule for the file itself holds for the one that was moved away.
    ///
    /// # Errors
    /// In words for whoever runs the server: it cannot be opened, and entries go on to where they went.
    pub fn reopen(&self) -> Result<(), String> {
        let mut found = self.found();
        if found.directory.is_none() {
            return Ok(());
        }
        let stays = |reason: &str| {
            let path = self.path.display();
            format!("cannot open the log '{path}' anew, and entries go on to the file before: {reason}")
        };
        if !self.is_kept {
            return Err(stays(HOLDS_SERVED));
        }
        let mut roots = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        self.trees.iter().for_each(|tree| roots.add(tree));
        match find(&self.base, &self.name, &roots) {
            Ok((file, place)) => {
                self.output.replace(file);
                *found = place;
                Ok(())
            }
            Err(Unfit::ServedTree) => Err(stays(AMONG_SERVED)),
            Err(Unfit::Error(error)) => Err(stays(&error.to_string())),
        }
    }

    /// Whether the file would be served if the tree was opened again now.
    pub fn is_in(&self, tree: &ServedPath) -> bool {
        let mut roots = Roots::default();
        roots.add(tree);
        self.found().is_in(&roots)
    }

    fn found(&self) -> MutexGuard<'_, Place> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const HOLDS_SERVED: &str = "its directory holds what is served, where the process keeps no right to make files; give the log a \
                            directory of its own";
const AMONG_SERVED: &str = "it is among what is served, where everybody could read it; name a file elsewhere";

/// Says whether the file of a log could be opened, and makes none.
///
/// # Errors
/// As for [`OpenLog::open`].
pub fn probe(path: &Path, trees: &[ServedTree]) -> Result<(), StartupError> {
    let roots = Roots::of(trees);
    let probed = based(path).map_err(Unfit::Error).and_then(|(base, name)| match existing(&base, &name, &roots) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            let (directory, name) = target(&base, &name)?;
            if roots.has_in(&directory, &name) {
                return Err(Unfit::ServedTree);
            }
            Ok(rustix::fs::accessat(&directory, ".", rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)?)
        }
        Err(unfit) => Err(unfit),
    });
    probed.map_err(|unfit| refused(path, &unfit))
}

fn refused(path: &Path, unfit: &Unfit) -> StartupError {
    let path = path.display();
    StartupError::CannotServe(match unfit {
        Unfit::ServedTree => format!("cannot log to '{path}': {AMONG_SERVED}"),
        Unfit::Error(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            format!("cannot log to '{path}': nobody reads this pipe or socket; name a file with --log-file")
        }
        Unfit::Error(error) => {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "no such directory".to_owned(),
                _ => bounded_file::reason(error),
            };
            format!("cannot log to '{path}': {reason}; name another file with --log-file")
        }
    })
}

/// The directory of a path, open, and the name behind it.
fn based(path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((open_directory(CWD, above)?, name))
}

/// Where what a tree serves begins.
fn root(tree: &ServedPath) -> PathBuf {
    match tree {
        ServedPath::Directory(path) => path.clone(),
        ServedPath::File { directory, .. } => directory.clone(),
    }
}

/// Opens the file, or makes it where it is not there.
fn find(base: &OwnedFd, name: &OsStr, roots: &Roots) -> Result<(File, Place), Unfit> {
    for _ in 0..TRIES {
        if let Some(found) = existing(base, name, roots)? {
            return Ok(found);
        }
        let (directory, name) = target(base, name)?;
        if roots.has_in(&directory, &name) {
            return Err(Unfit::ServedTree);
        }
        let flags = ADDING | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        match openat(&directory, &name, flags, Mode::from_raw_mode(0o640)) {
            Ok(file) => {
                let place = Place { file: identity(&fstat(&file)?), directory: Some((directory, name)) };
                return Ok((file.into(), place));
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EXIST.into())
}

/// Opens a file that is there; `None` where there is none. Opened to be added to, it is as it was.
fn existing(base: &OwnedFd, name: &OsStr, roots: &Roots) -> Result<Option<(File, Place)>, Unfit> {
    // Without waiting, as a pipe may have nobody who reads it.
    let file = match openat(base, name, ADDING | OFlags::NONBLOCK, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = fstat(&file)?;
    let mut place = Place { file: identity(&found), directory: None };
    if rustix::fs::FileType::from_raw_mode(found.st_mode).is_file() {
        let (directory, name) = target(base, name)?;
        let there = statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW);
        match there.is_ok_and(|there| identity(&there) == place.file) {
            true => place.directory = Some((directory, name)),
            // It was removed while somebody had it open, such as a standard error that leads to a file.
            false if found.st_nlink == 0 => {}
            false => return Err(Errno::STALE.into()),
        }
    } else {
        // Whoever reads a pipe slowly is waited for.
        let _ = fcntl_setfl(&file, OFlags::APPEND);
    }
    if place.is_in(roots) { Err(Unfit::ServedTree) } else { Ok(Some((file, place))) }
}

/// Where a file is, or would be made: links are followed to what is no link.
fn target(base: &OwnedFd, name: &OsStr) -> io::Result<(OwnedFd, OsString)> {
    let (mut directory, mut name) = (base.try_clone()?, name.to_owned());
    for _ in 0..LINKS {
        let Ok(link) = readlinkat(&directory, &name, Vec::new()) else { return Ok((directory, name)) };
        let link = Path::new(OsStr::from_bytes(link.as_bytes()));
        let above = link.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        directory = open_directory(&directory, above)?;
        name = link.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
    }
    Err(Errno::LOOP.into())
}

impl Place {
    fn is_in(&self, roots: &Roots) -> bool {
        roots.has_file(self.file)
            || self.directory.as_ref().is_some_and(|(directory, name)| roots.has_in(directory, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        ServedTree { at: None, tree }
    }

    fn open(path: &Path, trees: &[ServedTree]) -> Result<OpenLog, String> {
        OpenLog::open(path, trees, Rights::AreGivenUp).map_err(|fault| fault.to_string())
    }

    /// Whatever the path says, nothing is made in what is served.
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
            assert!(refused.is_err_and(|why| why.contains("it is among what is served")), "{name}");
            assert!(probe(&at(name), &trees).is_err(), "{name}");
        }
        let list = |name: &str| fs::read_dir(at(name)).unwrap().count();
        assert_eq!((list("site"), list("site/sub")), (3, 0), "nothing was made");
        assert_eq!(fs::read(at("site/there")).unwrap(), b"there");
        // A link in the tree that leads out of it is not followed by whoever serves the tree.
        for (name, made) in [("logs/a", "logs/a"), ("site/out", "logs/out"), ("b", "b")] {
            assert_eq!(probe(&at(name), &trees), Ok(()), "{name}");
            assert!(!at(made).exists());
            open(&at(name), &trees).unwrap();
            assert!(at(made).exists(), "{name}");
        }
        assert!(probe(&at("nowhere/a"), &trees).is_err());
    }

    #[test]
    fn a_log_beside_what_is_served_is_not_opened_anew_and_says_so() {
        let place = place();
        let at = |name: &str| place.path().join(name);
        let site = [served(ServedPath::Directory(at("site")))];
        let one = [served(ServedPath::File { directory: at("logs"), name: "one".into() })];
        for (name, trees, is_kept) in [("logs/a", &site, true), ("a", &site, false), ("logs/b", &one, false)] {
            let log = open(&at(name), trees).unwrap();
            assert_eq!(log.directory().is_some(), is_kept, "{name}");
            assert_eq!(log.warning().is_some(), !is_kept, "{name}");
            assert_eq!(log.reopen().is_ok(), is_kept, "{name}");
            let free = OpenLog::open(&at(name), trees, Rights::AreKept).unwrap();
            assert!(free.warning().is_none() && free.reopen().is_ok(), "{name}");
        }
        let null = open(Path::new("/dev/null"), &site).unwrap();
        assert!(null.directory().is_none() && null.warning().is_none() && null.reopen().is_ok());
    }

    #[test]
    fn what_is_opened_anew_is_judged_anew() {
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
        assert!(
            log.reopen()
                .is_err_and(|why| why.starts_with("cannot open the log '") && why.contains("among what is served"))
        );
        assert!(!at("site/log").exists());
        assert!(!log.is_in(&ServedPath::Directory(at("site"))) && log.is_in(&ServedPath::Directory(at("other"))));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let place = place();
        let path = place.path().join("pipe");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(open(&path, &[]).map(drop).is_err_and(|why| why.contains("nobody reads this pipe")));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let _reader = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        open(&path, &[]).unwrap();
        assert!(open(Path::new("/"), &[]).is_err() && open(place.path(), &[]).is_err());
    }
}
