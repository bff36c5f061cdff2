//! The options of the handler: one table of names, each with the one way in which its text is read. It refuses to know
//! what an option does.
//!
//! An option called `clean-urls` is the variable `GLASSHOUSE_CLEAN_URLS`, the key `clean-urls` of the site's file, and
//! in the bundled host the flag `--clean-urls`. Where it holds several values they are lines.

use crate::archive::format::ArchiveFormat;
use crate::config::cache_control::CacheControl;
use crate::config::glob::Glob;
use crate::config::redirect::Redirect;
use crate::config::toml_document::ValueShape;
use crate::config::{Config, header_rules, toml_document};
use crate::http::cors::Cors;
use crate::http::field::Field;
use crate::http::target::{Name, Target};
use crate::media_type::MediaType;
use crate::tree::dotfiles::Dotfiles;
use toml::Value;

/// What the variables of this program begin with.
pub const PREFIX: &str = "GLASSHOUSE_";

type Reader = fn(&mut Config, &str) -> Result<(), String>;

/// Who may set an option. Whoever runs the server may set every one of them, by flag or variable.
#[derive(Clone, Copy)]
enum Setter {
    /// The tree as well, in its own file: the option is about its own pages, or takes something away.
    Tree,
    /// The tree as well, where what it says passes.
    Checked(fn(&Config) -> Result<(), String>),
    /// Whoever runs the server alone, for this reason.
    Operator(&'static str),
}

use Setter::{Checked, Operator, Tree};

/// Why a tree may not set an option: a tree may make its own site nicer or narrower, and nothing else.
const EXPOSES: Setter = Operator("it lets others read more than they could without it");
const PLACES: Setter = Operator("where the tree appears is up to whoever serves it");
const COSTS: Setter = Operator("it costs processor time for every request");
const UNSAYS: Setter = Operator("a file cannot unsay itself; remove it");

const SWITCH: ValueShape = ValueShape::Switch;
const ONE: ValueShape = ValueShape::One { or_switch: true };
const MANY: ValueShape = ValueShape::Several;
/// Several, or all, or none.
const SOME: ValueShape = ValueShape::SeveralOrSwitch;

/// Every option: its name, the form of its value in a file, who may set it, and what its text means.
const OPTIONS: &[(&str, ValueShape, Setter, Reader)] = &[
    ("archive", SOME, Tree, |config, text| read(&mut config.archives, archives(text))),
    ("archive-max", ONE, Checked(smaller_archives), |config, text| read(&mut config.archive_max, size(text))),
    ("cache", MANY, Tree, |config, text| read(&mut config.cache, lines(text, cache))),
    ("clean-urls", SWITCH, Tree, |config, text| read(&mut config.clean_urls, switch(text))),
    ("compress", SWITCH, COSTS, |config, text| read(&mut config.compress, switch(text))),
    ("content-type", ONE, Tree, |config, text| read(&mut config.content_type, media_type(text))),
    ("cors", ONE, EXPOSES, |config, text| read(&mut config.cors, Cors::parse(text))),
    ("header", MANY, Checked(own_fields), |config, text| read(&mut config.headers, lines(text, header_rules::parse))),
    ("header-for", MANY, Checked(own_fields), |config, text| read(&mut config.headers_for, lines(text, header_for))),
    ("hidden", SOME, EXPOSES, |config, text| read(&mut config.hidden, Dotfiles::parse(text))),
    ("index", MANY, Checked(public_pages), |config, text| read(&mut config.index, index(text))),
    ("isolate", SWITCH, Tree, |config, text| read(&mut config.isolate, switch(text))),
    ("listing-max", ONE, Checked(shorter_listings), |config, text| read(&mut config.listing_max, most_entries(text))),
    ("mime", MANY, Tree, |config, text| read(&mut config.mime, lines(text, mime))),
    ("no-listing", SWITCH, Tree, |config, text| read(&mut config.listing, switch(text).map(|no| !no))),
    ("no-precompressed", SWITCH, Tree, |config, text| read(&mut config.precompressed, switch(text).map(|no| !no))),
    ("no-readme", SWITCH, Tree, |config, text| read(&mut config.readme, switch(text).map(|no| !no))),
    ("no-site-file", SWITCH, UNSAYS, |config, text| read(&mut config.site_file, switch(text).map(|no| !no))),
    ("not-found", ONE, Checked(public_pages), |config, text| read(&mut config.not_found, file(text, "404.html"))),
    ("prefix", ONE, PLACES, |config, text| read(&mut config.prefix, prefix(text))),
    ("redirect", MANY, Tree, |config, text| {
        read(&mut config.redirects, lines(text, Redirect::parse).and_then(Redirect::checked))
    }),
    ("spa", ONE, Checked(public_pages), |config, text| read(&mut config.spa, file(text, "index.html"))),
];

fn smaller_archives(config: &Config) -> Result<(), String> {
    let most = Config::default().archive_max;
    if config.archive_max <= most { Ok(()) } else { Err(format!("this file may not raise it above {most} bytes")) }
}

fn shorter_listings(config: &Config) -> Result<(), String> {
    let most = Config::default().listing_max;
    if config.listing_max <= most { Ok(()) } else { Err(format!("this file may not raise it above {most}")) }
}

fn own_fields(config: &Config) -> Result<(), String> {
    let mut set = config.headers.iter().chain(config.headers_for.iter().map(|(_, field)| field));
    set.try_for_each(header_rules::allow_tree).map_err(|reason| format!("{reason}, so this file may not set it"))
}

/// A hidden file stays hidden, whatever it is to stand for.
fn public_pages(config: &Config) -> Result<(), String> {
    let pages = config.spa.iter().chain(&config.not_found).flat_map(Target::names);
    match config.index.iter().chain(pages).find(|name| name.is_hidden()) {
        None => Ok(()),
        Some(name) => Err(format!("'{}' is hidden, so this file may not have it served", name.as_str())),
    }
}

fn read<T>(to: &mut T, value: Result<T, String>) -> Result<(), String> {
    *to = value?;
    Ok(())
}

/// The names of all options.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, ..)| *name)
}

