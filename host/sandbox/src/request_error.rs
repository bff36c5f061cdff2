//! Why a request has no answer, in words. It refuses to know what its client is told.

use crate::limits::LimitExceeded;
use std::fmt;

/// Why a request has no answer, in words for whoever runs the server.
#[derive(Debug)]
pub struct RequestError(pub(crate) wasmtime::Error);

impl RequestError {
    /// The ceiling that the request reached, if that is why.
    pub fn ceiling(&self) -> Option<LimitExceeded> {
        LimitExceeded::of(&self.0)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ceiling() {
            Some(ceiling) => ceiling.fmt(f),
            // Above the cause stands where in the code it was, in many lines.
            None => write!(f, "{}", self.0.root_cause()),
        }
    }
}
