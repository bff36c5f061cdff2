//! The options of the handler: one table with their names, the readers of their texts, and who may set them.
//!
//! The option `clean-urls` is the variable `GLASSHOUSE_CLEAN_URLS`, the key `clean-urls` in `glasshouse.toml`, and the
//! flag `--clean-urls` of the bundled host. Several values are lines.

use crate::archive::format::ArchiveFormat;
use crate::config::cache_control::CacheControl;
use crate::config::glob::Glob;
use crate::config::invalid_value::InvalidValue;
use crate::config::redirect::Redirect;
use crate::config::toml_document::ValueShape;
use crate::config::{Config, header_rules, toml_document};
use crate::http::cors::Cors;
use crate::http::field::Field;
use crate::http::target::{Name, Target, encode_path};
use crate::media_type::MediaType;
use crate::tree::dotfiles::Dotfiles;
use toml::Value;

/// The prefix of the variables of this program.
pub const PREFIX: &str = "GLASSHOUSE_";

type Reader = fn(&mut Config, &str) -> Result<(), InvalidValue>;

/// Who may set an option. The operator may set each one by flag or variable.
#[derive(Clone, Copy)]
enum Setter {
    /// Also `glasshouse.toml`: the option affects only its own pages, or takes something away.
    Everyone,
    /// Also `glasshouse.toml`, if the value passes a check.
    Checked(fn(&Config) -> Result<(), InvalidValue>),
    /// Only the operator, for this reason.
    Operator(&'static str),
}

use Setter::{Checked, Everyone, Operator};

const EXPOSES: Setter = Operator("it gives clients access to more content");
const PLACES: Setter = Operator("the operator decides where the tree appears");
const COSTS: Setter = Operator("it costs processor time for every request");
const ALTERS: Setter = Operator("it adds a script to every page");
const DISABLES: Setter = Operator("it disables this file");

const SWITCH: ValueShape = ValueShape::Switch;
const ONE: ValueShape = ValueShape::One { or_switch: true };
const MANY: ValueShape = ValueShape::Several;
/// Several, or a switch for all or none.
const SOME: ValueShape = ValueShape::SeveralOrSwitch;

/// Every option: its name, the shape of its value in TOML, who may set it, and the reader of its text.
const OPTIONS: &[(&str, ValueShape, Setter, Reader)] = &[
    ("archive", SOME, Everyone, |config, text| read(&mut config.archives, archives(text))),
    ("archive-max", ONE, Checked(smaller_archives), |config, text| read(&mut config.archive_max, size(text))),
    ("cache", MANY, Everyone, |config, text| read(&mut config.cache, lines(text, cache))),
    ("clean-urls", SWITCH, Everyone, |config, text| read(&mut config.clean_urls, switch(text))),
    ("compress", SWITCH, COSTS, |config, text| read(&mut config.compress, switch(text))),
    ("content-type", ONE, Everyone, |config, text| read(&mut config.content_type, media_type(text))),
    ("cors", ONE, EXPOSES, |config, text| read(&mut config.cors, Cors::parse(text))),
    ("grid", SWITCH, Everyone, |config, text| read(&mut config.grid, switch(text))),
    ("header", MANY, Checked(fields_of_pages), |config, text| {
        read(&mut config.headers, lines(text, header_rules::parse))
    }),
    ("header-for", MANY, Checked(fields_of_pages), |config, text| {
        read(&mut config.headers_for, lines(text, header_for))
    }),
    ("hidden", SOME, EXPOSES, |config, text| read(&mut config.hidden, Dotfiles::parse(text))),
    ("index", MANY, Checked(public_pages), |config, text| read(&mut config.index, index(text))),
    ("isolate", SWITCH, Everyone, |config, text| read(&mut config.isolate, switch(text))),
    ("listing-max", ONE, Checked(shorter_listings), |config, text| read(&mut config.listing_max, listing_max(text))),
    ("live", SWITCH, ALTERS, |config, text| read(&mut config.live, switch(text))),
    ("markdown", SWITCH, Everyone, |config, text| read(&mut config.markdown, switch(text))),
    ("mime", MANY, Everyone, |config, text| read(&mut config.mime, lines(text, mime))),
    ("no-listing", SWITCH, Everyone, |config, text| read(&mut config.listing, switch(text).map(|no| !no))),
    ("no-precompressed", SWITCH, Everyone, |config, text| read(&mut config.precompressed, switch(text).map(|no| !no))),
    ("no-readme", SWITCH, Everyone, |config, text| read(&mut config.readme, switch(text).map(|no| !no))),
    ("no-site-file", SWITCH, DISABLES, |config, text| read(&mut config.site_file, switch(text).map(|no| !no))),
    ("not-found", ONE, Checked(public_pages), |config, text| read(&mut config.not_found, file(text, "404.html"))),
    ("prefix", ONE, PLACES, |config, text| read(&mut config.prefix, prefix(text))),
    ("redirect", MANY, Everyone, |config, text| {
        read(&mut config.redirects, lines(text, Redirect::parse).and_then(Redirect::without_loops))
    }),
    ("spa", ONE, Checked(public_pages), |config, text| read(&mut config.spa, file(text, "index.html"))),
];

fn smaller_archives(config: &Config) -> Result<(), InvalidValue> {
    at_most(config.archive_max, Config::default().archive_max, " bytes")
}

fn shorter_listings(config: &Config) -> Result<(), InvalidValue> {
    at_most(config.listing_max, Config::default().listing_max, "")
}

fn at_most<N: Ord + std::fmt::Display>(value: N, most: N, unit: &str) -> Result<(), InvalidValue> {
    if value <= most { Ok(()) } else { invalid(format!("this file cannot set it above {most}{unit}")) }
}

fn fields_of_pages(config: &Config) -> Result<(), InvalidValue> {
    let mut fields = config.headers.iter().chain(config.headers_for.iter().map(|(_, field)| field));
    let checked = fields.try_for_each(header_rules::check_for_site_file);
    checked.map_err(|reason| InvalidValue::new(format!("{reason}, so this file cannot set it")))
}

/// A hidden file stays hidden, also as an index or a fallback.
fn public_pages(config: &Config) -> Result<(), InvalidValue> {
    let pages = config.spa.iter().chain(&config.not_found).flat_map(Target::names);
    match config.index.iter().chain(pages).find(|name| name.is_hidden()) {
        None => Ok(()),
        Some(name) => invalid(format!("'{}' is hidden, so this file cannot use it", name.as_str())),
    }
}

fn read<T>(to: &mut T, value: Result<T, InvalidValue>) -> Result<(), InvalidValue> {
    *to = value?;
    Ok(())
}

fn invalid<T>(message: String) -> Result<T, InvalidValue> {
    Err(InvalidValue::new(message))
}

/// The names of all options, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, ..)| *name)
}

