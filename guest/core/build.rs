//! Sets the hashes of styles and scripts, for the Content-Security-Policy of generated pages (CSP3 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::io;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    for file in [
        "base.css",
        "listing.css",
        "grid.css",
        "markdown.css",
        "refusal.css",
        "listing.js",
        "grid.js",
        "selection.js",
        "markdown.js",
    ] {
        let path = format!("templates/{file}");
        let (variable, hash) = (file.replace('.', "_").to_uppercase(), STANDARD.encode(Sha256::digest(read(&path)?)));
        println!("cargo::rerun-if-changed={path}");
        println!("cargo::rustc-env=SHA256_OF_{variable}=sha256-{hash}");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the build script reads its sources")]
fn read(path: &str) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}
