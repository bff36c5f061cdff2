//! Every option with the value that it has in effect and where that is from, read from what clap made of the words. It refuses
//! to know what the options mean.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::fmt;
use toml::Value;

/// An option of the program, by the name of its flag.
#[derive(Debug, PartialEq)]
pub struct Setting {
    pub name: String,
    /// `None` where it was given no value and has none by itself.
    pub value: Option<Value>,
    pub from: Source,
}

/// Who gave an option its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Typed,
    Variable,
    Default,
}

impl fmt::Display for Setting {
    /// A line of TOML; one that says nothing is a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.from) {
            (Some(value), Source::Typed) => write!(f, "{} = {value}", self.name),
            (Some(value), Source::Variable) => write!(f, "{} = {value}  # from the environment", self.name),
            (Some(value), Source::Default) => write!(f, "{} = {value}  # default", self.name),
            (None, _) => write!(f, "# {} is not set", self.name),
        }
    }
}

/// The options of the server, in the order in which they are declared.
pub fn settings(command: &Command, matches: &ArgMatches) -> Vec<Setting> {
    let is_option =
        |arg: &&Arg| !matches!(arg.get_action(), ArgAction::Help | ArgAction::Version) && arg.get_id() != "check";
    command.get_arguments().filter(is_option).map(|arg| setting(arg, matches)).collect()
}

fn setting(arg: &Arg, matches: &ArgMatches) -> Setting {
    let id = arg.get_id().as_str();
    let from = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Source::Typed,
        Some(ValueSource::EnvVariable) => Source::Variable,
        _ => Source::Default,
    };
    let name = arg.get_long().map_or_else(|| id.to_owned(), str::to_owned);
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return Setting { name, value: Some(Value::Boolean(matches.get_flag(id))), from };
    }
    let raw = matches.get_raw(id).into_iter().flatten();
    let mut values: Vec<Value> = raw.map(|value| read(&value.to_string_lossy())).collect();
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let value = if is_list { Some(Value::Array(values)) } else { values.pop() };
    Setting { name, value, from }
}

fn read(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
}
