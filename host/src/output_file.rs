//! Writes the files of `-o`, each as a whole or not at all.

#[cfg_attr(not(unix), path = "output_file/special_unavailable.rs")]
mod special;

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Calls `write` with a new file, which then replaces the named one, so that an error leaves no part of a file. A pipe
/// or a device is written directly.
///
/// # Errors
/// Those of `write`, and those of the kernel.
pub(crate) fn replace<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        return write(&mut special::open(path)?);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glasshouse-");
    special::set_permissions(&mut builder);
    let mut file = builder.tempfile_in(directory).map_err(unnamed)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    Ok(file.persist(path).map(drop).map_err(|error| error.error)?)
}

/// The error without the path that `tempfile` adds.
fn unnamed(error: io::Error) -> io::Error {
    error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::io::{Read as _, Write as _};
    use std::thread;

    fn written(path: &Path, bytes: &[u8]) -> io::Result<()> {
        replace(path, |file| file.write_all(bytes))
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        written(&path, b"old").unwrap();
        let failed: Result<(), io::Error> = replace(&path, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        written(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_pipe_is_written_and_needs_a_reader() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert_eq!(written(&path, b"x").unwrap_err().raw_os_error(), Some(libc::ENXIO));
        // Opening for both directions does not wait for a writer.
        let mut reader = File::options().read(true).write(true).open(&path).unwrap();
        let writer = thread::spawn(move || written(&path, &[7; 200_000]));
        reader.read_exact(&mut vec![0; 200_000]).unwrap();
        writer.join().unwrap().unwrap();
    }
}
