//! Enables features of dependencies, see `Cargo.toml`. Contains no code.
