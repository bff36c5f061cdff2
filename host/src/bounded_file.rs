//! Opens the files that options name. Reads are limited in bytes, and reads from a pipe in time, so that no file blocks
//! the program.

#[cfg_attr(not(unix), path = "bounded_file/pipe_portable.rs")]
mod pipe;

use crate::system_errors::{is_link_loop, is_too_many_files, is_without_reader};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a pipe may take to end. A shell starts the command of `<(command)` well within that time.
const PIPE_TIMEOUT: Duration = Duration::from_secs(5);

/// The reason for a file that this process may not use.
pub(crate) const PERMISSION_DENIED: &str = "permission denied";

/// Reads a file of at most `max` bytes, or a pipe to its end.
///
/// # Errors
/// The reason as text that follows the name of the file.
pub(crate) fn read(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let file = pipe::open(path).map_err(|error| reason(&error))?;
    let facts = file.metadata().map_err(|error| reason(&error))?;
    if facts.is_dir() {
        return Err("a directory".to_owned());
    }
    let deadline = (!facts.is_file()).then(|| Instant::now().checked_add(PIPE_TIMEOUT)).flatten();
    let mut bytes = Vec::new();
    let mut block = vec![0; 64 << 10];
    loop {
        if let Some(deadline) = deadline {
            let is_readable = pipe::wait_readable(&file, deadline).map_err(|error| reason(&error))?;
            if !is_readable {
                return Err(format!("a pipe or a device that did not end within {} seconds", PIPE_TIMEOUT.as_secs()));
            }
        }
        match (&file).read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(block.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(reason(&error)),
        }
        if bytes.len() > max {
            return Err(format!("longer than {}", amount(max)));
        }
    }
}

/// Describes why a file cannot be opened, read or written, as text that follows its name.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        _ if is_without_reader(error) => "a socket, or a pipe that no process reads".to_owned(),
        _ if is_too_many_files(error) => "too many files are open; raise the limit with 'ulimit -n'".to_owned(),
        _ if is_link_loop(error) => "a symbolic link that leads to itself".to_owned(),
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => PERMISSION_DENIED.to_owned(),
        ErrorKind::IsADirectory => "a directory".to_owned(),
        ErrorKind::NotADirectory => "not a directory".to_owned(),
        ErrorKind::InvalidFilename => "the name is too long".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::StorageFull => "no space is left".to_owned(),
        // Some libraries put another path into the text.
        kind if error.raw_os_error().is_none() => io::Error::from(kind).to_string(),
        _ => error.to_string(),
    }
}

fn amount(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use crate::bounded_file::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::Write as _;
    use std::{fs, thread};

    #[test]
    fn a_file_is_read_within_limits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![7; 2048]).unwrap();
        assert_eq!(read(&path, 2048), Ok(vec![7; 2048]));
        assert_eq!(read(&path, 2047), Err("longer than 1 KiB".into()));
        assert_eq!(read(Path::new("/dev/zero"), 1 << 20), Err("longer than 1 MiB".into()));
        assert_eq!(read(Path::new("/dev/null"), 0), Ok(Vec::new()));
        for (path, expected) in [("nope", "no such file"), (".", "a directory"), ("/dev/null/x", "not a directory")] {
            assert_eq!(read(Path::new(path), 9), Err(expected.into()));
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end_or_times_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let writer = {
            let path = path.clone();
            thread::spawn(move || {
                let mut pipe = fs::OpenOptions::new().write(true).open(path).unwrap();
                pipe.write_all(&[7; 200_000]).unwrap();
            })
        };
        assert_eq!(read(&path, 200_000).map(|bytes| bytes.len()), Ok(200_000));
        writer.join().unwrap();
        assert_eq!(read(&path, 9), Err("a pipe or a device that did not end within 5 seconds".into()));
    }
}
