//! The code of a handler: its forms, and how the engine loads each of them.

#[cfg(target_os = "linux")]
use crate::code_region::CodeSlot;
use crate::compile::{compile, load};
use crate::inspection::Inspection;
use crate::sandbox_engine::SandboxEngine;
use crate::sandbox_error::SandboxError;
use crate::{P2, P3, built_in};
use glasshouse_pack::packed_image;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The code of a handler.
#[derive(Clone, Copy)]
pub enum Code<'a> {
    /// A component in the binary format.
    Component(&'a [u8]),
    /// The built-in handler for WASI 0.3, whose machine code is in this program.
    BuiltIn,
    /// Machine code in the region of the engine, written by [`MachineCode::compile`] of this program.
    #[cfg(target_os = "linux")]
    InRegion {
        /// The part of the region.
        slot: CodeSlot,
        /// [`MachineCode::packed_folder`]
        packed_folder: usize,
    },
}

impl Code<'_> {
    /// The length of the folder in a component that is the handler of this program with a folder, otherwise 0. Of other
    /// code the host does not know whether it writes to its folder.
    pub(crate) fn packed_folder(self) -> usize {
        match self {
            Code::Component(bytes) => packed_folder(bytes),
            Code::BuiltIn => 0,
            #[cfg(target_os = "linux")]
            Code::InRegion { packed_folder, .. } => packed_folder,
        }
    }

    pub(crate) fn load(self, sandbox: &SandboxEngine) -> Result<Component, SandboxError> {
        let engine = sandbox.engine();
        #[expect(unsafe_code, reason = "wasmtime cannot validate machine code")]
        match self {
            Code::Component(bytes) => Ok(load(engine, machine_code(engine, bytes)?)?),
            Code::BuiltIn => sandbox.built_in(|| {
                // SAFETY: the bytes are part of this executable. The build script made them with the wasmtime that is
                // linked into it, and wasmtime compares version and configuration before it uses them.
                unsafe { Component::deserialize(engine, built_in::machine_code()) }.map_err(SandboxError::wasmtime)
            }),
            #[cfg(target_os = "linux")]
            Code::InRegion { slot, .. } => {
                let region = sandbox.region().ok_or(SandboxError::NoRegion)?;
                let memory = region.take(slot).ok_or(SandboxError::SlotInUse)?;
                // SAFETY: the compiler process of the same program has written the code. It writes only into slots that
                // this process calls free.
                let loaded = unsafe { Component::deserialize_raw(engine, memory) };
                loaded.map_err(|error| {
                    region.release(slot.start);
                    SandboxError::wasmtime(error)
                })
            }
        }
    }
}

/// The machine code of a component, for another process of this program.
pub struct MachineCode {
    /// The code.
    pub bytes: Vec<u8>,
    /// Bytes of the folder in the component, if its code is that of the built-in handler; otherwise 0.
    pub packed_folder: usize,
}

impl MachineCode {
    /// Compiles a component.
    ///
    /// # Errors
    /// The component is rejected or cannot be compiled.
    pub fn compile(component: &[u8]) -> Result<MachineCode, SandboxError> {
        let engine = Engine::new(&glasshouse_engine::config()).map_err(SandboxError::wasmtime)?;
        Ok(MachineCode { bytes: machine_code(&engine, component)?, packed_folder: packed_folder(component) })
    }
}

fn packed_folder(component: &[u8]) -> usize {
    [&P3, &P2].into_iter().find_map(|handler| packed_image(component, handler)).map_or(0, |image| image.len())
}

fn machine_code(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, SandboxError> {
    let mut reasons = Inspection::new(component).reasons().into_iter();
    if let Some(reason) = reasons.next() {
        return Err(SandboxError::Rejected { reason, others: reasons.len() });
    }
    Ok(compile(engine, component)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxes_share_the_machine_code_of_the_built_in_handler() {
        let engine = SandboxEngine::new().unwrap();
        let [first, second] = [(); 2].map(|()| Code::BuiltIn.load(&engine).unwrap());
        assert_eq!(first.image_range(), second.image_range());
    }
}
