//! Builds the two components from source, for the binary to embed, and compiles the one that it runs to machine code, so
//! that nothing is compiled when it starts. The components get a target directory of their own: cargo holds a lock on
//! the one that it is building this script for.

#[path = "src/engine.rs"]
mod engine;

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmtime::Engine;

/// What cargo, clippy or a person told the compiler about the host, and what would break or change a component.
const NOT_FOR_GUESTS: &[&str] =
    &["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"];

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../../guest", "../../Cargo.toml", "../../Cargo.lock", "build.rs", "src/engine.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let components = build_components(&out.join("guest"))?;
    for name in ["p2", "p3"] {
        let component = components.join(format!("glasshouse_{name}.wasm"));
        println!("cargo::rustc-env=GLASSHOUSE_{}={}", name.to_uppercase(), component.display());
    }
    let compiled = out.join("p3.cwasm");
    fs::write(&compiled, compile(&components.join("glasshouse_p3.wasm"))?)?;
    println!("cargo::rustc-env=GLASSHOUSE_P3_COMPILED={}", compiled.display());
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; run this through cargo"))
}

fn build_components(target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut build = Command::new(variable("CARGO")?);
    build.args([
        "build",
        "--profile",
        "guest",
        "--target",
        "wasm32-wasip2",
        "-p",
        "glasshouse-p3",
        "-p",
        "glasshouse-p2",
    ]);
    build.arg("--target-dir").arg(target);
    for name in NOT_FOR_GUESTS {
        build.env_remove(name);
    }
    if !build.status()?.success() {
        return Err("the components do not build; is the target there? try `rustup target add wasm32-wasip2`".into());
    }
    Ok(target.join("wasm32-wasip2/guest"))
}

/// Machine code for any processor of the architecture, not for the one that builds.
fn compile(component: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut config = engine::config();
    config.target(&variable("TARGET")?)?;
    Ok(Engine::new(&config)?.precompile_component(&fs::read(component)?)?)
}
