//! Reads a small file of the served directory for the host, as its handler could read it, without blocking.

#[cfg_attr(not(target_os = "linux"), path = "peek/portable.rs")]
mod beneath;

pub(crate) use beneath::peek;

/// What [`Sandbox::peek`](crate::Sandbox::peek) found.
#[derive(Debug)]
pub enum Peek {
    /// The name does not exist.
    Nothing,
    /// The first bytes of a regular file.
    File(Vec<u8>),
    /// Something that a handler cannot read, described with an article: `a directory`.
    Other(&'static str),
}
