//! Generates the bindings, and links the component with a constant hash seed; see `guest/build`.

#[path = "../build/bindings.rs"]
mod bindings;
#[path = "../build/hash_seed.rs"]
mod hash_seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    bindings::write("handler-p2", &["wasi:clocks/monotonic-clock@0.2.12"])?;
    hash_seed::link()
}
