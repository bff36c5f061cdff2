//! The output of `--check`: every option with its effective value and the source of the value, as a valid file for
//! `--config`.

use crate::args::value::ByteSize;
use crate::args::{EffectiveOption, OptionSource, ValueShape};
use crate::component_file::Packed;
use crate::config::{ServedTree, ServerConfig, TreeComponent};
use crate::site_report::SiteFiles;
use glasshouse_core::Config as HandlerConfig;
use glasshouse_core::config::options;
use std::ffi::OsString;
use std::fmt::Write as _;
use toml::Value;

/// The effective options, and the rights of the process. Values that depend on the machine are those of this machine.
pub(crate) fn report(config: &ServerConfig, sites: &SiteFiles, options: Vec<EffectiveOption>, rights: &str) -> String {
    let mut text = String::from("# The effective options. This output is a valid file for --config.\n");
    for option in options {
        let line = match options::names().find(|name| *name == option.name) {
            Some(name) => of_handler(config, sites, name, option),
            None => of_host(config, option).to_string(),
        };
        let _ = writeln!(text, "{line}");
    }
    if !config.middleware.is_empty() {
        let names = config.chain().names().iter().map(|name| format!("'{name}'")).collect::<Vec<_>>();
        let _ = writeln!(text, "# chain of the handler: {}", names.join(", then "));
    }
    let _ = writeln!(text, "# Not tried: whether the addresses and ports are free.");
    let _ = writeln!(text, "# rights of the process: {rights}");
    text
}

/// An option of the host, with the value on this machine.
fn of_host(config: &ServerConfig, mut option: EffectiveOption) -> EffectiveOption {
    let number = |number: usize| i64::try_from(number).ok().map(Value::Integer);
    let resolved = match option.name.as_str() {
        "directory" => {
            let root = config.trees.iter().find(|served| served.at.is_none());
            // A handler that reads no directory has none, whatever the default is.
            option.value = None;
            root.and_then(|served| option.write_texts(vec![argument(served)?]))
        }
        "mount" => {
            let mounts = config.trees.iter().filter(|served| served.at.is_some()).filter_map(argument);
            option.write_texts(mounts.collect())
        }
        "max-total-memory" => option
            .write_texts(vec![ByteSize(u64::try_from(config.totals.memory).unwrap_or(u64::MAX)).to_string().into()]),
        "threads" => number(config.threads.get()),
        "max-connections" => number(config.limits.max_connections),
        "max-connections-per-address" => number(config.limits.max_connections_per_address),
        _ => None,
    };
    option.value = resolved.or(option.value);
    option
}

/// The value of `--mount` or `--directory` for a tree. `None` for a root without a directory.
fn argument(served: &ServedTree) -> Option<OsString> {
    let directory = served.tree.as_ref().map(|tree| tree.path().into_os_string());
    let source = match &served.component {
        TreeComponent::Handler => directory?,
        TreeComponent::Mounted { file, .. } => {
            let mut source = file.path.as_os_str().to_owned();
            if let Some(directory) = directory {
                source.push(":");
                source.push(directory);
            }
            source
        }
    };
    let mut argument = OsString::from(served.at.as_ref().map_or_else(String::new, |at| format!("/{}=", at.path())));
    argument.push(source);
    Some(argument)
}

/// An option of the handler: the value for all trees, or else the value in the file of each tree.
fn of_handler(config: &ServerConfig, sites: &SiteFiles, name: &'static str, mut option: EffectiveOption) -> String {
    let variable = options::variable(name);
    if let Some((_, text)) = config.guest.iter().find(|(key, _)| *key == variable) {
        option.value = option.shape.write_text(text);
        return option.to_string();
    }
    if config.handler.packed() != Packed::No {
        return format!("# {name}: as packed");
    }
    let default = match option.shape {
        ValueShape::Switch | ValueShape::One { .. } => default_text(name),
        _ => default_text(name).replace(',', "\n"),
    };
    let values = sites.values(name);
    let first = values.first().and_then(|(_, value)| *value);
    let is_same = values.iter().all(|(_, value)| value.map(|(text, _)| text) == first.map(|(text, _)| text));
    if !is_same {
        let each = values.iter().map(|(served, value)| {
            let at = served.at.as_ref().map(|at| at.path()).unwrap_or_default();
            let (text, source) = match value {
                Some((text, _)) => (*text, OptionSource::Site),
                None => (default.as_str(), OptionSource::Default),
            };
            let value = option.shape.write_text(text).map_or_else(String::new, |value| value.to_string());
            format!("{value} at '/{at}' ({source})")
        });
        return format!("# {name} differs: {}", each.collect::<Vec<_>>().join(", "));
    }
    match first {
        Some((text, line)) => {
            option.value = option.shape.write_text(text);
            option.source = OptionSource::Site;
            // The lines of several trees may differ.
            option.location = (values.len() == 1).then(|| format!("line {line}"));
        }
        None => option.value = option.shape.write_text(&default),
    }
    option.to_string()
}

/// The default of an option of the handler, in the form of its variable.
fn default_text(name: &str) -> String {
    let default = HandlerConfig::default();
    match name {
        "archive" => default.archives.iter().map(|format| format.extension()).collect::<Vec<_>>().join(","),
        "archive-max" => ByteSize(default.archive_max).to_string(),
        "cache" | "header" | "header-for" | "mime" | "redirect" => String::new(),
        "content-type" => default.content_type.as_str().to_owned(),
        "index" => default.index.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("\n"),
        "listing-max" => default.listing_max.to_string(),
        "not-found" => default.not_found.map(|page| page.path()).unwrap_or_default(),
        "prefix" => "/".to_owned(),
        _ => "false".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_texts_are_those_of_the_handler() {
        for name in options::names() {
            let read = HandlerConfig::from_pairs([(options::variable(name), default_text(name))]);
            assert!(read.is_ok_and(|config| config == HandlerConfig::default()), "{name}");
        }
    }
}
