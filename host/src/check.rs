//! What `--check` prints: every option with its value in effect, in the form of a file of settings. It refuses to know how any
//! of them is carried out.

use crate::args::{Setting, Source};
use crate::config::Config;
use std::fmt::Write as _;
use toml::Value;

/// The settings in effect. What depends on the machine is told as it was found.
pub fn report(config: &Config, settings: &[Setting]) -> String {
    let mut text = String::from("# The settings in effect.\n");
    for setting in settings {
        let found = match setting.name.as_str() {
            "directory" => Some(Value::String(config.directory.to_string_lossy().into_owned())),
            "threads" => i64::try_from(config.threads.get()).ok().map(Value::Integer),
            _ => None,
        };
        // What the handler reads from its variables is not clap's to know.
        let variable = glasshouse_core::options::variable(&setting.name);
        let passed = config.guest.iter().find(|(key, _)| *key == variable && setting.from == Source::Default);
        let (value, from) = match (found, passed) {
            (Some(found), _) => (Some(found), setting.from),
            (None, Some((_, text))) => (Some(passed_on(text, setting)), Source::Variable),
            (None, None) => (setting.value.clone(), setting.from),
        };
        let _ = writeln!(text, "{}", Setting { name: setting.name.clone(), value, from });
    }
    text
}

/// The value of a variable of the handler, which has taken it already; a switch is on or off, in one of several words.
fn passed_on(text: &str, setting: &Setting) -> Value {
    match setting.value {
        Some(Value::Boolean(_)) => {
            Value::Boolean(matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
        }
        _ => Value::String(text.to_owned()),
    }
}
