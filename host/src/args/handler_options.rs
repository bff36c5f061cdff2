//! What is handed to the handler: its options, with where each was given. What they mean is known to the handler's table of options.

use super::{Args, variables};
use glasshouse_core::config::options;
use std::ffi::OsString;

/// An option of the handler that was given a value.
pub struct HandlerOptions {
    pub name: &'static str,
    pub text: String,
    /// Where it was given, for complaints about it.
    pub place: String,
}

impl Args {
    /// What to tell the handler: what was typed, or those variables of `environment` that are its own, or what the file says.
    ///
    /// # Errors
    /// Names, in words for the person who typed it, a variable that begins with `GLASSHOUSE_` and is known to neither
    /// side, one of the handler's that is not UTF-8, and a field that would not survive as one `NAME: VALUE` line.
    pub fn passed_on(
        &self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<HandlerOptions>, String> {
        let mut variables = variables::known(environment)?;
        let pass = |(name, typed): (&'static str, Option<String>)| {
            let key = options::variable(name);
            let (text, place) = match (typed, variables.remove(&key)) {
                (Some(text), _) => (text, format!("--{name}")),
                (None, Some(value)) => match value.into_string() {
                    Ok(text) => (text, key),
                    Err(_) => return Some(Err(format!("{key}: the value is not UTF-8"))),
                },
                (None, None) => {
                    let place = self.file.place(name)?;
                    match self.file.text(name).map_err(|reason| format!("{place}: {reason}")) {
                        Ok(text) => (text?, place),
                        Err(error) => return Some(Err(error)),
                    }
                }
            };
            Some(Ok(HandlerOptions { name, text, place }))
        };
        let passed: Vec<HandlerOptions> =
            self.content.typed()?.into_iter().filter_map(pass).collect::<Result<_, String>>()?;
        match passed.iter().find(|option| option.name == "archive" && is_mixed(&option.text)) {
            Some(HandlerOptions { place, .. }) => {
                Err(format!("{place}: 'off' stands alone; leave it out to name forms"))
            }
            None => Ok(passed),
        }
    }
}

/// Whether there is an `off` among other words.
fn is_mixed(text: &str) -> bool {
    let words: Vec<&str> = text.split([',', '\n']).map(str::trim).collect();
    words.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case("off"))
}
