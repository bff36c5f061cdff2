//! Links a component so that the seed of its hash maps is a constant inside of it and no import: `seed.wat` becomes an
//! adapter, as `wasm-component-ld` calls a module that answers for an import. It refuses to know which component.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapter/link/seed.wat");
/// The versions of WASI 0.2 that a standard library may have been written for; it imports one of them.
const VERSIONS: std::ops::RangeInclusive<u32> = 0..=12;

/// Tells cargo how to link.
///
/// # Errors
/// A source that cannot be read or assembled, a directory that cannot be written to.
pub fn link() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let module = Path::new(&env::var("OUT_DIR")?).join("seed.wasm");
    fs::write(&module, wat::parse_file(SOURCE)?)?;
    if env::var("CARGO_CFG_TARGET_OS")? == "wasi" {
        for version in VERSIONS {
            let import = format!("wasi:random/insecure-seed@0.2.{version}");
            println!("cargo::rustc-link-arg-cdylib=--adapt={import}={}", module.display());
        }
    }
    Ok(())
}
