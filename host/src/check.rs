//! What `--check` prints: every option with its value in effect and where that is from, in the form of a file that `--config` takes.

use crate::args::value::ByteSize;
use crate::args::{EffectiveOption, OptionSource, ValueShape};
use crate::config::{Config, ServedTree, SiteFile};
use glasshouse_core::Config as GuestConfig;
use glasshouse_core::config::options;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use toml::Value;

/// The settings in effect, and what becomes of the rights of the process. What depends on the machine is told as it was found.
pub fn report(config: &Config, settings: Vec<EffectiveOption>, rights: &str) -> String {
    let mut text = String::from("# The settings in effect; --config takes them as they stand here.\n");
    for setting in settings {
        let line = match options::names().find(|name| *name == setting.name) {
            Some(name) => of_handler(config, name, setting),
            None => found(config, setting).to_string(),
        };
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "# Not tried: whether the addresses and ports are free.");
    let _ = writeln!(text, "# rights of the process: {rights}");
    text
}

/// An option of the host, with what was found on this machine in the place of what was typed or of no value at all.
fn found(config: &Config, mut setting: EffectiveOption) -> EffectiveOption {
    let number = |number: usize| i64::try_from(number).ok().map(Value::Integer);
    let found = match setting.name.as_str() {
        "directory" => {
            let root = config.trees.iter().find(|served| served.at.is_none());
            root.and_then(|served| setting.write_bytes(vec![typed(served)]))
        }
        "mount" => {
            let mounts = config.trees.iter().filter(|served| served.at.is_some()).map(typed);
            setting.write_bytes(mounts.collect())
        }
        "max-total-memory" => setting.write_bytes(vec![
            ByteSize(u64::try_from(config.totals.memory).unwrap_or(u64::MAX)).to_string().into_bytes(),
        ]),
        "threads" => number(config.threads.get()),
        "max-connections" => number(config.limits.max_connections),
        "max-connections-per-address" => number(config.limits.max_connections_per_address),
        _ => None,
    };
    setting.value = found.or(setting.value);
    setting
}

/// A tree, as it is typed.
fn typed(served: &ServedTree) -> Vec<u8> {
    let at = served.at.iter().flat_map(|at| format!("/{}=", at.path()).into_bytes());
    at.chain(served.tree.path().as_os_str().as_bytes().iter().copied()).collect()
}

/// An option of the handler: what was given for all trees, or what the file of each says.
fn of_handler(config: &Config, name: &'static str, mut setting: EffectiveOption) -> String {
    let variable = options::variable(name);
    if let Some((_, text)) = config.guest.iter().find(|(key, _)| *key == variable) {
        setting.value = setting.form.write_text(text);
        return setting.to_string();
    }
    let usual = match setting.form {
        ValueShape::Switch | ValueShape::One { .. } => usual(name),
        _ => usual(name).replace(',', "\n"),
    };
    let of_site = |site: &SiteFile| site.values.get(name).cloned();
    let sites: Vec<Option<(String, usize)>> = config.site_files.iter().map(of_site).collect();
    let said = sites.first().cloned().flatten();
    let is_one = sites.iter().all(|site| site.as_ref().map(|(text, _)| text) == said.as_ref().map(|(text, _)| text));
    if !is_one {
        let each = config.trees.iter().zip(&sites).map(|(served, site)| {
            let at = served.at.as_ref().map(|at| at.path()).unwrap_or_default();
            let (text, from) = match site {
                Some((text, _)) => (text, OptionSource::Site),
                None => (&usual, OptionSource::Default),
            };
            format!("{} at '/{at}' ({from})", setting.form.write_text(text).map_or_else(String::new, |v| v.to_string()))
        });
        return format!("# {name} differs: {}", each.collect::<Vec<_>>().join(", "));
    }
    match said {
        Some((text, line)) => {
            setting.value = setting.form.write_text(&text);
            setting.from = OptionSource::Site;
            // Several trees may say it in different lines.
            setting.place = (sites.len() == 1).then(|| format!("line {line}"));
        }
        None => setting.value = setting.form.write_text(&usual),
    }
    setting.to_string()
}

/// What an option of the handler is if nobody sets it, in the form of its variable.
fn usual(name: &str) -> String {
    let usual = GuestConfig::default();
    match name {
        "archive" => usual.archives.iter().map(|form| form.word()).collect::<Vec<_>>().join(","),
        "archive-max" => ByteSize(usual.archive_max).to_string(),
        "cache" | "header" | "header-for" | "mime" | "redirect" => String::new(),
        "content-type" => usual.content_type.as_str().to_owned(),
        "index" => usual.index.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("\n"),
        "listing-max" => usual.listing_max.to_string(),
        "not-found" => usual.not_found.map(|page| page.path()).unwrap_or_default(),
        "prefix" => "/".to_owned(),
        _ => "false".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_values_are_those_of_the_handler() {
        for name in options::names() {
            let read = GuestConfig::from_pairs([(options::variable(name), usual(name))]);
            assert_eq!(read, Ok(GuestConfig::default()), "{name}");
        }
    }
}
