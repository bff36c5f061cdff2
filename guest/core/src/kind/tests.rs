//! What media types are held to: the seed's own table, row by row, and the differences from it with their reasons.

use super::*;

/// Every suffix of CPython 3.15.0rc1's built-in table with its type, none of the machine's `mime.types` in it.
const GOLDEN: &str = include_str!("../../../../tests/golden/mime-cpython-3.15rc1.tsv");

/// Suffix, our type, and why it is not the golden one.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (".3g2", "video/3gpp2", "registered for both; what phones record in it has a picture"),
    (".3gp", "video/3gpp", "as .3g2"),
    (".3gpp", "video/3gpp", "as .3g2"),
    (".3gpp2", "video/3gpp2", "as .3g2"),
    (".aif", "audio/aiff", "the name in WHATWG MIME Sniffing 6.2; neither is registered"),
    (".aifc", "audio/aiff", "as .aif"),
    (".aiff", "audio/aiff", "as .aif"),
    (".ass", "text/plain", "found as SubStation Alpha subtitles, hardly ever as an AAC stream; shown like .srt"),
    (".mif", "application/vnd.mif", "registered with IANA; x-mif is not"),
    (".obj", "model/obj", "registered with IANA; what a page loads by this suffix is a Wavefront model"),
    (".opus", "audio/ogg", "RFC 7845: the file is Ogg; audio/opus is the RTP payload (RFC 7587)"),
    (".rdf", "application/rdf+xml", "RFC 3870"),
    (".sgm", "text/sgml", "RFC 1874; x-sgml is not registered"),
    (".sgml", "text/sgml", "RFC 1874; x-sgml is not registered"),
    (".wav", "audio/wav", "Firefox has refused to play audio/vnd.wave; every browser plays audio/wav"),
];

fn essence_of(name: &str) -> Option<String> {
    let found = MediaType::of_name(name)?;
    Some(found.as_str().trim_end_matches(CHARSET).to_owned())
}

#[test]
fn types_are_golden_or_listed_with_a_reason() {
    let mut rows = 0;
    let mut listed = 0;
    for line in GOLDEN.lines() {
        let (suffix, golden) = line.split_once('\t').expect("suffix, tab, type");
        let ours = essence_of(&format!("f{suffix}")).unwrap_or_default();
        match DIFFERENCES.iter().find(|row| row.0 == suffix) {
            None => assert_eq!(ours, golden, "{suffix} is not listed"),
            Some(&(_, expected, why)) => {
                assert_eq!(ours, expected, "{suffix}: {why}");
                assert_ne!(ours, golden, "{suffix} is listed but does not differ");
                listed += 1;
            }
        }
        rows += 1;
    }
    assert_eq!(rows, 213);
    assert_eq!(listed, DIFFERENCES.len(), "a listed suffix is not in the golden table, or listed twice");
}

#[test]
fn tables_are_sorted_and_no_row_is_idle() {
    assert!(OVERRIDES.is_sorted_by(|a, b| a.0 < b.0));
    assert!(COMPRESSIBLE.is_sorted_by(|a, b| a < b));
    for &(suffix, essence) in OVERRIDES {
        assert_eq!(suffix, suffix.to_ascii_lowercase());
        assert_ne!(mime_guess::from_ext(suffix).first_raw(), Some(essence), "mime_guess knows {suffix}");
    }
    for essence in COMPRESSIBLE {
        assert!(!is_text(essence), "{essence} is compressible as text");
    }
    let all = OVERRIDES.iter().map(|row| row.1).chain(READY.iter().copied());
    for text in all.chain(COMPRESSIBLE.iter().copied()) {
        assert_eq!(MediaType::parse(text).as_ref().map(MediaType::as_str), Ok(text));
    }
}

#[test]
fn the_last_suffix_decides() {
    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(MediaType::of_name(name).as_ref().map(MediaType::as_str), expected, "{name:?}");
    }
    for (name, expected) in [
        ("f.PDF", Some("application/pdf")),
        ("f.JPG", Some("image/jpeg")),
        ("f.Py", Some("text/x-python; charset=utf-8")),
        ("a.tar.gz", Some("application/gzip")),
        ("a.html.gz", Some("application/gzip")),
        ("a.tgz", Some("application/x-tar")),
        ("a.TGZ", Some("application/x-tar")),
        ("a.Z", Some("application/octet-stream")),
        ("a.z", Some("application/octet-stream")),
        ("a.bz2", Some("application/x-bzip2")),
        ("a.xz", Some("application/x-xz")),
        ("a.html.br", Some("application/octet-stream")),
        ("a.zst", Some("application/zstd")),
        ("a.svgz", Some("application/gzip")),
        (".bashrc", None),
        (".html", None),
        ("..html", None),
        (".a.html", Some("text/html; charset=utf-8")),
        ("name.", None),
        ("a.html.", None),
        ("", None),
        (".", None),
        ("...", None),
        ("x.unknown", None),
        ("README", None),
        ("html", None),
        ("x.\u{e9}", None),
        ("caf\u{e9}.css", Some("text/css; charset=utf-8")),
        ("a.js", Some("text/javascript; charset=utf-8")),
        ("a.mjs", Some("text/javascript; charset=utf-8")),
        ("a.ts", Some("text/plain; charset=utf-8")),
        ("a.json", Some("application/json; charset=utf-8")),
        ("a.geojson", Some("application/geo+json; charset=utf-8")),
        ("a.webmanifest", Some("application/manifest+json; charset=utf-8")),
        ("a.svg", Some("image/svg+xml; charset=utf-8")),
        ("a.xml", Some("text/xml; charset=utf-8")),
        ("a.xsl", Some("application/xml; charset=utf-8")),
        ("a.xhtml", Some("application/xhtml+xml; charset=utf-8")),
        ("a.md", Some("text/markdown; charset=utf-8")),
        ("a.csv", Some("text/csv; charset=utf-8")),
        ("a.wasm", Some("application/wasm")),
        ("a.avif", Some("image/avif")),
        ("a.woff2", Some("font/woff2")),
        ("a.yaml", Some("application/yaml")),
        ("a.docx", Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document")),
    ] {
        check(name, expected);
    }
}

