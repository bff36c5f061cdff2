//! Every option with its effective value and the source of that value, from the matches of clap. `check` adds the
//! values that depend on the machine, and those that the handler reads.

use super::logs::Level;
use super::{bind_values, clap_options, toml_bytes, toml_shape};
use crate::args::file::ConfigFile;
use crate::args::toml_shape::ValueShape;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use toml::Value;

/// An option of the program, by the name of its flag.
#[derive(Debug, PartialEq)]
pub(crate) struct EffectiveOption {
    pub(crate) name: String,
    pub(crate) shape: ValueShape,
    /// `None` if the option has no value and no default.
    pub(crate) value: Option<Value>,
    pub(crate) source: OptionSource,
    /// The name of the variable, or the line of the file.
    pub(crate) location: Option<String>,
}

/// The source of the value of an option. The first source with a value wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionSource {
    Flag,
    Variable,
    File,
    /// The `glasshouse.toml` of the served directory.
    Site,
    Default,
}

impl fmt::Display for OptionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OptionSource::Flag => "from the command line",
            OptionSource::Variable => "from the environment",
            OptionSource::File => "from the file",
            OptionSource::Site => "from glasshouse.toml",
            OptionSource::Default => "default",
        })
    }
}

impl EffectiveOption {
    /// The TOML value of these texts, which need not be UTF-8.
    pub(crate) fn write_texts(&self, texts: Vec<OsString>) -> Option<Value> {
        toml_bytes::write(self.shape, texts)
    }
}

impl fmt::Display for EffectiveOption {
    /// A line of TOML; a comment if the option has no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = &self.value else { return write!(f, "# {} is not set", self.name) };
        write!(f, "{} = {}  # {}", self.name, one_line(value), self.source)?;
        self.location.iter().try_for_each(|location| write!(f, ": {location}"))
    }
}

/// The value in one line. The TOML library writes a text with line breaks in several lines.
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

/// The source of an option. `flags` are the matches of the command line alone.
pub(crate) fn source(
    arg: &Arg,
    flags: &ArgMatches,
    file: &ConfigFile,
    variable: impl Fn(&OsStr) -> Option<OsString>,
) -> OptionSource {
    if flags.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine) {
        OptionSource::Flag
    } else if variable(&clap_options::variable(arg)).is_some() {
        OptionSource::Variable
    } else if file.has(clap_options::name(arg)) {
        OptionSource::File
    } else {
        OptionSource::Default
    }
}

/// An option with its value. An option of the handler has no value yet.
pub(crate) fn option(arg: &Arg, matches: &ArgMatches, source: OptionSource, file: &ConfigFile) -> EffectiveOption {
    let (name, shape) = (clap_options::name(arg), toml_shape::of(arg));
    let id = arg.get_id().as_str();
    let texts = match shape {
        ValueShape::Switch => vec![matches.get_flag(id).to_string().into()],
        // Each -v raises the level by one.
        _ if id == "verbose" => {
            vec![Level::of(matches.get_many(id).into_iter().flatten()).name().into()]
        }
        _ if id == "bind" => {
            let values = matches.get_many::<String>(id).into_iter().flatten();
            values.flat_map(|value| bind_values(value)).map(OsString::from).collect()
        }
        _ => matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect(),
    };
    let value = if clap_options::is_of_handler(arg) { None } else { toml_bytes::write(shape, texts) };
    let location = match source {
        OptionSource::Variable => Some(clap_options::variable(arg).to_string_lossy().into_owned()),
        OptionSource::File => file.line(name).map(|line| format!("line {line}")),
        OptionSource::Flag | OptionSource::Site | OptionSource::Default => None,
    };
    EffectiveOption { name: name.to_owned(), shape, value, source, location }
}
