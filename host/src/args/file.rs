//! The file that `--config` names: options by the names of their flags, in TOML. It refuses to know what the values mean: it
//! hands them on as words, to whoever reads the words that are typed.

use super::form::{self, Form};
use super::settings;
use clap::Command;
use glasshouse_core::document::{self, Flaw, meant};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a file says; nothing where there is none.
#[derive(Debug, Default)]
pub struct File {
    path: PathBuf,
    keys: BTreeMap<String, Key>,
}

#[derive(Debug)]
struct Key {
    line: usize,
    form: Form,
    texts: Vec<String>,
}

impl File {
    /// Reads the file at `path`, whose keys are the options of `command`.
    ///
    /// # Errors
    /// Names, in words for the person who wrote it, the file, the line and the key, and the way out.
    pub fn read(path: &Path, command: &Command) -> Result<File, String> {
        let text = fs::read_to_string(path).map_err(|error| {
            let reason = match error.kind() {
                ErrorKind::NotFound => "no such file".to_owned(),
                ErrorKind::PermissionDenied => "permission denied".to_owned(),
                ErrorKind::IsADirectory => "a directory".to_owned(),
                ErrorKind::InvalidData => "not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            format!("cannot read the settings '{}': {reason}; name a file in TOML with --config", path.display())
        })?;
        File::parse(path, &text, command)
    }

    fn parse(path: &Path, text: &str, command: &Command) -> Result<File, String> {
        let keys = document::read(text)
            .map_err(|Flaw { line, reason }| format!("{}, line {line}: {reason}", path.display()))?;
        let mut file = File { path: path.to_owned(), keys: BTreeMap::new() };
        for document::Key { name, line, value } in keys {
            let place = || place(path, line, &name);
            let Some(arg) = settings::options(command).find(|arg| settings::name(arg) == name) else {
                let way_out = meant(&name, settings::options(command).map(settings::name))
                    .unwrap_or_else(|| "a key is the name of a flag that --help lists".to_owned());
                return Err(format!("{}: no such key; {way_out}", place()));
            };
            let form = form::of(arg);
            let texts = form.read(&value).map_err(|reason| format!("{}: {reason}", place()))?;
            file.keys.insert(name, Key { line, form, texts });
        }
        Ok(file)
    }

    pub fn has(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// Where a key stands, for complaints about its value.
    pub fn place(&self, name: &str) -> Option<String> {
        self.keys.get(name).map(|key| place(&self.path, key.line, name))
    }

    /// What is said of an option, in the form of its variable: several values are lines.
    pub fn text(&self, name: &str) -> Option<String> {
        self.keys.get(name).map(|key| key.texts.join("\n"))
    }

    /// What is said of a flag, as it would be typed.
    pub fn words(&self, name: &str) -> Vec<OsString> {
        let Some(key) = self.keys.get(name) else { return Vec::new() };
        let typed = |text: &String| match key.form {
            Form::Switch => (text == "true").then(|| format!("--{name}").into()),
            _ => Some(format!("--{name}={text}").into()),
        };
        key.texts.iter().filter_map(typed).collect()
    }
}

fn place(path: &Path, line: usize, name: &str) -> String {
    format!("{}, line {line}, {name}", path.display())
}
