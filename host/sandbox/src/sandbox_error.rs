//! Why there is no sandbox.

use crate::compile::CompileError;
use crate::inspection::Rejection;
use std::error::Error;
use std::io;

/// Why a handler cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// [`ServedPath`](crate::ServedPath) cannot be opened.
    #[error("cannot open what is to be served")]
    Open(#[source] io::Error),
    /// The component is rejected before it is compiled.
    #[error("{reason}{}", more(*.others))]
    Rejected {
        /// The first reason.
        #[source]
        reason: Rejection,
        /// The number of further reasons.
        others: usize,
    },
    /// The component is valid, but cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The configuration requires a pure handler, and it imports a function that is not replayable.
    #[error("its responses cannot be replayed, because it imports {import}; leave out --pure-handler")]
    NotPure {
        /// The function and its interface.
        import: String,
    },
    /// The component exports no handler with the right types.
    #[error("the handler exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")]
    NoHandler(#[source] Box<dyn Error + Send + Sync>),
    /// The engine has no region for machine code.
    #[error("its machine code is not in memory")]
    NoRegion,
    /// The slot has the machine code of another component.
    #[error("its machine code was written over that of another component")]
    SlotInUse,
    /// wasmtime cannot start, or cannot link the component.
    #[error("{0}")]
    Wasmtime(#[source] Box<dyn Error + Send + Sync>),
}

impl SandboxError {
    pub(crate) fn wasmtime(error: wasmtime::Error) -> SandboxError {
        SandboxError::Wasmtime(error.into())
    }
}

fn more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}
