//! Runs the compiler of wasmtime.

use super::{CompileError, MAX_CODE, TIMEOUT};
use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use wasmtime::Engine;

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
