//! Builds components from source, for the build scripts that need some. They get a target directory of their own: cargo holds a
//! lock on the one that it is running the script for.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo, clippy or a person told the compiler about the host, and what would break or change a component.
const NOT_FOR_GUESTS: &[&str] =
    &["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"];

/// Builds these packages of the workspace, and returns the directory with their components.
pub fn build(packages: &[&str], target: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut build = Command::new(variable("CARGO")?);
    build.args(["build", "--profile", "guest", "--target", "wasm32-wasip2"]);
    for package in packages {
        build.args(["-p", package]);
    }
    build.arg("--target-dir").arg(target);
    for name in NOT_FOR_GUESTS {
        build.env_remove(name);
    }
    if !build.status()?.success() {
        return Err("the components do not build; is the target there? try `rustup target add wasm32-wasip2`".into());
    }
    Ok(target.join("wasm32-wasip2/guest"))
}

/// What cargo tells a build script.
pub fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; run this through cargo"))
}
