//! Builds the hostile handlers from source, for the tests to serve with.

#[path = "../guest/build/components.rs"]
mod components;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["hostile-handlers", "build.rs", "../guest/build/components.rs", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let target = PathBuf::from(components::variable("OUT_DIR")?).join("handlers");
    let built = components::build(&["glasshouse-hostile-p3", "glasshouse-hostile-p2"], &target)?;
    for name in ["P3", "P2"] {
        let component = built.join(format!("glasshouse_hostile_{}.wasm", name.to_lowercase()));
        println!("cargo::rustc-env=HOSTILE_{name}={}", component.display());
    }
    Ok(())
}
