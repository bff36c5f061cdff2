//! What `--check` prints: every option with its value in effect, in the form of a file that `--config` takes. It refuses to know
//! how any of them is carried out.

use crate::args::Setting;
use crate::config::{Config, Served};
use glasshouse_core::options;
use std::fmt::Write as _;
use toml::Value;

/// The settings in effect, and what becomes of the rights of the process. What depends on the machine is told as it was found.
pub fn report(config: &Config, settings: Vec<Setting>, rights: &str) -> String {
    let mut text = String::from("# The settings in effect; --config takes them as they stand here.\n");
    for mut setting in settings {
        let variable = options::variable(&setting.name);
        let found = match setting.name.as_str() {
            "directory" => {
                config.trees.iter().find(|served| served.at.is_none()).map(|served| served.to_string().into())
            }
            "mount" => {
                let mounts = config.trees.iter().filter(|served| served.at.is_some()).map(Served::to_string);
                Some(mounts.collect::<Vec<_>>().into())
            }
            "threads" => i64::try_from(config.threads.get()).ok().map(Value::Integer),
            _ => match config.guest.iter().find(|(key, _)| *key == variable) {
                Some((_, text)) => setting.form.write_text(text),
                None => None,
            },
        };
        setting.value = found.or(setting.value);
        let _ = writeln!(text, "{setting}");
    }
    let _ = writeln!(text, "# rights of the process: {rights}");
    text
}
