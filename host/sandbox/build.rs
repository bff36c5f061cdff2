//! Builds both components from source, and compiles the one that the program runs to machine code, so that nothing is
//! compiled when it starts.

#[path = "../../guest/build/components.rs"]
mod components;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../../guest", "../../Cargo.toml", "../../Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(components::variable("OUT_DIR")?);
    let components = components::build(&["glasshouse-p3", "glasshouse-p2"], &out.join("guest"))?;
    for name in ["p2", "p3"] {
        let deflated = out.join(format!("{name}.deflate"));
        fs::write(&deflated, deflate(&fs::read(components.join(format!("glasshouse_{name}.wasm")))?)?)?;
        println!("cargo::rustc-env=GLASSHOUSE_{}={}", name.to_uppercase(), deflated.display());
    }
    let compiled = out.join("p3.cwasm");
    let component = fs::read(components.join("glasshouse_p3.wasm"))?;
    fs::write(&compiled, glasshouse_engine::precompile(&component, &components::variable("TARGET")?)?)?;
    println!("cargo::rustc-env=GLASSHOUSE_P3_COMPILED={}", compiled.display());
    Ok(())
}

/// Makes the program three megabytes smaller.
fn deflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
