//! Where entries go: to standard error, or to the end of a file that can be opened anew after somebody has moved it. It refuses to
//! know what they say.

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open, openat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A place for entries.
#[derive(Clone, Debug)]
pub enum Sink {
    Stderr,
    File(Arc<LogFile>),
}

impl Sink {
    /// One call for each entry: neither is buffered, standard error is locked for the call, and the kernel takes what is written to
    /// the end of a file as one. So entries never interleave. A disk that is full costs entries, and no answer.
    pub fn write(&self, entry: &str) {
        let _ = match self {
            Sink::Stderr => io::stderr().lock().write_all(entry.as_bytes()),
            Sink::File(log) => {
                let file = log.file.read().unwrap_or_else(PoisonError::into_inner);
                (&*file).write_all(entry.as_bytes())
            }
        };
    }
}

/// A file that is only ever added to.
#[derive(Debug)]
pub struct LogFile {
    /// The directory that it lies in, by which it is found again whatever becomes of the path.
    directory: OwnedFd,
    name: OsString,
    /// As it was named, for whoever runs the server.
    path: PathBuf,
    file: RwLock<File>,
}

impl LogFile {
    /// Opens the file, or makes it, for its owner and its group to read.
    ///
    /// # Errors
    /// The path names no file, or one that cannot be opened.
    pub fn open(path: &Path) -> io::Result<LogFile> {
        let name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = open(above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let file = RwLock::new(append(&directory, &name)?);
        Ok(LogFile { directory, name, path: path.to_owned(), file })
    }

    /// Opens the file of this name anew; entries that follow go there.
    ///
    /// # Errors
    /// In words for whoever runs the server: it cannot be opened, and entries go on to where they went. A process that has given up its rights may do this if it kept the
    /// right to make and write files beneath the [directory](LogFile::directory), which is the least that Landlock can tell
    /// apart: a rule for the file itself holds for the one that was moved away.
    pub fn reopen(&self) -> Result<(), String> {
        let file = append(&self.directory, &self.name).map_err(|error| {
            format!("cannot open the log '{}' anew: {error}; it goes on as it was", self.path.display())
        })?;
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// The directory in which it would be made anew; `None` for a terminal or the like, which nobody moves away.
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        file.metadata().is_ok_and(|facts| facts.is_file()).then(|| self.directory.as_fd())
    }
}

fn append(directory: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Opening a pipe that nobody reads would wait for a reader. Regular files know no such waiting.
    let file = openat(directory, name, flags | OFlags::NONBLOCK, Mode::from_raw_mode(0o640))?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_added_to_and_found_again() {
        let place = tempfile::tempdir().unwrap();
        let (path, moved) = (place.path().join("log"), place.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let file = Arc::new(LogFile::open(&path).unwrap());
        let sink = Sink::File(Arc::clone(&file));
        sink.write("one\n");
        fs::rename(&path, &moved).unwrap();
        sink.write("two\n");
        file.reopen().unwrap();
        sink.write("three\n");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        assert!(file.directory().is_some());

        // What cannot be opened leaves things as they are.
        fs::rename(&path, place.path().join("log.2")).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(file.reopen().is_err());
        sink.write("four\n");
        assert_eq!(fs::read_to_string(place.path().join("log.2")).unwrap(), "three\nfour\n");
    }

    #[test]
    fn what_is_no_file_is_said() {
        assert!(LogFile::open(Path::new("/")).is_err());
        assert!(LogFile::open(Path::new("src/none/log")).is_err());
        assert!(LogFile::open(Path::new("/dev/null")).unwrap().directory().is_none());
    }
}
