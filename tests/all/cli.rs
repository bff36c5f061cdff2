//! The command line: commands, options, messages and exit codes.

mod errors;
mod options;
mod passwd;
pub mod program;