/// The variable that an option is.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The form that the value of an option has in a file.
pub fn form(name: &str) -> Option<ValueShape> {
    OPTIONS.iter().find(|(known, ..)| *known == name).map(|(_, form, ..)| *form)
}

/// Sets an option from its text, as whoever runs the server has written it.
///
/// # Errors
/// An unknown name and a text without meaning, in words for the person who wrote it.
pub fn set(config: &mut Config, name: &str, text: &str) -> Result<(), String> {
    let (.., reader) = OPTIONS.iter().find(|(known, ..)| *known == name).ok_or_else(|| unknown(name))?;
    reader(config, text)
}

/// Sets an option from its value in the file of a tree, and returns its name and its text.
///
/// # Errors
/// As [`set`]; and what a tree may not say of itself, with the way out.
pub fn set_by_tree(config: &mut Config, name: &str, value: &Value) -> Result<(&'static str, String), String> {
    let option = OPTIONS.iter().find(|(known, ..)| *known == name);
    let (name, form, setter, reader) = option.ok_or_else(|| unknown(name))?;
    let way_out =
        |reason: String| format!("{reason}; whoever runs the server can set it with --{name} or {}", variable(name));
    match setter {
        Operator(reason) if *name == "no-site-file" => return Err((*reason).to_owned()),
        Operator(reason) => return Err(way_out(format!("this file may not set it, because {reason}"))),
        Tree | Checked(_) => {}
    }
    let text = form.read(value)?.join("\n");
    reader(config, &text)?;
    if let Checked(check) = setter {
        check(config).map_err(way_out)?;
    }
    Ok((name, text))
}

fn unknown(name: &str) -> String {
    let way_out = toml_document::meant(name, names())
        .unwrap_or_else(|| "an option of the site has the name of its flag".to_owned());
    format!("no such option; {way_out}")
}

fn lines<T>(text: &str, one: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(one).collect()
}

/// A switch.
///
/// # Errors
/// Any other word.
pub fn switch(text: &str) -> Result<bool, String> {
    toml_document::switch(text).ok_or_else(|| format!("'{text}' is neither 'true' nor 'false'"))
}

/// Forms of archives, in lines or separated by commas; or all of them, or none.
fn archives(text: &str) -> Result<Vec<ArchiveFormat>, String> {
    if let Ok(on) = switch(text) {
        return Ok(if on { ArchiveFormat::ALL.to_vec() } else { Vec::new() });
    }
    let words = text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty());
    let form = |word| {
        ArchiveFormat::parse(word).ok_or(format!("'{word}' is none of tar, tar.gz and zip; or give 'off'"))
    };
    words.map(form).collect()
}

/// A number of bytes, or of so many times 1024 as K, M, G or T stand for.
///
/// # Errors
/// Says, in words for the person who typed it, what a size looks like.
pub fn size(text: &str) -> Result<u64, String> {
    let error = || format!("'{text}' is no size; give a number of bytes, or one with K, M, G or T behind it");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(error()),
    };
    // Parsing takes a sign, which a size has not.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(error)
}

