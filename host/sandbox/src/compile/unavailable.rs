//! The compiler in a build without the feature `cranelift`: there is none.

use super::CompileError;
use wasmtime::Engine;

/// # Errors
/// Always.
pub(crate) fn compile(_engine: &Engine, _bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    Err(CompileError::NoCompiler)
}
