//! The wasmtime configuration. The build script of the sandbox compiles with it and the program runs with it; they must
//! not differ.

use wasmtime::Config;

/// The configuration for compiling and running handlers.
pub fn config() -> Config {
    let mut config = Config::new();
    // Interrupts running code, so that an endless loop costs one request and not the thread.
    config.epoch_interruption(true);
    // The map from machine code to the binary format is a tenth of the code, and no message uses it.
    config.generate_address_map(false);
    config
}
