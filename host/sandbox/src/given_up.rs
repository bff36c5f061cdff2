//! Why a request has no answer, in words. It refuses to know what its client is told.

use crate::ceiling::Ceiling;
use std::fmt;

/// Why a request has no answer, in words for whoever runs the server.
#[derive(Debug)]
pub struct GivenUp(pub(crate) wasmtime::Error);

impl GivenUp {
    /// The ceiling that the request reached, if that is why.
    pub fn ceiling(&self) -> Option<Ceiling> {
        Ceiling::of(&self.0)
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ceiling() {
            Some(ceiling) => ceiling.fmt(f),
            // Above the cause stands where in the code it was, in many lines.
            None => write!(f, "{}", self.0.root_cause()),
        }
    }
}
