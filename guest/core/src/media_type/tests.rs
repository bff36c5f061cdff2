//! Media types compared with the table of Python, row by row, and with the IANA registry. Each difference has a reason.

use crate::media_type::table::{NAMES, OVERRIDES, REGISTERED, STEMS, TEXT};
use crate::media_type::*;

/// Every suffix in the built-in table of CPython 3.15.0rc1, with its type, without `mime.types` of the machine.
const GOLDEN: &str = include_str!("../../../../tests/golden/mime-cpython-3.15rc1.tsv");

/// Suffix, our type, and the reason for the difference from Python.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (".3g2", "video/3gpp2", "registered for both; what phones record in it has a picture"),
    (".3gp", "video/3gpp", "as .3g2"),
    (".3gpp", "video/3gpp", "as .3g2"),
    (".3gpp2", "video/3gpp2", "as .3g2"),
    (".aif", "audio/aiff", "the name in WHATWG MIME Sniffing 6.2; neither is registered"),
    (".aifc", "audio/aiff", "as .aif"),
    (".aiff", "audio/aiff", "as .aif"),
    (".ass", "text/plain", "found as SubStation Alpha subtitles, hardly ever as an AAC stream; shown like .srt"),
    (".cjs", "text/javascript", "bundlers write scripts for pages with this suffix; application/node does not run"),
    (".csh", "text/plain", SOURCE),
    (".latex", "text/plain", SOURCE),
    (".man", "text/troff", "RFC 4263"),
    (".me", "text/troff", "RFC 4263"),
    (".mif", "application/vnd.mif", "registered with IANA; x-mif is not"),
    (".ms", "text/troff", "RFC 4263"),
    (".obj", "model/obj", "registered with IANA; what a page loads by this suffix is a Wavefront model"),
    (".opus", "audio/ogg", "RFC 7845: the file is Ogg; audio/opus is the RTP payload (RFC 7587)"),
    (".php", "text/plain", SOURCE),
    (".rdf", "application/rdf+xml", "RFC 3870"),
    (".roff", "text/troff", "RFC 4263"),
    (".sgm", "text/sgml", "RFC 1874; x-sgml is not registered"),
    (".sgml", "text/sgml", "RFC 1874; x-sgml is not registered"),
    (".sh", "text/plain", SOURCE),
    (".sql", "text/plain", SOURCE),
    (".t", "text/troff", "RFC 4263"),
    (".tcl", "text/plain", SOURCE),
    (".tex", "text/plain", SOURCE),
    (".texi", "text/plain", SOURCE),
    (".texinfo", "text/plain", SOURCE),
    (".toml", "text/plain", SOURCE),
    (".tr", "text/troff", "RFC 4263"),
    (".wav", "audio/wav", "Firefox has refused to play audio/vnd.wave; every browser plays audio/wav"),
    (".yaml", "text/plain", SOURCE),
    (".yml", "text/plain", SOURCE),
];

/// The reason for text/plain if another type is registered or usual.
const SOURCE: &str = "people read it, and browsers download the other type";

