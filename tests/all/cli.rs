//! The command line: commands, options, messages and exit codes.

mod docs;
mod errors;
mod options;
mod outputs;
mod pack;
mod passwd;
pub mod program;
