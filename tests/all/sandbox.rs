//! What the handler and the process can reach.

pub mod capability;
mod harden;
mod inspect;
mod middleware;
mod reload;
mod without_directory;