/// The variable of an option.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The shape of the value of an option in TOML. `None` for an unknown option.
pub fn shape(name: &str) -> Option<ValueShape> {
    OPTIONS.iter().find(|(known, ..)| *known == name).map(|(_, shape, ..)| *shape)
}

/// Sets an option from the text of the operator.
///
/// # Errors
/// An unknown option or an invalid value.
pub fn set(config: &mut Config, name: &str, text: &str) -> Result<(), InvalidValue> {
    let (.., reader) = OPTIONS.iter().find(|(known, ..)| *known == name).ok_or_else(|| unknown(name))?;
    reader(config, text)
}

/// Sets an option from its value in `glasshouse.toml`, and returns its name and its text.
///
/// # Errors
/// As [`set`], and an option or a value that this file may not set.
pub fn set_from_site_file(
    config: &mut Config,
    name: &str,
    value: &Value,
) -> Result<(&'static str, String), InvalidValue> {
    let option = OPTIONS.iter().find(|(known, ..)| *known == name);
    let (name, shape, setter, reader) = option.ok_or_else(|| unknown(name))?;
    let for_operator = |reason: &dyn std::fmt::Display| {
        let variable = variable(name);
        InvalidValue::new(format!("{reason}; the operator can set it with --{name} or {variable}"))
    };
    match setter {
        Operator(_) if *name == "no-site-file" => {
            return invalid("this file cannot disable itself; remove it".to_owned());
        }
        Operator(reason) => return Err(for_operator(&format_args!("this file cannot set it, because {reason}"))),
        Everyone | Checked(_) => {}
    }
    let text = shape.read(value)?.join("\n");
    reader(config, &text)?;
    if let Checked(check) = setter {
        check(config).map_err(|reason| for_operator(&reason))?;
    }
    Ok((name, text))
}

fn unknown(name: &str) -> InvalidValue {
    let way_out = toml_document::did_you_mean(name, names())
        .unwrap_or_else(|| "an option of the site has the name of its flag".to_owned());
    InvalidValue::new(format!("no such option; {way_out}"))
}

fn lines<T>(text: &str, one: impl Fn(&str) -> Result<T, InvalidValue>) -> Result<Vec<T>, InvalidValue> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(one).collect()
}

/// Reads a switch.
///
/// # Errors
/// A word that means neither on nor off.
pub fn switch(text: &str) -> Result<bool, InvalidValue> {
    toml_document::switch(text).ok_or_else(|| InvalidValue::new(format!("'{text}' is neither 'true' nor 'false'")))
}

