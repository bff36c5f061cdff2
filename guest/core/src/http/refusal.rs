//! The reasons for an error response, with their status codes and messages.

/// Why a request is refused. The texts for the client are constants, so they never contain a path of the host or the
/// message of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the target is invalid.
    BadRequest,
    /// 404: there is nothing to serve (PY-61).
    NotFound,
    /// 404: the directory cannot be read (PY-35).
    NotListable,
    /// 404: an entry that the request selects for an archive is not in the directory.
    NoSuchEntry,
    /// 404: the directory is not available in the requested format.
    NoSuchFormat,
    /// 405: the method is none of GET, HEAD and OPTIONS (PY-62).
    MethodNotAllowed,
    /// 412: a condition of the request does not hold.
    PreconditionFailed,
    /// 413: the archive would exceed a limit.
    TooLarge,
    /// 416: the range does not overlap the file.
    Unsatisfiable {
        /// The length of the file in bytes.
        size: u64,
    },
    /// 500: an option of the handler is invalid. The log has the message.
    Misconfigured,
    /// 500: the tree failed, or a response could not be written. It is not a 503, which would suggest to retry
    /// (RFC 9110 15.6.4): a retry may not help.
    Fault,
}

impl Refusal {
    /// The status code (RFC 9110 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::BadRequest => 400,
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchEntry | Refusal::NoSuchFormat => 404,
            Refusal::MethodNotAllowed => 405,
            Refusal::PreconditionFailed => 412,
            Refusal::TooLarge => 413,
            Refusal::Unsatisfiable { .. } => 416,
            Refusal::Misconfigured | Refusal::Fault => 500,
        }
    }

    /// The message for people (PY-70).
    pub fn message(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax",
            Refusal::NotFound => "File not found",
            Refusal::NotListable => "No permission to list directory",
            Refusal::NoSuchEntry => "Selected entry not found in the folder",
            Refusal::NoSuchFormat => "Folder not available in this format",
            Refusal::MethodNotAllowed => "Method not allowed",
            Refusal::PreconditionFailed => "Precondition failed",
            Refusal::TooLarge => "Folder too large for an archive",
            Refusal::Unsatisfiable { .. } => "Requested range not satisfiable",
            Refusal::Misconfigured | Refusal::Fault => "Internal server error",
        }
    }

    /// The general meaning of the status (PY-70).
    pub fn explanation(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax or unsupported method",
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchEntry | Refusal::NoSuchFormat => {
                "Nothing matches the given URI"
            }
            Refusal::MethodNotAllowed => "Specified method is invalid for this resource",
            Refusal::PreconditionFailed => "Precondition in headers is false",
            Refusal::TooLarge => "The folder exceeds the limit for archives",
            Refusal::Unsatisfiable { .. } => "Cannot satisfy request range",
            Refusal::Misconfigured | Refusal::Fault => "Server got itself in trouble",
        }
    }
}
