//! Texts of the operating system from their bytes. In Unix any bytes are a text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// The text with these bytes. `None` if the system has no such text.
pub(crate) fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    Some(OsStr::from_bytes(bytes))
}
