//! Replays responses while nothing that they depend on has changed.
//!
//! A handler without a clock and random numbers is a function of the request and of what it reads through its
//! capabilities. A response is therefore stored with the headers, metadata and directories that the handler read. For
//! the next equal request the host reads them again; if all are equal, the response is as well.
//!
//! Metadata stand for what they imply, if a file has been at rest: the entries of a directory, and the content of a
//! file ([`crate::settled`]). Otherwise the directory is read again, and a handler that reads the content of a file is
//! not replayed. The file that is sent is the one that was compared.

mod entry;
mod head;
mod policy;
mod recording;
mod repeat;
mod store;
#[cfg(test)]
mod tests;

use crate::response_body::ResponseBody;
use bytes::Bytes;
pub(crate) use entry::Effort;
use http::StatusCode;
pub(crate) use recording::{EntriesStep, Recording, Step};
pub(crate) use repeat::{Repeated, Replay};
pub use store::ReplayStore;

/// A recorded response, in the form in which HTTP/1.1 sends it.
pub struct Replayed {
    /// The status.
    pub status: StatusCode,
    /// The status line and the fields, each with its CRLF. Without `date`, `connection`, and the empty line at the end.
    pub head: Bytes,
    /// The body.
    pub body: ResponseBody,
}
