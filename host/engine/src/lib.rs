//! The wasmtime configuration. The build script of the sandbox compiles with it and the program runs with it; they must
//! not differ.

use wasmtime::Config;

/// The configuration for compiling and running handlers.
pub fn config() -> Config {
    let mut config = Config::new();
    // Interrupts running code, so that an endless loop costs one request and not the thread.
    config.epoch_interruption(true);
    config
}

/// Compiles a component to machine code for every processor of a target, such as `aarch64-unknown-linux-gnu`.
///
/// # Errors
/// The component is invalid, or this build compiles for no such target.
#[cfg(feature = "compiler")]
pub fn precompile(component: &[u8], target: &str) -> wasmtime::Result<Vec<u8>> {
    let mut config = config();
    config.target(target)?;
    wasmtime::Engine::new(&config)?.precompile_component(component)
}
