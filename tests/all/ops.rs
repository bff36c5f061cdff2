//! What an operator meets: addresses, signals, logs, metrics and service managers.

mod access_log;
mod addresses;
pub mod admin;
mod log_file;
mod logging;
mod service_manager;
pub mod signals;
mod soak;
