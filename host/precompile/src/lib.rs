//! Compiles a component in a build script. A crate of its own: cargo would enable a feature of `glasshouse-engine` for
//! the build script and for the program, which would then contain the compilers of all processors.

/// Compiles a component to machine code for every processor of a target, such as `aarch64-unknown-linux-gnu`.
///
/// # Errors
/// The component is invalid, or this build compiles for no such target.
pub fn precompile(component: &[u8], target: &str) -> wasmtime::Result<Vec<u8>> {
    let mut config = glasshouse_engine::config();
    config.target(target)?;
    wasmtime::Engine::new(&config)?.precompile_component(component)
}
