//! The file of `--config`: options in TOML, by the names of their flags. Does not interpret the values: each becomes an
//! argument, so flags and keys have one parser.

use super::{clap_options, toml_bytes, toml_shape};
use crate::bounded_file;
use crate::error::StartupError;
use clap::Command;
use glasshouse_core::config::toml_document;
use glasshouse_core::config::toml_document::{TomlError, ValueShape};
use glasshouse_core::suggest;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The maximum size of the file in bytes.
const MAX_SIZE: usize = 1 << 20;

/// The keys of the file; none if there is no file.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    keys: BTreeMap<String, ConfigKey>,
}

#[derive(Debug)]
struct ConfigKey {
    line: usize,
    shape: ValueShape,
    texts: Vec<OsString>,
}

impl ConfigFile {
    /// Reads the file at `path`, whose keys are the options of `command`.
    ///
    /// # Errors
    /// The file cannot be read, or it is invalid; the error then names the line and the key.
    pub(crate) fn read(path: &Path, command: &Command) -> Result<ConfigFile, StartupError> {
        let name = path.display();
        let bytes = bounded_file::read(path, MAX_SIZE).map_err(|reason| {
            StartupError::CannotServe(format!(
                "cannot read the settings '{name}': {reason}; name a TOML file with --config"
            ))
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = valid.filter(|byte| **byte == b'\n').count().saturating_add(1);
            StartupError::Usage(format!(
                "{name}, line {line}: not UTF-8; write the bytes of a path as {{ percent-encoded = \"%FF\" }}"
            ))
        })?;
        ConfigFile::parse(path, &text, command)
    }

    fn parse(path: &Path, text: &str, command: &Command) -> Result<ConfigFile, StartupError> {
        let keys = toml_document::read(text).map_err(|TomlError { line, reason, .. }| {
            StartupError::Usage(format!("{}, line {line}: {reason}", path.display()))
        })?;
        let mut file = ConfigFile { path: path.to_owned(), keys: BTreeMap::new() };
        for toml_document::TomlKey { name, line, value } in keys {
            let error = |reason: String| StartupError::Usage(format!("{}: {reason}", location(path, line, &name)));
            let arg = clap_options::all(command).find(|arg| clap_options::name(arg) == name);
            let arg = arg.ok_or_else(|| error(format!("no such key; {}", fix(&name, command))))?;
            let shape = toml_shape::of(arg);
            let texts = toml_bytes::read(shape, &value).map_err(|reason| error(reason.to_string()))?;
            file.keys.insert(name, ConfigKey { line, shape, texts });
        }
        Ok(file)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// The line of a key.
    pub(crate) fn line(&self, name: &str) -> Option<usize> {
        self.keys.get(name).map(|key| key.line)
    }

    /// The file, the line and the name of a key, for errors about its value.
    pub(crate) fn location(&self, name: &str) -> Option<String> {
        self.keys.get(name).map(|key| location(&self.path, key.line, name))
    }

    /// The value of an option in the form of its variable: several values are lines.
    ///
    /// # Errors
    /// The value is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StartupError> {
        let Some(key) = self.keys.get(name) else { return Ok(None) };
        key.texts.join(OsStr::new("\n")).into_string().map(Some).map_err(|_| {
            let location = location(&self.path, key.line, name);
            StartupError::Usage(format!("{location}: the value is not UTF-8; write it in UTF-8"))
        })
    }

    /// The arguments that set the option to the value of its key.
    pub(crate) fn arguments(&self, name: &str) -> Vec<OsString> {
        let Some(key) = self.keys.get(name) else { return Vec::new() };
        let argument = |text: &OsString| match key.shape {
            ValueShape::Switch => (text == "true").then(|| format!("--{name}").into()),
            _ => Some(flag(name, text)),
        };
        key.texts.iter().filter_map(argument).collect()
    }
}

/// A flag and its value in one argument.
pub(crate) fn flag(name: &str, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value);
    flag
}

fn fix(name: &str, command: &Command) -> String {
    if clap_options::NOT_IN_A_FILE.contains(&name) {
        return format!("--{name} is a flag only; remove the key");
    }
    match nearest(name, clap_options::all(command).map(clap_options::name)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "a key is the name of a flag; --help lists the flags".to_owned(),
    }
}

fn location(path: &Path, line: usize, name: &str) -> String {
    format!("{}, line {line}, {name}", path.display())
}

/// The most similar of `names`; `None` if none is similar.
pub(crate) fn nearest(name: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
    let near = names.filter_map(|known| Some((suggest::distance(name, known.as_ref())?, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name.as_ref().to_owned())
}
