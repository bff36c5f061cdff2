//! The checks of the crates' own tests, for the fuzz targets. It refuses to have checks of its own: what holds under fuzzing is
//! what `cargo test` shows.

#[path = "../../guest/core/tests/checks/mod.rs"]
pub mod checks;
#[path = "../../host/http/tests/checks/mod.rs"]
pub mod connection;