/// Names of files, in lines or separated by commas; none for no index at all.
fn index(text: &str) -> Result<Vec<Name>, String> {
    let names = text.split([',', '\n']).map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Name::new(name).ok_or(format!("'{name}' is no file name; give one without '/'"))).collect()
}

/// The most entries that a listing may show: the handler holds them in memory to sort them, and that has an end.
const MOST_ENTRIES: usize = 250_000;

fn most_entries(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MOST_ENTRIES) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(format!("'{text}' is no number of entries from 1 to {MOST_ENTRIES}")),
    }
}

fn media_type(text: &str) -> Result<MediaType, String> {
    MediaType::parse(text).map_err(|error| error.to_string())
}

/// `EXT=TYPE`.
fn mime(line: &str) -> Result<(String, MediaType), String> {
    let (suffix, media) = line.split_once('=').ok_or(format!("'{line}' is not EXT=TYPE"))?;
    let suffix = suffix.trim().trim_start_matches('.').to_ascii_lowercase();
    if suffix.is_empty() || suffix.contains(['/', '.']) {
        return Err(format!("'{line}' is about no single suffix; write it as 'ext=type/subtype'"));
    }
    Ok((suffix, media_type(media.trim())?))
}

/// `VALUE` for every path, or `GLOB=VALUE`.
fn cache(line: &str) -> Result<(Glob, CacheControl), String> {
    let (glob, value) = line.rsplit_once('=').unwrap_or(("**", line));
    Ok((Glob::parse_strict(glob.trim())?, CacheControl::parse(value.trim())?))
}

/// `GLOB NAME: VALUE`; a glob has no space in it, `?` stands for one.
fn header_for(line: &str) -> Result<(Glob, Field), String> {
    let (glob, field) = line.split_once(' ').ok_or(format!("'{line}' is not GLOB NAME: VALUE"))?;
    Ok((Glob::parse_strict(glob)?, header_rules::parse(field)?))
}

/// A file of the tree, the usual one where the option is merely switched on, none where it is switched off.
fn file(text: &str, usual: &str) -> Result<Option<Target>, String> {
    let path = match switch(text) {
        Ok(false) => return Ok(None),
        Ok(true) => usual,
        Err(_) => text.trim_start_matches('/'),
    };
    let target = path_of(path).ok_or(format!("'{text}' is no file below the directory"))?;
    if target.is_directory() { Err(format!("'{text}' is a directory; name a file in it")) } else { Ok(Some(target)) }
}

/// The path under which a tree appears, as a person writes it: plain, not percent-encoded. `None` for the root.
///
/// # Errors
/// Says, in words for the person who typed it, that the text is no path.
pub fn prefix(text: &str) -> Result<Option<Target>, String> {
    match text.trim_matches('/') {
        "" => Ok(None),
        path => path_of(path).map(Some).ok_or(format!("'{text}' is no path")),
    }
}

/// A path as a person writes it: plain, not percent-encoded, and not out of the tree.
fn path_of(path: &str) -> Option<Target> {
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    let mut encoded = String::new();
    for segment in path.split('/') {
        encoded.push('/');
        crate::http::target::encode(segment, &mut encoded);
    }
    Target::parse(&encoded).ok()
}

#[cfg(test)]
mod tests {
    use crate::archive::format::ArchiveFormat;
    use crate::config::{BodyPath, Config};
    use crate::http::target::{Name, Target};
    use crate::tree::dotfiles::Dotfiles;

    #[track_caller]
    fn fails(key: &str, value: &str, message: &str) {
        let error = Config::from_pairs([(key, value)]).map_err(|error| error.to_string());
        assert_eq!(error, Err(format!("{key}: {message}")));
    }

