//! Links the component without chance; see `guest/adapter/link`.

#[path = "../adapter/link/seed.rs"]
mod seed;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    seed::link()
}
