//! The options of the server in the definition of the command line, with their names and variables.

use clap::{Arg, ArgAction, Command};
use glasshouse_core::config::options;
use std::ffi::{OsStr, OsString};

/// Flags that a file cannot set.
pub(crate) const NOT_IN_A_FILE: &[&str] = &["check", "config", "help", "version"];

/// The options that a file can set, in the order of their definition.
pub(crate) fn all(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let is_help = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        );
        !is_help && !arg.is_positional() && !NOT_IN_A_FILE.contains(&arg.get_id().as_str())
    })
}

/// The name of an option: its flag without the dashes.
pub(crate) fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}

/// The variable of an option. An option of the handler has none in the definition.
pub(crate) fn variable(arg: &Arg) -> OsString {
    arg.get_env().map_or_else(|| options::variable(name(arg)).into(), OsStr::to_owned)
}

/// Whether the handler reads the option.
pub(crate) fn is_of_handler(arg: &Arg) -> bool {
    options::names().any(|known| known == name(arg))
}
