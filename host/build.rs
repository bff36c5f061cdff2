//! Builds the two components from source, for the binary to embed. They get a target directory of their own: cargo
//! holds a lock on the one that it is building this script for.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// What cargo, clippy or a person told the compiler about the host, and what would break or change a component.
const NOT_FOR_GUESTS: &[&str] =
    &["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"];

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["../guest", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; run this through cargo")?);
    let target = out.join("guest");
    let mut build = Command::new(env::var_os("CARGO").ok_or("CARGO is not set; run this through cargo")?);
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
    build.arg("--target-dir").arg(&target);
    for name in NOT_FOR_GUESTS {
        build.env_remove(name);
    }
    if !build.status()?.success() {
        return Err("the components do not build; is the target there? try `rustup target add wasm32-wasip2`".into());
    }
    for name in ["p2", "p3"] {
        let component = target.join("wasm32-wasip2/guest").join(format!("glasshouse_{name}.wasm"));
        println!("cargo::rustc-env=GLASSHOUSE_{}={}", name.to_uppercase(), component.display());
    }
    Ok(())
}