/// Reads archive formats in lines or separated by commas, or a switch for all or none.
fn archives(text: &str) -> Result<Vec<ArchiveFormat>, InvalidValue> {
    if let Ok(on) = switch(text) {
        return Ok(if on { ArchiveFormat::ALL.to_vec() } else { Vec::new() });
    }
    let words = text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty());
    let format = |word| match ArchiveFormat::parse(word) {
        Some(format) => Ok(format),
        None => invalid(format!("invalid archive format '{word}': write tar, tar.gz, zip or off")),
    };
    words.map(format).collect()
}

/// Reads a number of bytes, or of multiples of 1024 with K, M, G or T at its end.
///
/// # Errors
/// Any other text, and a size that does not fit into 64 bits.
pub fn size(text: &str) -> Result<u64, InvalidValue> {
    let error = || {
        InvalidValue::new(format!(
            "invalid size '{text}': write a number of bytes, or one with K, M, G or T at its end"
        ))
    };
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(error()),
    };
    // `str::parse` accepts a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(error)
}

/// Reads file names in lines or separated by commas. An empty text means no index.
fn index(text: &str) -> Result<Vec<Name>, InvalidValue> {
    let names = text.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names.map(file_name).collect()
}

/// Reads a file name.
///
/// # Errors
/// A text that is not a single name.
pub(super) fn file_name(text: &str) -> Result<Name, InvalidValue> {
    Name::new(text).ok_or_else(|| InvalidValue::new(format!("invalid file name '{text}': it must not contain '/'")))
}

/// The most entries of a listing. The handler holds them in memory to sort them.
const MAX_ENTRIES: usize = 250_000;

fn listing_max(text: &str) -> Result<usize, InvalidValue> {
    match text.parse() {
        Ok(number @ 1..=MAX_ENTRIES) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => invalid(format!("invalid number of entries '{text}': write one from 1 to {MAX_ENTRIES}")),
    }
}

fn media_type(text: &str) -> Result<MediaType, InvalidValue> {
    MediaType::parse(text).map_err(|error| InvalidValue::new(error.to_string()))
}

/// Reads `EXT=TYPE`.
fn mime(line: &str) -> Result<(String, MediaType), InvalidValue> {
    let Some((suffix, media)) = line.split_once('=') else {
        return invalid(format!("'{line}' is not EXT=TYPE"));
    };
    let suffix = suffix.trim().trim_start_matches('.').to_ascii_lowercase();
    if suffix.is_empty() || suffix.contains(['/', '.']) {
        return invalid(format!("invalid suffix in '{line}': write 'ext=type/subtype'"));
    }
    Ok((suffix, media_type(media.trim())?))
}

/// Reads `VALUE` for every path, or `GLOB=VALUE`.
fn cache(line: &str) -> Result<(Glob, CacheControl), InvalidValue> {
    let (glob, value) = line.rsplit_once('=').unwrap_or(("**", line));
    Ok((Glob::parse_strict(glob.trim())?, CacheControl::parse(value.trim())?))
}

/// Reads `GLOB NAME: VALUE`. The glob cannot contain a space, but `?` matches one.
fn header_for(line: &str) -> Result<(Glob, Field), InvalidValue> {
    let Some((glob, field)) = line.split_once(' ') else {
        return invalid(format!("'{line}' is not GLOB NAME: VALUE"));
    };
    Ok((Glob::parse_strict(glob)?, header_rules::parse(field)?))
}

/// Reads a file of the tree, or a switch: the default file if it is on, no file if it is off.
fn file(text: &str, default: &str) -> Result<Option<Target>, InvalidValue> {
    let path = match switch(text) {
        Ok(false) => return Ok(None),
        Ok(true) => default,
        Err(_) => text.trim_start_matches('/'),
    };
    match path_of(path) {
        None => invalid(format!("invalid file '{text}': it must be below the directory")),
        Some(target) if target.is_directory() => invalid(format!("'{text}' is a directory; name a file in it")),
        target => Ok(target),
    }
}

/// Reads the path at which a tree appears, not percent-encoded. `None` for the root.
///
/// # Errors
/// An invalid path.
pub fn prefix(text: &str) -> Result<Option<Target>, InvalidValue> {
    match text.trim_matches('/') {
        "" => Ok(None),
        path => match path_of(path) {
            None => invalid(format!("invalid path '{text}': it must not contain '.' or '..'")),
            target => Ok(target),
        },
    }
}

/// Reads a path below the root that is not percent-encoded.
fn path_of(path: &str) -> Option<Target> {
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    Target::parse(&format!("/{}", encode_path(path))).ok()
}

#[cfg(test)]
mod tests;
