//! Loads machine code without copies of the data of its component.

use super::CompileError;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads machine code from a file in memory. The kernel then keeps one copy of the data of the component, for the code
/// and for the initial memory of all instances. Without `/proc`, wasmtime keeps copies of its own.
pub(crate) fn load(engine: &Engine, code: Vec<u8>) -> Result<Component, CompileError> {
    let file = memory_file(&code).map(|file| (format!("/proc/self/fd/{}", file.as_raw_fd()), file));
    #[expect(unsafe_code, reason = "wasmtime cannot validate machine code")]
    // SAFETY: this engine has compiled the code, and the seals prevent changes of the file.
    let component = match file {
        Ok((path, _file)) if Path::new(&path).exists() => {
            drop(code);
            unsafe { Component::deserialize_file(engine, path) }
        }
        _ => unsafe { Component::deserialize(engine, code) },
    };
    component.map_err(|error| CompileError::Invalid(error.into()))
}

/// A file in memory that cannot change any more.
fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("glasshouse-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}