    #[track_caller]
    fn config(pairs: &[(&str, &str)]) -> Config {
        match Config::from_pairs(pairs.iter().copied()) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn options_are_sorted_and_variables_follow_from_them() {
        assert!(super::names().is_sorted());
        assert_eq!(super::variable("clean-urls"), "GLASSHOUSE_CLEAN_URLS");
    }

    #[test]
    fn each_variable_has_a_meaning() {
        let config = config(&[
            ("PATH", "/bin"),
            ("GLASSHOUSE_INDEX", "a.html, b.html"),
            ("GLASSHOUSE_HIDDEN", "Yes"),
            ("GLASSHOUSE_CONTENT_TYPE", "text/plain"),
            ("GLASSHOUSE_HEADER", "X-One: 1\nx-two:a: b "),
            ("GLASSHOUSE_BODY", "direct"),
            ("GLASSHOUSE_MIME", ".Foo=image/x-foo\nbar=text/x-bar"),
            ("GLASSHOUSE_CACHE", "60\n*.css=immutable"),
            ("GLASSHOUSE_NO_LISTING", "1"),
            ("GLASSHOUSE_ARCHIVE", "zip, tar"),
            ("GLASSHOUSE_ARCHIVE_MAX", "3g"),
            ("GLASSHOUSE_NO_README", "1"),
            ("GLASSHOUSE_LISTING_MAX", "5000"),
            ("GLASSHOUSE_PREFIX", "/a b/c/"),
        ]);
        assert_eq!(config.index.iter().map(Name::as_str).collect::<Vec<_>>(), ["a.html", "b.html"]);
        assert!(config.hidden == Dotfiles::Shown && !config.listing && config.precompressed && !config.readme);
        assert_eq!(config.listing_max, 5_000);
        assert_eq!(config.content_type.as_str(), "text/plain");
        assert_eq!(config.headers, [("X-One".into(), "1".into()), ("x-two".into(), "a: b".into())]);
        assert_eq!(config.body, BodyPath::Direct);
        assert_eq!(config.cache.len(), 2);
        assert_eq!(
            (config.archives.as_slice(), config.archive_max),
            (&[ArchiveFormat::Zip, ArchiveFormat::Tar][..], 3 << 30)
        );
        assert_eq!(config.prefix.as_ref().map(Target::path).as_deref(), Some("a b/c"));
        let media = |name| Name::new(name).map(|name| config.media_of(&name).as_str().to_owned());
        assert_eq!(media("x.FOO").as_deref(), Some("image/x-foo"));
        assert_eq!(media("x.unknown").as_deref(), Some("text/plain"));
    }

    #[test]
    fn a_file_is_the_usual_one_another_or_none() {
        for (text, expected) in
            [("1", Some("index.html")), ("", None), ("no", None), ("app/x.html", Some("app/x.html"))]
        {
            let config = config(&[("GLASSHOUSE_SPA", text)]);
            assert_eq!(config.spa.as_ref().map(Target::path).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn archives_can_be_switched_on_and_off() {
        for (text, expected) in [("off", &[][..]), ("on", ArchiveFormat::ALL), ("tar.gz", &[ArchiveFormat::TarGz])] {
            assert_eq!(config(&[("GLASSHOUSE_ARCHIVE", text)]).archives, expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        fails("GLASSHOUSE_ARCHIVE", "zip,rar", "'rar' is none of tar, tar.gz and zip; or give 'off'");
        for text in ["", "G", "+5", "-1", "1.5G", "1X", "5 G", "16777216T"] {
            let message = format!("'{text}' is no size; give a number of bytes, or one with K, M, G or T behind it");
            fails("GLASSHOUSE_ARCHIVE_MAX", text, &message);
        }
        fails("GLASSHOUSE_INDEX", "a/b", "'a/b' is no file name; give one without '/'");
        fails(
            "GLASSHOUSE_HIDDEN",
            "perhaps",
            "'perhaps' is neither 'true' nor 'false' nor a pattern of names that begin with a dot, as '.git/**' is",
        );
        fails("GLASSHOUSE_HEADER", "X-One 1", "'X-One 1' has no ':' between name and value");
        fails("GLASSHOUSE_HEADER", "X One: 1", "'X One' is no field name");
        fails("GLASSHOUSE_HEADER", "X: a\x07", "the value of 'X' has a control character in it");
        fails("GLASSHOUSE_HEADER", "Connection: close", "'Connection' is set by the server alone");
        for text in ["0", "250001", "+5", "many", ""] {
            let message = format!("'{text}' is no number of entries from 1 to 250000");
            fails("GLASSHOUSE_LISTING_MAX", text, &message);
        }
        fails("GLASSHOUSE_BODY", "magic", "'magic' is neither 'direct' nor 'pumped'");
        fails("GLASSHOUSE_SPA", "../x.html", "'../x.html' is no file below the directory");
        fails("GLASSHOUSE_SPA", "app/", "'app/' is a directory; name a file in it");
        fails(
            "GLASSHOUSE_MIME",
            "a.b=text/plain",
            "'a.b=text/plain' is about no single suffix; write it as 'ext=type/subtype'",
        );
        fails("GLASSHOUSE_HEADER_FOR", "*.css", "'*.css' is not GLOB NAME: VALUE");
        assert!(Config::from_pairs([("GLASSHOUSE_INDX", "x")]).is_err());
    }
}
