//! Replaces the import `wasi:random/insecure-seed` of a component by a constant, for the build scripts of the guests.
//!
//! `hash_seed.wat` is linked as an adapter: that is how `wasm-component-ld` calls a module that implements an import.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../build/hash_seed.wat");
/// Patch versions of WASI 0.2. A standard library imports one of them.
const VERSIONS: std::ops::RangeInclusive<u32> = 0..=12;

/// Passes the linker arguments to cargo.
///
/// # Errors
/// The source cannot be read or assembled, or the output directory cannot be written.
pub fn link() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let module = Path::new(&env::var("OUT_DIR")?).join("hash_seed.wasm");
    fs::write(&module, wat::parse_file(SOURCE)?)?;
    if env::var("CARGO_CFG_TARGET_OS")? == "wasi" {
        for version in VERSIONS {
            let import = format!("wasi:random/insecure-seed@0.2.{version}");
            println!("cargo::rustc-link-arg-cdylib=--adapt={import}={}", module.display());
        }
    }
    Ok(())
}
