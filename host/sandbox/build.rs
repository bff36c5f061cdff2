//! Builds both components from source, and compiles the one that the program runs to machine code, so that nothing is
//! compiled when it starts. The crate of a registry has them built.

#[path = "build/components.rs"]
mod components;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};
use zstd::bulk::Compressor;

/// The sources of the components. The crate of a registry does not have them.
const GUESTS: &str = "../../guest";

/// The built components in the crate of a registry, from `dist/crates`.
const BUILT: &str = "handlers";

/// If this variable is set, the handlers are empty: `cargo check` needs none, and without the feature `cross-compile`
/// there is no compiler for another processor.
const ONLY_CHECK: &str = "GLASSHOUSE_ONLY_CHECK";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(components::variable("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={ONLY_CHECK}");
    let Handlers { p2, p3, compiled } = match env::var_os(ONLY_CHECK) {
        Some(_) => Handlers::default(),
        None => Handlers::build(&out)?,
    };
    // The machine code contains the data of p3, and most of the code of p2 is also that of p3.
    for (name, bytes, dictionary) in [("P3_COMPILED", &compiled, &[][..]), ("P3", &p3, &compiled), ("P2", &p2, &p3)] {
        let file = out.join(name.to_lowercase());
        fs::write(&file, compress(bytes, dictionary)?)?;
        println!("cargo::rustc-env=GLASSHOUSE_{name}={}", file.display());
    }
    Ok(())
}

/// The components, and the machine code of the one for WASI 0.3.
#[derive(Default)]
struct Handlers {
    p2: Vec<u8>,
    p3: Vec<u8>,
    compiled: Vec<u8>,
}

impl Handlers {
    fn build(out: &Path) -> Result<Handlers, Box<dyn Error>> {
        let [p2, p3] = handlers(out)?.map(fs::read);
        let (p2, p3) = (p2?, p3?);
        let compiled = glasshouse_precompile::precompile(&p3, &components::variable("TARGET")?)?;
        Ok(Handlers { p2, p3, compiled })
    }
}

/// The paths of both components, p2 first.
fn handlers(out: &Path) -> Result<[PathBuf; 2], Box<dyn Error>> {
    let rerun = |paths: &[&str]| paths.iter().for_each(|path| println!("cargo::rerun-if-changed={path}"));
    rerun(&["build.rs", "build/components.rs"]);
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

/// Makes the program eight megabytes smaller.
fn compress(bytes: &[u8], dictionary: &[u8]) -> io::Result<Vec<u8>> {
    /// Higher levels have a larger window, but these files fit into that of this level.
    const LEVEL: i32 = 19;
    Compressor::with_dictionary(LEVEL, dictionary)?.compress(bytes)
}
