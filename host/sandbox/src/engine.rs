//! How wasmtime compiles and runs a handler. The build script compiles with it, the program loads and runs with it: the
//! two must not differ, so it is written once. It refuses to know which handler it is for.

use wasmtime::Config;

/// The configuration that both use.
pub fn config() -> Config {
    let mut config = Config::new();
    // Running code comes up for air, so that a loop costs one request and not the thread.
    config.epoch_interruption(true);
    config
}
