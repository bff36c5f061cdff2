//! The checks of the crates' own tests, for the fuzz targets: `cargo test` runs the same checks on the seeds.

#[path = "../../guest/core/tests/checks/mod.rs"]
pub mod checks;
#[path = "../../host/http/tests/checks/mod.rs"]
pub mod connection;
#[path = "../../guest/protocol/tests/checks/mod.rs"]
pub mod protocol;
