//! Texts of the operating system from their bytes, on a system whose texts are Unicode.

use std::ffi::OsStr;

/// The text with these bytes, which must be UTF-8.
pub(crate) fn os_str(bytes: &[u8]) -> Option<&OsStr> {
    str::from_utf8(bytes).ok().map(OsStr::new)
}
