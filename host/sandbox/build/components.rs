//! Builds components from source, for build scripts. They use a separate target directory, because cargo locks the one
//! for which the script runs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Compiler settings for the host. They would break or change a component.
const HOST_VARIABLES: &[&str] =
    &["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"];

/// Every host supports SIMD instructions (WebAssembly 2.0). Compression is twice as fast with them.
const SIMD: &str = "-Ctarget-feature=+simd128";

/// Builds packages of the workspace. Returns the directory with their components.
pub fn build(packages: &[&str], target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut build = Command::new(variable("CARGO")?);
    build.args(["build", "--profile", "guest", "--target", "wasm32-wasip2"]);
    for package in packages {
        build.args(["-p", package]);
    }
    build.arg("--target-dir").arg(target);
    for name in HOST_VARIABLES {
        build.env_remove(name);
    }
    let flags: Vec<String> = [SIMD.to_owned()].into_iter().chain(path_remaps(target)).collect();
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    if !build.status()?.success() {
        return Err("cannot build the components; is the target missing? try `rustup target add wasm32-wasip2`".into());
    }
    Ok(target.join("wasm32-wasip2/guest"))
}

/// Flags that keep the directories of this machine out of the messages of panics. The component is then the same
/// wherever it is built.
fn path_remaps(target: &Path) -> impl Iterator<Item = String> {
    let home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok()).into_iter().flatten().flatten();
    let registries = registries.map(|registry| (registry.path(), "registry"));
    let remapped = registries.chain([(target.to_owned(), "target")]);
    remapped.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
}

/// A variable that cargo sets for build scripts.
pub fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; run this through cargo"))
}
