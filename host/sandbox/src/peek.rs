//! Reads a small file of a tree as its handler could, for the program to tell what is in it. It refuses to know what that means, and
//! never waits.

use crate::beneath;
use crate::beneath::{OpenOptions, Symlinks};
use crate::preopen::Preopen;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};

/// What a name at the root of a tree leads to.
#[derive(Debug)]
pub enum Peek {
    Nothing,
    /// The first bytes of a regular file.
    File(Vec<u8>),
    /// Something that a handler cannot read, in a word for people.
    Other(&'static str),
}

/// The first `limit` bytes of what is called `name`.
///
/// # Errors
/// It is there, and cannot be read.
pub fn peek(lent: &Preopen, name: &str, limit: u64) -> io::Result<Peek> {
    let found = match beneath::stat(lent.root(), name, Symlinks::NoFollow) {
        Err(Errno::NOENT) => return Ok(Peek::Nothing),
        found => FileType::from_raw_mode(found?.st_mode),
    };
    let opened = match found {
        FileType::RegularFile => beneath::open_file(lent.root(), name.as_ref()),
        FileType::Symlink => {
            let how = OpenOptions { links: Symlinks::Follow, only_directory: false };
            match beneath::open(lent.root(), name, how) {
                Ok((_, stat)) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    return Ok(Peek::Other("a link to a directory"));
                }
                Err(Errno::NOENT | Errno::LOOP | Errno::XDEV) => {
                    return Ok(Peek::Other("a link that leads nowhere, or out of the directory"));
                }
                Err(Errno::PERM) => return Ok(Peek::Other("a link to something that is no regular file")),
                opened => opened,
            }
        }
        FileType::Directory => return Ok(Peek::Other("a directory")),
        FileType::Fifo => return Ok(Peek::Other("a FIFO")),
        _ => return Ok(Peek::Other("no regular file")),
    };
    let mut bytes = Vec::new();
    File::from(opened?.0).take(limit).read_to_end(&mut bytes)?;
    Ok(Peek::File(bytes))
}
