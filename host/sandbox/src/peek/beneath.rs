//! Reads a file beneath the preopen by the calls that the handler's functions use.

use super::Peek;
use crate::beneath;
use crate::beneath::{OpenOptions, Symlinks};
use crate::preopen::Preopen;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};

/// Reads the first `limit` bytes of `name` at the root.
///
/// # Errors
/// The file exists, but cannot be read.
pub(crate) fn peek(preopen: &Preopen, name: &str, limit: u64) -> io::Result<Peek> {
    if preopen.handle().is_none() {
        return Ok(Peek::Nothing);
    }
    let file_type = match beneath::stat(preopen.root(), name, Symlinks::NoFollow) {
        Err(Errno::NOENT) => return Ok(Peek::Nothing),
        stat => FileType::from_raw_mode(stat?.st_mode),
    };
    let opened = match file_type {
        FileType::RegularFile => beneath::open_file(preopen.root(), name.as_ref()),
        FileType::Symlink => {
            let options = OpenOptions { symlinks: Symlinks::Follow, only_directory: false };
            match beneath::open(preopen.root(), name, options) {
                Ok((_, stat)) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    return Ok(Peek::Other("a link to a directory"));
                }
                Err(Errno::NOENT | Errno::LOOP | Errno::XDEV) => {
                    return Ok(Peek::Other("a link that leads nowhere, or out of the directory"));
                }
                Err(Errno::PERM) => return Ok(Peek::Other("a link to something other than a regular file")),
                opened => opened,
            }
        }
        FileType::Directory => return Ok(Peek::Other("a directory")),
        FileType::Fifo => return Ok(Peek::Other("a FIFO")),
        _ => return Ok(Peek::Other("not a regular file")),
    };
    let mut bytes = Vec::new();
    File::from(opened?.0).take(limit).read_to_end(&mut bytes)?;
    Ok(Peek::File(bytes))
}
