//! Attacks by clients, handlers, trees and a failing machine.

mod bystander;
mod clients;
mod crowd;
mod faults;
mod flood;
mod handlers;
mod listings;
mod mix;
mod shares;
mod stalls;
mod trees;

pub use handlers::costs;

/// How often an attack is tried: the first number, or the second where `GLASSHOUSE_TORTURE` asks for the long forms.
pub fn effort(short: usize, long: usize) -> usize {
    if is_torture() { long } else { short }
}

/// Whether the long forms run, which print their figures.
pub fn is_torture() -> bool {
    std::env::var_os("GLASSHOUSE_TORTURE").is_some()
}
