//! Reads the file of a component, whosever it is: as much as a component may have, and no more. It refuses to know what is in it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Bytes that a component may have: an interpreter with its whole library has a third of it. What is longer, or has no end like a
/// device, is not read on.
pub const LENGTH: u64 = 128 << 20;

/// The bytes of a file.
///
/// # Errors
/// Why it cannot be read, in words that follow on its name.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    File::open(path).map_err(|error| reason(&error)).and_then(read_from)
}

/// The bytes of what is already open.
///
/// # Errors
/// Why it cannot be read, in words that follow on its name.
pub fn read_from(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(LENGTH + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    match u64::try_from(bytes.len()) {
        Ok(..=LENGTH) => Ok(bytes),
        _ => Err(format!("longer than the {} MiB that a component may have", LENGTH >> 20)),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        assert_eq!(read_from(io::repeat(0)), Err("longer than the 128 MiB that a component may have".into()));
        assert_eq!(read_from(io::repeat(0).take(LENGTH)).map(|bytes| bytes.len() as u64), Ok(LENGTH));
        assert_eq!(read_from(io::empty()), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (path, expected) in [("nope", "no such file"), (".", "a directory")] {
            assert_eq!(read(Path::new(path)), Err(expected.into()));
        }
    }
}