/// Suffix, our type, and the reason for the difference from the registry.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("ai", "application/pdf", "as in Python; Illustrator has written PDF since its version 9"),
    ("cjs", "text/javascript", "bundlers write scripts for pages with this suffix; application/node does not run"),
    ("cl", "text/plain", "OpenCL and Common Lisp; simple-filter+xml is a part of a message"),
    ("cwl", "text/plain", SOURCE),
    ("dart", "text/plain", SOURCE),
    ("deb", "application/x-debian-package", "as in Python; octet-stream says nothing"),
    ("dll", "application/vnd.microsoft.portable-executable", "as in Python; octet-stream says nothing"),
    ("ebuild", "text/plain", SOURCE),
    ("eclass", "text/plain", SOURCE),
    ("exe", "application/vnd.microsoft.portable-executable", "as in Python; octet-stream says nothing"),
    ("fbs", "text/plain", "a schema of FlatBuffers; FastBid sheets are rare"),
    ("m", "text/plain", "Objective-C and MATLAB, and packages of Mathematica are text as well"),
    ("mmd", "text/plain", "Mermaid and MultiMarkdown; files of that karaoke machine are rare"),
    ("mts", "text/plain", "TypeScript, as ts; films of camcorders are played by no browser"),
    ("nim", "text/plain", "Nim; the films of Nokia are rare"),
    ("nsh", "text/plain", "a header of NSIS; Notes are rare"),
    ("org", "text/plain", "Org mode; Lotus Organizer is gone"),
    ("pls", "audio/x-scpls", "a playlist of Winamp, of which players know this type; pls+xml is a lexicon"),
    ("pyo", "application/x-python-code", "as in Python"),
    ("rnc", "text/plain", SOURCE),
    ("rq", "text/plain", SOURCE),
    ("rs", "text/plain", "Rust; rls-services+xml is a part of a message"),
    ("sc", "text/plain", "Scala and SuperCollider; secure containers are rare"),
    ("scm", "text/plain", "Scheme; Lotus ScreenCam is gone"),
    ("sml", "text/plain", "Standard ML; SMIL is written as smil"),
    ("sql", "text/plain", SOURCE),
    ("svgz", "application/gzip", "without a content coding its bytes are gzip and no SVG parser takes them"),
    ("td", "text/plain", "TableGen; files of the URC are rare"),
    ("toml", "text/plain", SOURCE),
    ("tpl", "text/plain", "templates of many engines; Groove is gone"),
    ("ts", "text/plain", "TypeScript; HLS players go by the playlist"),
    ("wsdl", "application/xml", "as in Python"),
    ("yang", "text/plain", SOURCE),
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
fn types_are_registered_or_listed_with_a_reason() {
    let rows: Vec<(&str, &str)> = REGISTERED.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(rows.len() > 1_200, "{}", rows.len());
    let mut listed = 0;
    for (suffix, registered) in rows {
        for name in [format!("f.{suffix}"), format!("f.{}", suffix.to_ascii_uppercase())] {
            let ours = essence_of(&name).unwrap_or_default();
            match EXCEPTIONS.iter().find(|row| row.0 == suffix) {
                None => assert_eq!(ours, registered, "{name} is not listed"),
                Some(&(_, expected, why)) => {
                    assert_eq!(ours, expected, "{name}: {why}");
                    assert_ne!(ours, registered, "{name} is listed but does not differ");
                    listed += 1;
                }
            }
        }
    }
    assert_eq!(listed, 2 * EXCEPTIONS.len(), "a listed suffix is not registered, or listed twice");
}

#[test]
fn tables_are_sorted_and_no_row_is_idle() {
    assert!(OVERRIDES.is_sorted_by(|a, b| a.0 < b.0));
    let rows: Vec<(&str, &str)> = REGISTERED.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
    for table in [TEXT, NAMES, STEMS, COMPRESSIBLE] {
        assert!(table.is_sorted_by(|a, b| a < b), "{table:?}");
    }
    let beneath = |suffix: &str| {
        let row = rows.iter().find(|row| row.0 == suffix).map(|row| row.1);
        row.or_else(|| mime_guess::from_ext(suffix).first_raw())
    };
    let text = TEXT.iter().map(|suffix| (*suffix, "text/plain"));
    for (suffix, essence) in OVERRIDES.iter().copied().chain(text) {
        assert_eq!(suffix, suffix.to_ascii_lowercase());
        assert_ne!(beneath(suffix), Some(essence), "the tables below know {suffix}");
        let twice = OVERRIDES.iter().any(|row| row.0 == suffix) && TEXT.contains(&suffix);
        assert!(!twice, "{suffix} is there twice");
    }
    for name in NAMES.iter().chain(STEMS) {
        assert_eq!(*name, name.to_ascii_lowercase());
        assert_eq!(essence_of(name).as_deref(), Some("text/plain"), "{name}");
    }
    for essence in COMPRESSIBLE {
        assert!(!is_text(essence), "{essence} is compressible as text");
    }
    let all = OVERRIDES.iter().map(|row| row.1).chain(READY.iter().copied()).chain(rows.iter().map(|row| row.1));
    for text in all.chain(COMPRESSIBLE.iter().copied()) {
        assert_eq!(MediaType::parse(text).as_ref().map(MediaType::as_str), Ok(text));
    }
}

