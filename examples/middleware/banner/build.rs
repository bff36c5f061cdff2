//! Finds the WIT packages of the crate `wasip3`, from which the bindings are generated.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let metadata = Command::new(env::var("CARGO")?).args(["metadata", "--format-version", "1", "--locked"]).output()?;
    if !metadata.status.success() {
        return Err(String::from_utf8_lossy(&metadata.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let wasip3 = packages.find(|package| package["name"] == "wasip3").ok_or("no package wasip3")?;
    let manifest = wasip3["manifest_path"].as_str().map(Path::new).ok_or("wasip3 has no manifest")?;
    println!("cargo::rustc-env=WASIP3_WIT={}", manifest.with_file_name("wit").display());
    Ok(())
}
