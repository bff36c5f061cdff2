//! Options by their variables: valid values, and the messages for invalid ones.

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
        ("GLASSHOUSE_MARKDOWN", "1"),
        ("GLASSHOUSE_LISTING_MAX", "5000"),
        ("GLASSHOUSE_PREFIX", "/a b/c/"),
    ]);
    assert_eq!(config.index.iter().map(Name::as_str).collect::<Vec<_>>(), ["a.html", "b.html"]);
    assert!(config.hidden == Dotfiles::Shown && !config.listing && config.precompressed && !config.readme);
    assert!(config.markdown && !Config::default().markdown);
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
    let media = |name| Name::new(name).map(|name| config.media_type_of(&name).as_str().to_owned());
    assert_eq!(media("x.FOO").as_deref(), Some("image/x-foo"));
    assert_eq!(media("x.unknown").as_deref(), Some("text/plain"));
}

/// A host that numbers open files counts from the preopen.
#[test]
fn a_root_below_the_preopen_is_read_by_the_handler() {
    for (root, body) in [("/srv", BodyPath::Pumped), ("/", BodyPath::Direct), ("", BodyPath::Direct)] {
        let config = config(&[("GLASSHOUSE_ROOT", root), ("GLASSHOUSE_BODY", "direct")]);
        assert_eq!((config.root.is_some(), config.body), (root == "/srv", body), "{root:?}");
    }
}

#[test]
fn a_file_is_the_usual_one_another_or_none() {
    for (text, expected) in [("1", Some("index.html")), ("", None), ("no", None), ("app/x.html", Some("app/x.html"))] {
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
fn an_invalid_value_is_named() {
    fails("GLASSHOUSE_ARCHIVE", "zip,rar", "invalid archive format 'rar': write tar, tar.gz, zip or off");
    for text in ["", "G", "+5", "-1", "1.5G", "1X", "5 G", "16777216T"] {
        let message = format!("invalid size '{text}': write a number of bytes, or one with K, M, G or T at its end");
        fails("GLASSHOUSE_ARCHIVE_MAX", text, &message);
    }
    fails("GLASSHOUSE_INDEX", "a/b", "invalid file name 'a/b': it must not contain '/'");
    fails(
        "GLASSHOUSE_HIDDEN",
        "perhaps",
        "'perhaps' is neither 'true' nor 'false' nor a pattern for names that begin with a dot, such as '.git/**'",
    );
    fails("GLASSHOUSE_HEADER", "X-One 1", "'X-One 1' has no ':' between name and value");
    fails("GLASSHOUSE_HEADER", "X One: 1", "invalid field name 'X One'");
    fails("GLASSHOUSE_HEADER", "X: a\x07", "the value of 'X' contains a control character");
    fails("GLASSHOUSE_HEADER", "Connection: close", "only the server sets 'Connection'; remove it");
    for text in ["0", "250001", "+5", "many", ""] {
        let message = format!("invalid number of entries '{text}': write one from 1 to 250000");
        fails("GLASSHOUSE_LISTING_MAX", text, &message);
    }
    fails("GLASSHOUSE_BODY", "magic", "'magic' is neither 'direct' nor 'pumped'");
    fails("GLASSHOUSE_ROOT", "/srv/../etc", "invalid path '/srv/../etc': it must not contain '.' or '..'");
    fails("GLASSHOUSE_SPA", "../x.html", "invalid file '../x.html': it must be below the directory");
    fails("GLASSHOUSE_SPA", "app/", "'app/' is a directory; name a file in it");
    fails("GLASSHOUSE_MIME", "a.b=text/plain", "invalid suffix in 'a.b=text/plain': write 'ext=type/subtype'");
    fails("GLASSHOUSE_HEADER_FOR", "*.css", "'*.css' is not GLOB NAME: VALUE");
    assert!(Config::from_pairs([("GLASSHOUSE_INDX", "x")]).is_err());
}
