//! The reasons for an error response, with their status codes and messages.

/// Why a request gets no file. What the client reads is fixed here: never a path of the host, never an error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the target cannot be read.
    BadRequest,
    /// 404: nothing there that may be served (S61).
    NotFound,
    /// 404: a directory that cannot be read (S35).
    NotListable,
    /// 404: a form in which a directory cannot be had.
    NoSuchForm,
    /// 405: neither GET, HEAD nor OPTIONS (S62).
    MethodNotAllowed,
    /// 412: another version than the client asked for.
    PreconditionFailed,
    /// 413: more than is packed into one archive.
    TooLarge,
    /// 416: no part of what was asked for lies within the file, which has so many bytes.
    Unsatisfiable { size: u64 },
    /// 500: the options of the handler are wrong; its log says which.
    Misconfigured,
    /// 500: the machine failed to tell what is there. No 503, which would promise that a delay helps (RFC 9110 15.6.4):
    /// nobody can promise that for a disk, and the handler is not told what failed.
    Fault,
}

impl Refusal {
    /// The status code (RFC 9110 15).
    pub fn status(self) -> u16 {
        match self {
            Refusal::BadRequest => 400,
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchForm => 404,
            Refusal::MethodNotAllowed => 405,
            Refusal::PreconditionFailed => 412,
            Refusal::TooLarge => 413,
            Refusal::Unsatisfiable { .. } => 416,
            Refusal::Misconfigured | Refusal::Fault => 500,
        }
    }

    /// The sentence for people (S70).
    pub fn message(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax",
            Refusal::NotFound => "File not found",
            Refusal::NotListable => "No permission to list directory",
            Refusal::NoSuchForm => "Folder not to be had in this form",
            Refusal::MethodNotAllowed => "Method not allowed",
            Refusal::PreconditionFailed => "Precondition failed",
            Refusal::TooLarge => "Folder too large for an archive",
            Refusal::Unsatisfiable { .. } => "Requested range not satisfiable",
            Refusal::Misconfigured | Refusal::Fault => "Internal server error",
        }
    }

    /// What the status means in general (S70).
    pub fn explanation(self) -> &'static str {
        match self {
            Refusal::BadRequest => "Bad request syntax or unsupported method",
            Refusal::NotFound | Refusal::NotListable | Refusal::NoSuchForm => "Nothing matches the given URI",
            Refusal::MethodNotAllowed => "Specified method is invalid for this resource",
            Refusal::PreconditionFailed => "Precondition in headers is false",
            Refusal::TooLarge => "There is more in it than this server packs at once",
            Refusal::Unsatisfiable { .. } => "Cannot satisfy request range",
            Refusal::Misconfigured | Refusal::Fault => "Server got itself in trouble",
        }
    }
}
