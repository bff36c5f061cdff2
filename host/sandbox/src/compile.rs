//! Compiles a component, within limits on time and on the size of the machine code.

#[cfg_attr(not(feature = "cranelift"), path = "compile/unavailable.rs")]
mod compiler;
#[cfg_attr(not(target_os = "linux"), path = "compile/load_portable.rs")]
mod load;

pub(crate) use compiler::compile;
pub(crate) use load::load;
use std::error::Error;
use std::time::Duration;

/// The time for compiling. An interpreter with its whole library takes a minute on one processor.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Bytes of machine code.
const MAX_CODE: usize = 1 << 30;

/// Why a component cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler reports an error.
    #[error("it cannot be compiled")]
    Invalid(#[source] Box<dyn Error + Send + Sync>),
    /// The compiler takes too long.
    #[error("it cannot be compiled in {} minutes", TIMEOUT.as_secs() / 60)]
    Timeout,
    /// The program contains no compiler.
    #[error("it cannot be compiled: this build has no feature 'cranelift'")]
    NoCompiler,
    /// The compiler panicked.
    #[error("it cannot be compiled: the compiler failed")]
    Panicked,
    /// The machine code is too large.
    #[error("it is too large: {size_mib} MiB of machine code, and the limit is {} MiB", MAX_CODE >> 20)]
    TooLarge {
        /// The size in MiB.
        size_mib: usize,
    },
}
