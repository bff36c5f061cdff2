//! The options of the handler that have a value, with the location of each. The handler reads their texts.

use super::content::ContentFlags;
use super::file::ConfigFile;
use super::{Args, variables};
use crate::error::StartupError;
use glasshouse_core::config::options;
use std::ffi::OsString;

/// An option of the handler with a value.
#[derive(Debug)]
pub(crate) struct HandlerOption {
    pub(crate) name: &'static str,
    /// The value in the form of the variable.
    pub(crate) text: String,
    /// The flag, the variable, or the line of the file, for errors about the value.
    pub(crate) location: String,
}

impl Args {
    /// As [`collect`].
    pub(crate) fn handler_options(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<HandlerOption>, StartupError> {
        collect(&self.content, &self.file, environment)
    }
}

/// The options of the handler: from flags, else from the variables in `environment`, else from the file.
///
/// # Errors
/// An unknown variable that begins with `GLASSHOUSE_`, a value that is not UTF-8, a field that is not one `NAME: VALUE`
/// line.
pub(super) fn collect(
    content: &ContentFlags,
    file: &ConfigFile,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<HandlerOption>, StartupError> {
    let mut variables = variables::known(environment)?;
    let mut found = Vec::new();
    for (name, text) in content.texts()? {
        let key = options::variable(name);
        let option = match (text, variables.remove(&key)) {
            (Some(text), _) => Some((text, format!("--{name}"))),
            (None, Some(value)) => {
                let reason = "the value is not UTF-8; write it in UTF-8";
                let text = value.into_string().map_err(|_| StartupError::Usage(format!("{key}: {reason}")))?;
                Some((text, key))
            }
            (None, None) => file.text(name)?.zip(file.location(name)),
        };
        found.extend(option.map(|(text, location)| HandlerOption { name, text, location }));
    }
    match found.iter().find(|option| option.name == "archive" && has_off_and_formats(&option.text)) {
        Some(HandlerOption { location, .. }) => Err(StartupError::Usage(format!(
            "{location}: 'off' cannot be combined with formats; leave it out or use it alone"
        ))),
        None => Ok(found),
    }
}

fn has_off_and_formats(text: &str) -> bool {
    let words: Vec<&str> = text.split([',', '\n']).map(str::trim).collect();
    words.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case("off"))
}
