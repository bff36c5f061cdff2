//! Links the component with a constant hash seed; see `guest/build`.

#[path = "../build/hash_seed.rs"]
mod hash_seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    hash_seed::link()
}
