//! Builds both components from source, and compiles the one that the program runs to machine code, so that nothing is
//! compiled when it starts. The crate of a registry has them built.

#[path = "build/components.rs"]
mod components;
#[path = "src/engine.rs"]
mod engine;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use wasmtime::Engine;

/// The sources of the components. The crate of a registry does not have them.
const GUESTS: &str = "../../guest";

/// The built components in the crate of a registry, from `dist/crates`.
const BUILT: &str = "handlers";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(components::variable("OUT_DIR")?);
    let [p2, p3] = handlers(&out)?;
    for (name, component) in [("P2", &p2), ("P3", &p3)] {
        println!("cargo::rustc-env=GLASSHOUSE_{name}={}", component.display());
    }
    let compiled = out.join("p3.cwasm");
    fs::write(&compiled, compile(&p3)?)?;
    println!("cargo::rustc-env=GLASSHOUSE_P3_COMPILED={}", compiled.display());
    Ok(())
}

/// The paths of both components, p2 first.
fn handlers(out: &Path) -> Result<[PathBuf; 2], Box<dyn Error>> {
    let rerun = |paths: &[&str]| paths.iter().for_each(|path| println!("cargo::rerun-if-changed={path}"));
    rerun(&["build.rs", "build/components.rs", "src/engine.rs"]);
    if Path::new(GUESTS).join("p3/Cargo.toml").is_file() {
        rerun(&[GUESTS, "../../Cargo.toml", "../../Cargo.lock"]);
        let built = components::build(&["glasshouse-p3", "glasshouse-p2"], &out.join("guest"))?;
        return Ok(["p2", "p3"].map(|name| built.join(format!("glasshouse_{name}.wasm"))));
    }
    rerun(&[BUILT]);
    let directory = PathBuf::from(components::variable("CARGO_MANIFEST_DIR")?).join(BUILT);
    let paths = ["p2", "p3"].map(|name| directory.join(format!("{name}.wasm")));
    match paths.iter().find(|path| !path.is_file()) {
        Some(missing) => Err(format!("{} is missing: package this crate with `dist/crates`", missing.display()).into()),
        None => Ok(paths),
    }
}

/// Compiles for every processor of the target architecture, not only for that of the build machine.
fn compile(component: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut config = engine::config();
    config.target(&components::variable("TARGET")?)?;
    Ok(Engine::new(&config)?.precompile_component(&fs::read(component)?)?)
}
