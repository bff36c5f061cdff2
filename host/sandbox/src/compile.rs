//! Compiles a component, within limits on time and on the size of the machine code.

#[cfg_attr(not(feature = "cranelift"), path = "compile/unavailable.rs")]
mod compiler;

pub(crate) use compiler::compile;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::Component;

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
    #[error("too much: it becomes {size_mib} MiB of machine code, and may become {}", MAX_CODE >> 20)]
    TooLarge {
        /// The size in MiB.
        size_mib: usize,
    },
}

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
