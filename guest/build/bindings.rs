//! Writes the call that generates the bindings of a guest from its world in `wit/world.wit`, for the build scripts of
//! the guests.
//!
//! The WIT packages come from the crates `wasip2` and `wasip3`, at the versions of `Cargo.lock`. The types of these
//! crates stand for the imports, so a guest can use their functions. The exports are generated.

use serde_json::Value;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const WORLDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/world.wit");

/// Packages of WIT, each after those that it uses.
const PACKAGES: &[&str] = &["io", "clocks", "random", "filesystem", "sockets", "cli", "http"];

/// Writes `bindings.rs` for a world into the output directory of the build script. The imports of the world use types
/// of `others`, interfaces that the built component does not import.
///
/// # Errors
/// A crate or a file is missing.
pub fn write(world: &str, others: &[&str]) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={WORLDS}");
    let mut paths = Vec::new();
    for (crate_name, packages) in packages_of_wasi()? {
        for name in PACKAGES.iter().map(|package| packages.join(format!("{package}.wit"))) {
            // WASI 0.3 has no package `io`.
            if name.exists() {
                paths.push(name);
            } else if !name.ends_with("io.wit") {
                return Err(format!("{crate_name} has no {}", name.display()).into());
            }
        }
    }
    paths.push(WORLDS.into());
    let imports = imports(&fs::read_to_string(WORLDS)?, world)?;
    let imports = imports.iter().map(String::as_str).chain(others.iter().copied());
    let with: String = imports.map(|import| format!("        {import:?}: {},\n", rust_path(import))).collect();
    let call = format!(
        "wit_bindgen::generate!({{\n    path: {paths:?},\n    world: \"glasshouse:handler/{world}\",\n    \
         with: {{\n{with}    }},\n}});\n"
    );
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("bindings.rs"), call)?)
}

/// The directories with the WIT packages of both versions of WASI.
fn packages_of_wasi() -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut metadata = Command::new(env::var("CARGO")?);
    // Not `--offline`: it requires the crates of all targets and tests, which `cargo build` does not download.
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "wasm32-wasip2"];
    metadata.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = metadata.output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata fails: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let wit = |name: &str| {
        let package = packages.iter().find(|package| package["name"] == name)?;
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some((name.to_owned(), manifest.parent()?.join("wit/deps")))
    };
    let both = [wit("wasip2"), wit("wasip3")].into_iter().collect::<Option<Vec<_>>>();
    both.ok_or_else(|| "cargo metadata does not list the crates wasip2 and wasip3".into())
}

/// The interfaces that a world imports.
fn imports(worlds: &str, world: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let start = format!("world {world} {{");
    let (_, body) = worlds.split_once(&start).ok_or_else(|| format!("{WORLDS} has no world '{world}'"))?;
    let lines = body.lines().take_while(|line| *line != "}");
    let imports = lines.filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    Ok(imports.map(str::to_owned).collect())
}

/// The module of an interface such as `wasi:http/types@0.3.2`: `wasip3::http::types`.
fn rust_path(interface: &str) -> String {
    let (name, version) = interface.split_once('@').unwrap_or((interface, ""));
    let name = name.trim_start_matches("wasi:").replace('/', "::").replace('-', "_");
    let crate_name = if version.starts_with("0.3.") { "wasip3" } else { "wasi" };
    format!("{crate_name}::{name}")
}
