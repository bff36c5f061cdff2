//! Every option with the value that it has in effect and where that is from, read from what clap made of the words. It refuses
//! to know what the options mean.

use super::file::File;
use super::form::{self, Form};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use glasshouse_core::options;
use std::ffi::{OsStr, OsString};
use std::fmt;
use toml::Value;

/// Options that say how the others are found, and are none themselves in a file.
const NOT_IN_A_FILE: &[&str] = &["check", "config"];

/// An option of the program, by the name of its flag.
#[derive(Debug, PartialEq)]
pub struct Setting {
    pub name: String,
    pub form: Form,
    /// `None` where it was given no value and has none by itself.
    pub value: Option<Value>,
    pub from: Source,
}

/// Who gave an option its value; the first of them that did is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Typed,
    Variable,
    File,
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Typed => "typed",
            Source::Variable => "from the environment",
            Source::File => "from the file",
            Source::Default => "default",
        })
    }
}

impl fmt::Display for Setting {
    /// A line of TOML; one that says nothing is a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}  # {}", self.name, self.from),
            None => write!(f, "# {} is not set", self.name),
        }
    }
}

/// The options of the server that a file can set, in the order in which they are declared.
pub fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let is_word = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        );
        !is_word && !NOT_IN_A_FILE.contains(&arg.get_id().as_str())
    })
}

/// The name of an option: its flag without the dashes, and that of the one that has no flag in the same letters.
pub fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}

/// The variable of an option; what has none here is the handler's.
pub fn variable(arg: &Arg) -> OsString {
    arg.get_env().map_or_else(|| options::variable(name(arg)).into(), OsStr::to_owned)
}

/// Where an option has its value from: `typed` is what was made of the command line alone.
pub fn source(arg: &Arg, typed: &ArgMatches, file: &File, given: impl Fn(&OsStr) -> Option<OsString>) -> Source {
    let name = name(arg);
    if typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine) {
        Source::Typed
    } else if given(&variable(arg)).is_some() {
        Source::Variable
    } else if file.has(name) {
        Source::File
    } else {
        Source::Default
    }
}

/// An option with its value; one that the handler reads has none yet, whoever gave it.
pub fn setting(arg: &Arg, matches: &ArgMatches, from: Source) -> Setting {
    let form = form::of(arg);
    let id = arg.get_id().as_str();
    let texts = match form {
        Form::Switch => vec![matches.get_flag(id).to_string()],
        _ => matches.get_raw(id).into_iter().flatten().map(|text| text.to_string_lossy().into_owned()).collect(),
    };
    let is_passed_on = options::names().any(|known| known == name(arg));
    let value = if is_passed_on { None } else { form.write(texts) };
    Setting { name: name(arg).to_owned(), form, value, from }
}
