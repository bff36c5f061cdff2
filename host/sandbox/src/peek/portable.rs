//! Reads a file beneath the path of the preopen.

use super::Peek;
use crate::preopen::Preopen;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};

/// Reads the first `limit` bytes of `name` at the root.
///
/// # Errors
/// The file exists, but cannot be read.
pub(crate) fn peek(preopen: &Preopen, name: &str, limit: u64) -> io::Result<Peek> {
    let Some(root) = preopen.path() else { return Ok(Peek::Nothing) };
    let path = root.join(name);
    let is_link = match fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Peek::Nothing);
        }
        metadata => metadata?.is_symlink(),
    };
    let found = fs::canonicalize(&path);
    let found = match found {
        Ok(found) if found.starts_with(fs::canonicalize(root)?) => found,
        _ if is_link => return Ok(Peek::Other("a link that leads nowhere, or out of the directory")),
        _ => return Ok(Peek::Nothing),
    };
    let file_type = fs::metadata(&found)?.file_type();
    if file_type.is_dir() {
        return Ok(Peek::Other(if is_link { "a link to a directory" } else { "a directory" }));
    }
    if !file_type.is_file() {
        return Ok(Peek::Other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(found)?.take(limit).read_to_end(&mut bytes)?;
    Ok(Peek::File(bytes))
}
