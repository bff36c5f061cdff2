//! The file that `--config` names: options by the names of their flags, in TOML. It refuses to know what the values mean: it
//! hands them on as words, to whoever reads the words that are typed.

use super::Stop;
use crate::args::{effective, toml_bytes, toml_shape};
use crate::config::StartupError;
use clap::Command;
use glasshouse_core::config::toml_document;
use glasshouse_core::config::toml_document::{TomlError, ValueShape};
use glasshouse_core::suggest;
use glasshouse_http::bounded_file;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The longest file of settings in bytes.
const LONGEST: usize = 1 << 20;

/// What a file says; nothing where there is none.
#[derive(Debug, Default)]
pub struct ConfigFile {
    path: PathBuf,
    keys: BTreeMap<String, Key>,
}

#[derive(Debug)]
struct Key {
    line: usize,
    form: ValueShape,
    texts: Vec<OsString>,
}

impl ConfigFile {
    /// Reads the file at `path`, whose keys are the options of `command`.
    ///
    /// # Errors
    /// It cannot be read. What it says makes no sense: names, in words for the person who wrote it, the file, the line and the key, and
    /// the way out.
    pub fn read(path: &Path, command: &Command) -> Result<ConfigFile, Stop> {
        let bytes = bounded_file::read(path, LONGEST).map_err(|reason| {
            let name = path.display();
            StartupError::CannotServe(format!(
                "cannot read the settings '{name}': {reason}; name a file in TOML with --config"
            ))
        })?;
        let usage = |text| Stop::from(StartupError::Usage(text));
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            usage(format!(
                "{}, line {line}: not UTF-8; write bytes of a path as {{ percent-encoded = \"%FF\" }}",
                path.display()
            ))
        })?;
        ConfigFile::parse(path, &text, command).map_err(usage)
    }

    fn parse(path: &Path, text: &str, command: &Command) -> Result<ConfigFile, String> {
        let keys = toml_document::read(text)
            .map_err(|TomlError { line, reason }| format!("{}, line {line}: {reason}", path.display()))?;
        let mut file = ConfigFile { path: path.to_owned(), keys: BTreeMap::new() };
        for toml_document::TomlKey { name, line, value } in keys {
            let place = || place(path, line, &name);
            let Some(arg) = effective::options(command).find(|arg| effective::name(arg) == name) else {
                return Err(format!("{}: no such key; {}", place(), way_out(&name, command)));
            };
            let form = toml_shape::of(arg);
            let texts = toml_bytes::read(form, &value).map_err(|reason| format!("{}: {reason}", place()))?;
            file.keys.insert(name, Key { line, form, texts });
        }
        Ok(file)
    }

    pub fn has(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// The line that a key stands in.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.keys.get(name).map(|key| key.line)
    }

    /// Where a key stands, for complaints about its value.
    pub fn place(&self, name: &str) -> Option<String> {
        self.keys.get(name).map(|key| place(&self.path, key.line, name))
    }

    /// What is said of an option, in the form of its variable: several values are lines.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = self.keys.get(name).map(|key| key.texts.join(OsStr::new("\n")).into_string());
        text.transpose().map_err(|_| "the value is not UTF-8".to_owned())
    }

    /// What is said of a flag, as it would be typed.
    pub fn words(&self, name: &str) -> Vec<OsString> {
        let Some(key) = self.keys.get(name) else { return Vec::new() };
        let typed = |text: &OsString| match key.form {
            ValueShape::Switch => (text == "true").then(|| format!("--{name}").into()),
            _ => Some(flag(name, text)),
        };
        key.texts.iter().filter_map(typed).collect()
    }
}

/// A flag and its value in one word.
pub fn flag(name: &str, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value);
    flag
}

fn way_out(name: &str, command: &Command) -> String {
    if effective::NOT_IN_A_FILE.contains(&name) {
        return format!("--{name} says how the file is used, so it is none of its keys");
    }
    match nearest(name, effective::options(command).map(effective::name)) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "a key is the name of a flag that --help lists".to_owned(),
    }
}

fn place(path: &Path, line: usize, name: &str) -> String {
    format!("{}, line {line}, {name}", path.display())
}

/// The nearest of `names`; `None` where none is near.
pub fn nearest(asked: &str, names: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
    let near = names.filter_map(|name| Some((suggest::distance(asked, name.as_ref())?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name.as_ref().to_owned())
}
