//! The wasmtime configuration. The build script of the sandbox compiles with it and the program runs with it; they must
//! not differ.

use wasmtime::Config;

/// The configuration for compiling and running handlers.
pub fn config() -> Config {
    let mut config = Config::new();
    // Interrupts running code, so that an endless loop costs one request and not the thread.
    config.epoch_interruption(true);
    // Places in the sources of a handler, which nothing prints. A tenth of the machine code.
    config.generate_address_map(false);
    config
}
