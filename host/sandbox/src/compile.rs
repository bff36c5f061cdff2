//! Compiles a component, within limits on time and on the size of the machine code.

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::error::Error;
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

/// Compiles on new threads, which end afterwards: a process that gives up rights can do so only for threads that start
/// later. After a timeout the compiler runs until the process ends, which is soon after the failed start.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, CompileError> {
    let (sender, compiled) = mpsc::channel();
    let (engine, bytes) = (engine.clone(), bytes.to_vec());
    let compiling = thread::spawn(move || {
        let pool = ThreadPoolBuilder::new();
        let component = pool.build_scoped(ThreadBuilder::run, |pool| pool.install(|| Component::new(&engine, bytes)));
        // After a timeout there is no receiver.
        let _ = sender.send(component.map_err(wasmtime::Error::from).flatten());
    });
    let component = match compiled.recv_timeout(TIMEOUT) {
        Ok(component) => component.map_err(|error| CompileError::Invalid(error.into()))?,
        Err(RecvTimeoutError::Timeout) => return Err(CompileError::Timeout),
        Err(RecvTimeoutError::Disconnected) => return Err(CompileError::Panicked),
    };
    // The thread has sent its result and ends.
    let _ = compiling.join();
    let code = component.image_range();
    let size = code.end.addr().saturating_sub(code.start.addr());
    if size > MAX_CODE {
        return Err(CompileError::TooLarge { size_mib: size >> 20 });
    }
    Ok(component)
}
