//! Builds both components from source, and compiles the one that the program runs to machine code, so that nothing is
//! compiled when it starts.

#[path = "../../guest/build/components.rs"]
mod components;
#[path = "src/engine.rs"]
mod engine;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use wasmtime::Engine;

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../../guest", "../../Cargo.toml", "../../Cargo.lock", "build.rs", "src/engine.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(components::variable("OUT_DIR")?);
    let components = components::build(&["glasshouse-p3", "glasshouse-p2"], &out.join("guest"))?;
    for name in ["p2", "p3"] {
        let component = components.join(format!("glasshouse_{name}.wasm"));
        println!("cargo::rustc-env=GLASSHOUSE_{}={}", name.to_uppercase(), component.display());
    }
    let compiled = out.join("p3.cwasm");
    fs::write(&compiled, compile(&components.join("glasshouse_p3.wasm"))?)?;
    println!("cargo::rustc-env=GLASSHOUSE_P3_COMPILED={}", compiled.display());
    Ok(())
}

/// Compiles for every processor of the target architecture, not only for that of the build machine.
fn compile(component: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut config = engine::config();
    config.target(&components::variable("TARGET")?)?;
    Ok(Engine::new(&config)?.precompile_component(&fs::read(component)?)?)
}
