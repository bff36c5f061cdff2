//! Builds the hostile handlers and the examples from source, for the tests to serve with.

#[path = "../host/sandbox/build/components.rs"]
mod components;

use std::error::Error;
use std::path::PathBuf;

/// The variable with the path of each component, and its package.
const COMPONENTS: [(&str, &str); 4] = [
    ("HOSTILE_P3", "glasshouse-hostile-p3"),
    ("HOSTILE_P2", "glasshouse-hostile-p2"),
    ("HOSTILE_MIDDLEWARE", "glasshouse-hostile-middleware"),
    ("EXAMPLE_BANNER", "glasshouse-example-banner"),
];

fn main() -> Result<(), Box<dyn Error>> {
    for path in [
        "hostile-handlers",
        "build.rs",
        "../examples/middleware/banner",
        "../host/sandbox/build/components.rs",
        "../Cargo.toml",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    let target = PathBuf::from(components::variable("OUT_DIR")?).join("handlers");
    let packages = COMPONENTS.map(|(_, package)| package);
    let built = components::build(&packages, &target)?;
    for (name, package) in COMPONENTS {
        let component = built.join(format!("{}.wasm", package.replace('-', "_")));
        println!("cargo::rustc-env={name}={}", component.display());
    }
    Ok(())
}
