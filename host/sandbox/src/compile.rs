//! Compiles a component, within limits on time and on the size of the machine code.

use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
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

#[cfg(not(feature = "cranelift"))]
pub(crate) fn compile(_engine: &Engine, _bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    Err(CompileError::NoCompiler)
}

#[cfg(feature = "cranelift")]
/// Compiles on new threads, which end afterwards: a process that gives up rights can do so only for threads that start
/// later. After a timeout the compiler runs until the process ends. A start and the compiler process end soon after.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    let (sender, compiled) = mpsc::channel();
    let component = bytes.len();
    let compiling = {
        let (engine, bytes) = (engine.clone(), bytes.to_vec());
        thread::spawn(move || {
            let pool = ThreadPoolBuilder::new();
            let compile = |pool: &ThreadPool| pool.install(|| engine.precompile_component(&bytes));
            let code = pool.build_scoped(ThreadBuilder::run, compile).map_err(wasmtime::Error::from).flatten();
            // After a timeout there is no receiver.
            let _ = sender.send(code);
        })
    };
    let code = match compiled.recv_timeout(TIMEOUT) {
        Ok(code) => code.map_err(|error| CompileError::Invalid(error.into()))?,
        Err(RecvTimeoutError::Timeout) => return Err(CompileError::Timeout),
        Err(RecvTimeoutError::Disconnected) => return Err(CompileError::Panicked),
    };
    // The thread has sent its result and ends.
    let _ = compiling.join();
    // The data of the component is part of it.
    let added = code.len().saturating_sub(component);
    if added > MAX_CODE {
        return Err(CompileError::TooLarge { size_mib: added >> 20 });
    }
    Ok(code)
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
