//! Links the component without chance; see `guest/common/link`.

#[path = "../common/link/seed.rs"]
mod seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    seed::link()
}
