//! Loads machine code on systems without files in memory: wasmtime keeps copies of the data of the component.

use super::CompileError;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads machine code.
pub(crate) fn load(engine: &Engine, code: Vec<u8>) -> Result<Component, CompileError> {
    #[expect(unsafe_code, reason = "wasmtime cannot validate machine code")]
    // SAFETY: this engine has compiled the code.
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(|error| CompileError::Invalid(error.into()))
}