/// Formats that people serve today, with the types that browsers, players and viewers require.
#[test]
fn formats_in_use_have_their_types() {
    for (suffixes, expected) in [
        ("avif", "image/avif"),
        ("jxl", "image/jxl"),
        ("heic", "image/heic"),
        ("ktx2", "image/ktx2"),
        ("psd", "image/vnd.adobe.photoshop"),
        ("exr", "image/aces"),
        ("glb", "model/gltf-binary"),
        ("gltf", "model/gltf+json"),
        ("usdz", "model/vnd.usdz+zip"),
        ("mtl", "model/mtl"),
        ("obj", "model/obj"),
        ("stl", "model/stl"),
        ("3mf", "model/3mf"),
        ("step stp", "model/step"),
        ("m4s", "video/iso.segment"),
        ("m2ts m2t", "video/mp2t"),
        ("mpd", "application/dash+xml"),
        ("m3u8", "application/vnd.apple.mpegurl"),
        ("opus oga ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("m4a m4b", "audio/mp4"),
        ("pmtiles", "application/vnd.pmtiles"),
        ("mvt", "application/vnd.mapbox-vector-tile"),
        ("gpkg", "application/geopackage+sqlite3"),
        ("kmz", "application/vnd.google-earth.kmz"),
        ("parquet", "application/vnd.apache.parquet"),
        ("arrow feather", "application/vnd.apache.arrow.file"),
        ("arrows", "application/vnd.apache.arrow.stream"),
        ("cbor", "application/cbor"),
        ("map har tfstate", "application/json"),
        ("ipynb", "application/x-ipynb+json"),
        ("jsonld", "application/ld+json"),
        ("webmanifest", "application/manifest+json"),
        ("wasm", "application/wasm"),
        ("woff2", "font/woff2"),
        ("mjs js cjs jsx", "text/javascript"),
        ("wgsl", "text/wgsl"),
        ("vtt", "text/vtt"),
        ("ttl", "text/turtle"),
        ("zst", "application/zstd"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("tbz tbz2 tgz txz tzst", "application/x-tar"),
    ] {
        for suffix in suffixes.split(' ') {
            assert_eq!(essence_of(&format!("f.{suffix}")).as_deref(), Some(expected), "{suffix}");
        }
    }
}

/// Sources and settings: a browser shows them instead of downloading them.
#[test]
fn sources_and_settings_are_text_in_a_browser() {
    let suffixes = "adb adoc ads asm awk bash bat bib c cc cfg clj cljs cls cmake cmd coffee conf cpp cr cs csh csproj css \
        csv cts cu cxx d dart desktop diff edn el elm env erb erl ex exs f90 fish frag fs fsx glsl go gql gradle graphql \
        groovy h haml hbs hcl hh hlsl hpp hrl hs htm ini ino jade java jinja jl js json5 jsonc jsonl jsx kdl ksh kt kts \
        latex less lhs lisp ll lock log lua m m4 mak markdown md mdx metal mjs mk ml mli mm mts ndjson nim ninja nix org \
        pas patch php phtml pl pm po prisma properties proto ps1 psm1 pug py pyi pyx qml r rb re rkt rmd robot ron rs rst \
        ru s sass sbt sc scala scm scss sed service sh sol sql srt sty sum sv svelte svh swift target tcl tex text tf \
        tfvars thrift toml tpl ts tsv tsx twig txt typ v vala vb vert vhdl vim vtt vue wat wgsl yaml yml zig zsh";
    let names = "Makefile makefile GNUmakefile Dockerfile Dockerfile.dev Containerfile Jenkinsfile Vagrantfile Gemfile \
        Rakefile Procfile Pipfile BUILD WORKSPACE LICENSE LICENSE-MIT LICENCE COPYING COPYING.LESSER README README.zh NEWS \
        AUTHORS CHANGELOG TODO NOTICE VERSION CODEOWNERS go.mod go.sum Cargo.lock Gemfile.lock CMakeLists.txt configure.ac \
        Makefile.am Makefile.in SHA256SUMS Release InRelease .gitignore .gitattributes .dockerignore .editorconfig .env \
        .env.local .bashrc .npmrc .htaccess .config.toml";
    let suffixed = suffixes.split_ascii_whitespace().map(|suffix| format!("f.{suffix}"));
    for name in suffixed.chain(names.split_ascii_whitespace().map(str::to_owned)) {
        let found = MediaType::of_name(&name);
        let text = found.as_ref().map(MediaType::as_str).unwrap_or_default();
        assert!(text.starts_with("text/") && text.ends_with(CHARSET), "{name}: {text:?}");
    }
    // A browser must not run them: text/plain is neither a page nor a script.
    for table in [TEXT, NAMES, STEMS] {
        for word in table {
            let name = if table == TEXT { format!("f.{word}") } else { (*word).to_owned() };
            assert_eq!(MediaType::of_name(&name), Some(MediaType::PLAIN), "{name}");
        }
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
        (".bashrc", Some("text/plain; charset=utf-8")),
        (".unknown", None),
        (".html", None),
        ("..html", None),
        (".a.html", Some("text/html; charset=utf-8")),
        ("name.", None),
        ("a.html.", None),
        ("", None),
        (".", None),
        ("...", None),
        ("x.unknown", None),
        ("README", Some("text/plain; charset=utf-8")),
        ("readme.PDF", Some("application/pdf")),
        ("go.mod", Some("text/plain; charset=utf-8")),
        ("film.mod", Some("video/mpeg")),
        (".zarray", Some("application/json; charset=utf-8")),
        (".env.production", Some("text/plain; charset=utf-8")),
        ("environment", None),
        ("Makefiles", None),
        ("license", Some("text/plain; charset=utf-8")),
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
        ("a.yaml", Some("text/plain; charset=utf-8")),
        ("a.dtd", Some("application/xml-dtd; charset=utf-8")),
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
fn media_types_of_options_are_read_completely_or_refused() {
    let good = "text/x; a=\"say \\\"hi\\\"; \\\\\";\tb=c ; d=\"\"";
    for (text, expected) in [
        ("text/html", "text/html"),
        ("Text/HTML;Charset=UTF-8", "text/html;Charset=UTF-8"),
        ("application/vnd.a+b-c", "application/vnd.a+b-c"),
        (good, good),
    ] {
        assert_eq!(MediaType::parse(text).as_ref().map(MediaType::as_str), Ok(expected), "{text:?}");
    }
    let (essence, parameters) = (InvalidPart::Essence, InvalidPart::Parameters);
    for (text, part) in [
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
        assert_eq!(MediaType::parse(text), Err(MediaTypeError { text: text.to_owned(), part }), "{text:?}");
    }
}

#[test]
fn errors_name_the_thing_and_the_fix() {
    for (text, expected) in [
        ("a\r\nb", r#""a\r\nb" is not a media type: write type/subtype, such as text/html"#),
        ("a/b;", r#"media type "a/b;" has an invalid parameter: write it as in text/html; charset=utf-8"#),
    ] {
        assert_eq!(MediaType::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()));
    }
}

#[test]
fn text_and_uncompressed_formats_are_compressible() {
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
