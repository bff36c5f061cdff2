//! Reads the file of a component, whosever it is: as much as a component may have, and no more. It refuses to know what is in it.

use glasshouse_http::bounded_file;
use std::io::Read;
use std::path::Path;

/// Bytes that a component may have: an interpreter with its whole library has a third of it. What is longer, or has no end like a
/// device, is not read on.
pub const LENGTH: usize = 128 << 20;

/// The bytes of a file.
///
/// # Errors
/// Why it cannot be read, in words that follow on its name.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    bounded_file::read(path, LENGTH)
}

/// The bytes of what is already open.
///
/// # Errors
/// Why it cannot be read, in words that follow on its name.
pub fn read_from(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LENGTH).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes).map_err(|error| bounded_file::reason(&error))?;
    match bytes.len() {
        ..=LENGTH => Ok(bytes),
        _ => Err(format!("longer than {} MiB", LENGTH >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use crate::component_file::*;
    use std::io;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        assert_eq!(read_from(io::repeat(0)), Err("longer than 128 MiB".into()));
        assert_eq!(read_from(io::repeat(0).take(LENGTH as u64)).map(|bytes| bytes.len()), Ok(LENGTH));
        assert_eq!(read_from(io::empty()), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (path, expected) in [("nope", "no such file"), (".", "a directory")] {
            assert_eq!(read(Path::new(path)), Err(expected.into()));
        }
    }
}
