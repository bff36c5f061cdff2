//! Why a request has no response.

use crate::limits::LimitExceeded;
use std::error::Error;

/// Why a request has no response. The messages are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request exceeded a limit.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The handler ended without a response.
    #[error("the handler returned no response")]
    NoResponse,
    /// The handler failed, as by a trap.
    // The causes above the root are a backtrace of many lines.
    #[error("{}", root_cause(&**.0))]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl RequestError {
    /// The limit that the request exceeded.
    pub fn limit(&self) -> Option<LimitExceeded> {
        match self {
            RequestError::Limit(limit) => Some(*limit),
            RequestError::NoResponse | RequestError::Failed(_) => None,
        }
    }
}

impl From<wasmtime::Error> for RequestError {
    fn from(error: wasmtime::Error) -> RequestError {
        match LimitExceeded::from_error(&error) {
            Some(limit) => RequestError::Limit(limit),
            None => RequestError::Failed(error.into()),
        }
    }
}

fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

#[cfg(test)]
mod tests {
    use crate::request_error::*;
    use wasmtime::format_err;

    #[test]
    fn limits_are_distinguished_from_failures() {
        let limit = wasmtime::Error::from(LimitExceeded::Made).context("wasm backtrace");
        assert_eq!(RequestError::from(limit).limit(), Some(LimitExceeded::Made));
        let failed = RequestError::from(format_err!("the cause").context("wasm backtrace:\n 1: f"));
        assert_eq!((failed.limit(), failed.to_string()), (None, "the cause".to_owned()));
    }
}
