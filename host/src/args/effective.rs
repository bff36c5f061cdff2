//! Every option with the value that it was given and where that is from, read from what clap made of the words. Defaults that depend
//! on the machine, and what the handler reads, are added by `check`.

use super::logs::Level;
use super::places;
use crate::args::file::ConfigFile;
use crate::args::toml_shape::ValueShape;
use crate::args::{toml_bytes, toml_shape};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use glasshouse_core::config::options;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use toml::Value;

/// Options that say how the others are found, and are none themselves in a file.
pub const NOT_IN_A_FILE: &[&str] = &["check", "config", "help", "version"];

/// An option of the program, by the name of its flag.
#[derive(Debug, PartialEq)]
pub struct EffectiveOption {
    pub name: String,
    pub form: ValueShape,
    /// `None` where it was given no value and has none by itself.
    pub value: Option<Value>,
    pub from: OptionSource,
    /// Which variable it is, or where in the file it stands.
    pub place: Option<String>,
}

/// Who gave an option its value; the first of them that did is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionSource {
    Typed,
    Variable,
    File,
    /// The file of the tree that is served.
    Site,
    Default,
}

impl fmt::Display for OptionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OptionSource::Typed => "typed",
            OptionSource::Variable => "from the environment",
            OptionSource::File => "from the file",
            OptionSource::Site => "from glasshouse.toml",
            OptionSource::Default => "default",
        })
    }
}

impl EffectiveOption {
    /// The value that these texts are written as, which need not be UTF-8.
    pub fn write_bytes(&self, texts: Vec<Vec<u8>>) -> Option<Value> {
        toml_bytes::write(self.form, texts.into_iter().map(OsString::from_vec).collect())
    }
}

impl fmt::Display for EffectiveOption {
    /// A line of TOML; one that says nothing is a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = &self.value else { return write!(f, "# {} is not set", self.name) };
        write!(f, "{} = {}  # {}", self.name, one_line(value), self.from)?;
        self.place.iter().try_for_each(|place| write!(f, ": {place}"))
    }
}

/// The value in one line: a text with line breaks would be written as several.
fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(['\n', '\r']) => {
            let mut line = String::from('"');
            for char in text.chars() {
                match char {
                    '"' | '\\' => line.extend(['\\', char]),
                    _ if char.is_control() => drop(write!(line, "\\u{:04x}", u32::from(char))),
                    _ => line.push(char),
                }
            }
            line + "\""
        }
        Value::Array(values) => format!("[{}]", values.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

/// The options of the server that a file can set, in the order in which they are declared.
pub fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let is_word = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
        );
        !is_word && !arg.is_positional() && !NOT_IN_A_FILE.contains(&arg.get_id().as_str())
    })
}

/// The name of an option: its flag without the dashes.
pub fn name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}

/// The variable of an option; what has none here is the handler's.
pub fn variable(arg: &Arg) -> OsString {
    arg.get_env().map_or_else(|| options::variable(name(arg)).into(), OsStr::to_owned)
}

/// Where an option has its value from: `typed` is what was made of the command line alone.
pub fn source(
    arg: &Arg,
    typed: &ArgMatches,
    file: &ConfigFile,
    given: impl Fn(&OsStr) -> Option<OsString>,
) -> OptionSource {
    let name = name(arg);
    if typed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine) {
        OptionSource::Typed
    } else if given(&variable(arg)).is_some() {
        OptionSource::Variable
    } else if file.has(name) {
        OptionSource::File
    } else {
        OptionSource::Default
    }
}

/// An option with its value; one that the handler reads has none yet, whoever gave it.
pub fn setting(arg: &Arg, matches: &ArgMatches, from: OptionSource, file: &ConfigFile) -> EffectiveOption {
    let form = toml_shape::of(arg);
    let id = arg.get_id().as_str();
    let texts = match form {
        ValueShape::Switch => vec![matches.get_flag(id).to_string().into()],
        // Each -v is one level more than the one before it.
        _ if id == "verbose" => {
            vec![Level::of(matches.get_many(id).into_iter().flatten()).name().into()]
        }
        _ if id == "bind" => {
            let values = matches.get_many::<String>(id).into_iter().flatten();
            values.flat_map(|value| places(value)).map(OsString::from).collect()
        }
        _ => matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect(),
    };
    let is_passed_on = options::names().any(|known| known == name(arg));
    let value = if is_passed_on { None } else { toml_bytes::write(form, texts) };
    let place = match from {
        OptionSource::Variable => Some(variable(arg).to_string_lossy().into_owned()),
        OptionSource::File => file.line(name(arg)).map(|line| format!("line {line}")),
        OptionSource::Typed | OptionSource::Site | OptionSource::Default => None,
    };
    EffectiveOption { name: name(arg).to_owned(), form, value, from, place }
}