#[test]
fn types_of_common_names_cost_no_allocation() {
    for name in ["a.html", "a.css", "a.js", "a.json", "a.txt", "a.svg", "a.xml", "a.xsl", "a.md", "a.png", "a.ts"] {
        assert!(matches!(MediaType::of_name(name), Some(MediaType(Cow::Borrowed(_)))), "{name}");
    }
    assert_eq!(MediaType::of_name("a.html"), Some(MediaType::HTML));
    assert_eq!(MediaType::of_name("a.txt"), Some(MediaType::PLAIN));
    assert_eq!(MediaType::of_name("a.bin"), Some(MediaType::OCTET_STREAM));
}

#[test]
fn typed_media_types_are_read_whole_or_refused() {
    let good = "text/x; a=\"say \\\"hi\\\"; \\\\\";\tb=c ; d=\"\"";
    for (text, expected) in [
        ("text/html", "text/html"),
        ("Text/HTML;Charset=UTF-8", "text/html;Charset=UTF-8"),
        ("application/vnd.a+b-c", "application/vnd.a+b-c"),
        (good, good),
    ] {
        assert_eq!(MediaType::parse(text).as_ref().map(MediaType::as_str), Ok(expected), "{text:?}");
    }
    let (essence, parameters) = (Fault::Essence, Fault::Parameters);
    for (text, fault) in [
        ("", essence),
        ("/", essence),
        ("text", essence),
        ("text/", essence),
        ("/html", essence),
        ("text/html/x", essence),
        ("text /html", essence),
        (" text/html", essence),
        ("text/html\r\nX-Evil: 1", essence),
        ("text/html\n", essence),
        ("text/html\0", essence),
        ("text/h\u{e9}", essence),
        ("text/html, text/css", essence),
        (";charset=utf-8", essence),
        ("text/html ", parameters),
        ("text/html;", parameters),
        ("text/html; ", parameters),
        ("text/html;;a=b", parameters),
        ("text/html;a=b;", parameters),
        ("text/html;a=b ", parameters),
        ("text/html a=b", parameters),
        ("text/html; charset", parameters),
        ("text/html; charset=", parameters),
        ("text/html; =utf-8", parameters),
        ("text/html; a =b", parameters),
        ("text/html; a= b", parameters),
        ("text/html; a=b c", parameters),
        ("text/html; a=b\r\nX-Evil: 1", parameters),
        ("text/html; a=\"b", parameters),
        ("text/html; a=\"b\"c", parameters),
        ("text/html; a=\"b\\", parameters),
        ("text/html; a=\"b\r\n\"", parameters),
        ("text/html; a=\"\\\n\"", parameters),
        ("text/html; a=\"\u{e9}\"", parameters),
        ("text/html; a=\u{e9}", parameters),
    ] {
        assert_eq!(MediaType::parse(text), Err(MediaTypeError { text: text.to_owned(), fault }), "{text:?}");
    }
}

#[test]
fn errors_name_the_thing_and_the_way_out() {
    for (text, expected) in [
        ("a\r\nb", r#""a\r\nb" is not a media type: write type/subtype, as in text/html"#),
        ("a/b;", r#"media type "a/b;" has a malformed parameter: write it as in text/html; charset=utf-8"#),
    ] {
        assert_eq!(MediaType::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()));
    }
}

#[test]
fn compression_pays_for_what_is_text_or_raw() {
    for (name, expected) in [
        ("html txt css js mjs ts md csv py json geojson xml xsl svg xhtml rss webmanifest", true),
        ("wasm yaml toml sql cjs sh m3u8 obj gltf ttf otf ttc eot eml", true),
        ("png jpg gif webp avif ico mp3 ogg wav mp4 webm mkv woff woff2 pdf docx epub", false),
        ("zip gz tgz tar xz bz2 zst br 7z svgz bin exe glb", false),
    ]
    .into_iter()
    .flat_map(|(suffixes, expected)| suffixes.split(' ').map(move |suffix| (format!("f.{suffix}"), expected)))
    {
        let found = MediaType::of_name(&name).map(|found| found.is_compressible());
        assert_eq!(found, Some(expected), "{name}");
    }
    for (text, expected) in [("TEXT/X-Mine ;a=b", true), ("Application/JSON;a=b", true), ("image/x+xmlish", false)] {
        assert_eq!(MediaType::parse(text).map(|found| found.is_compressible()), Ok(expected), "{text}");
    }
}
