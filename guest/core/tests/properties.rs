//! The checks of the fuzz targets on stable Rust, within seconds: over generated input and over the stored seeds.

mod checks;

use proptest::prelude::*;
use proptest::sample::select;
use std::path::Path;

/// An input that once failed is stored as a seed. Fuzzing starts with it too.
fn cases() -> ProptestConfig {
    ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() }
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

/// Concatenated pieces.
fn joined(pieces: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(pieces, 0..most).prop_map(|pieces| pieces.concat())
}

fn path() -> impl Strategy<Value = String> {
    let known = words(&[
        "/",
        "/hello.txt",
        "/page.html",
        "/page",
        "/app.js",
        "/sub",
        "/deep",
        "/list",
        "/clash",
        "/dir.html",
        "/.env",
        "/.well-known",
        "/glasshouse.toml",
        "/index.html",
        "/404.html",
        "/link.txt",
        "/linkdir",
        "/out",
        "/loop",
        "/empty.txt",
        "/ancient.txt",
        "/undated.txt",
        "/nothing",
        "/a%20b%26c.txt",
        "/under",
        "/?download=tar",
        "/?download=zip",
        "?download=tar.gz",
        "/helo.txt",
    ]);
    let query = words(&[
        "?sort=size&order=desc",
        "&sort=modified",
        "?search=a",
        "?search=%3Cimg",
        "&view=grid",
        "&view=list",
        "?format=json",
        "&format=text",
        "&only=a",
        "&only=hello.txt",
        "&only=deep/",
    ]);
    let hostile = words(&[
        "..", ".", "/..", "%2e", "%2F", "%5c", "\\", "//", "%00", "%c3%a9", "%ff", "%", "%4", "?", "#", "*", ":", "\r",
    ]);
    let start = prop_oneof![19 => Just("/".to_owned()), 1 => Just(String::new())];
    let pieces = joined(prop_oneof![12 => known, 3 => query, 5 => hostile, 1 => "[ -~é]{1,3}"], 5);
    (start, pieces).prop_map(|(start, pieces)| if pieces.starts_with('/') { pieces } else { start + &pieces })
}

fn ranges() -> impl Strategy<Value = String> {
    let between = (0..400_u64, 0..400_u64).prop_map(|(first, more)| format!("{first}-{}", first + more));
    let any = prop_oneof!["[0-9]{0,21}-[0-9]{0,21}", "[ ,\t=-]{0,2}"];
    let one = prop_oneof![12 => between, 2 => "[0-9]{1,3}-", 2 => "-[0-9]{1,3}", 1 => any];
    prop::collection::vec(one, 1..5).prop_map(|ranges| format!("bytes={}", ranges.join(",")))
}

fn tags() -> impl Strategy<Value = String> {
    joined(
        prop_oneof![
            3 => words(&["\"3c-2ebc98a1.5\"", "\"5dc-2ebc98a1.5\"", "W/\"5dc-2ebc98a1.5-gzip\"", "*", "\"a,b\""]),
            3 => words(&[",", ", ", " ", "\n", "W/", "\""]),
            1 => "[ -~é]{0,4}",
        ],
        6,
    )
}

fn dates() -> impl Strategy<Value = String> {
    let moments = words(&[
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:36 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 +0000",
    ]);
    let seconds = prop_oneof![any::<i64>(), 0..260_000_000_000_i64].prop_map(|seconds| seconds.to_string());
    let spoiled = (moments, any::<prop::sample::Index>(), "[ -~]").prop_map(|(moment, at, piece)| {
        let at = at.index(moment.len());
        moment.chars().take(at).chain(piece.chars()).chain(moment.chars().skip(at + 1)).collect()
    });
    prop_oneof![seconds, spoiled, dates_as_they_are()]
}

fn dates_as_they_are() -> impl Strategy<Value = String> {
    words(&["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:38 GMT", "Sun Nov  6 08:49:36 1994"])
}

fn accepted() -> impl Strategy<Value = String> {
    let names = words(&[
        "br",
        "gzip",
        "x-gzip",
        "zstd",
        "identity",
        "*",
        "text/html",
        "application/json",
        "text/plain",
        "text/*",
        "*/*",
        "a/b",
        "\"",
        "\\",
    ]);
    let rest = words(&[";q=0", ";q=1", ";q=0.5", ";q=0.123", ";q=2", "; Q=0.1", ";a=\"b,\"", ",", ", ", "\n", " "]);
    joined(prop_oneof![names, rest], 9)
}

/// Lines of the value of an option.
fn option() -> impl Strategy<Value = String> {
    let switches = words(&[
        "clean-urls=1",
        "compress=1",
        "hidden=1",
        "hidden=.git/**",
        "hidden=**/.hidden*",
        "hidden=sub/deep/.hidden.html",
        "hidden=.*/config",
        "isolate=1",
        "live=1",
        "no-listing=1",
        "no-precompressed=1",
        "archive=zip,tar",
        "archive=off",
        "archive-max=1500",
        "no-readme=1",
        "grid=1",
        "listing-max=3",
        "markdown=1",
        "index=README.md",
        "cors=*",
        "spa=1",
        "cors=https://a.example",
        "spa=page.html",
        "not-found=no",
        "not-found=glasshouse.toml",
        "prefix=under/a b",
        "content-type=text/plain",
        "mime=png=image/svg+xml",
        "cache=60",
        "cache=*.html=no-store",
        "index=",
        "index=index.htm,glasshouse.toml",
        "index=.hidden.html",
        "header=X-A: b",
        "header=Vary: Cookie",
        "header=ETag: \"x\"",
        "header-for=**/*.txt Cache-Control: private",
        "redirect=/old* /*",
        "redirect=/nothing* https://b.example*",
        "redirect=/sub/* /list/* 308",
        "redirect=/list /hello.txt#a 302",
    ]);
    let any = ("(cache|header|header-for|hidden|mime|index|prefix|redirect|cors|spa)", "[ -~]{0,12}");
    prop_oneof![9 => switches, 1 => any.prop_map(|(name, value)| format!("{name}={value}"))]
}

fn field() -> impl Strategy<Value = String> {
    let named =
        |name: &'static str, value: BoxedStrategy<String>| value.prop_map(move |value| format!("{name}: {value}"));
    let one_line = |value: BoxedStrategy<String>| value.prop_map(|value| value.replace('\n', " ")).boxed();
    prop_oneof![
        3 => named("range", ranges().boxed()),
        1 => named("if-match", one_line(tags().boxed())),
        1 => named("if-none-match", one_line(tags().boxed())),
        1 => named("if-modified-since", dates_as_they_are().boxed()),
        1 => named("if-unmodified-since", dates_as_they_are().boxed()),
        1 => named("if-range", prop_oneof![one_line(tags().boxed()), dates_as_they_are()].boxed()),
        3 => named("accept-encoding", one_line(accepted().boxed())),
        1 => named("accept", one_line(accepted().boxed())),
        1 => words(&["origin: https://a.example", "origin: null", "access-control-request-method: GET"]),
    ]
}

fn markdown() -> impl Strategy<Value = String> {
    let pieces = words(&[
        "# ",
        "\n",
        "\n\n",
        "    ",
        "> ",
        "* ",
        "1. ",
        "- ",
        "```",
        "`",
        "~~",
        "**",
        "_",
        "[",
        "](",
        ")",
        "![",
        "](<",
        ">)",
        "<",
        ">",
        "</p>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<img src=x onerror=x>",
        "<a@b.c>",
        "<javascript:x>",
        "javascript:x",
        "data:x",
        "//e.x/",
        "https://e.x",
        "&#106;",
        "&colon;",
        "&lt;",
        "\\",
        "\"",
        "'",
        "\t",
        "\r",
        "|",
        "\n|:-:|\n",
        "---\n",
        "[a]: ",
        "[^a]",
        "[^b]",
        "\n[^a]: ",
        "- [x] ",
        "## ",
        "\u{1}",
    ]);
    joined(prop_oneof![8 => pieces, 1 => "[ -~é]{1,4}"], 24)
}

fn exchange() -> impl Strategy<Value = String> {
    let method = prop_oneof![8 => Just("GET"), 1 => Just("HEAD"), 1 => Just("OPTIONS"), 1 => Just("POST")];
    let (options, fields) = (prop::collection::vec(option(), 0..4), prop::collection::vec(field(), 0..4));
    (options, method, path(), fields).prop_map(|(options, method, path, fields)| {
        let lines = options.into_iter().chain([format!("{method} {path}")]).chain(fields);
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// Lines of a `glasshouse.toml`, most of them valid.
fn site_file() -> impl Strategy<Value = String> {
    let names = words(&[
        "archive",
        "archive-max",
        "cache",
        "clean-urls",
        "compress",
        "content-type",
        "cors",
        "grid",
        "header",
        "header-for",
        "hidden",
        "index",
        "isolate",
        "listing-max",
        "live",
        "markdown",
        "mime",
        "no-listing",
        "no-site-file",
        "not-found",
        "prefix",
        "redirect",
        "spa",
        "clean-url",
        "body",
        "file",
    ]);
    let texts = words(&[
        "true",
        "'on'",
        "60",
        "'1M'",
        "'/a /b'",
        "['.env', 'page.html']",
        "'.git/config'",
        "'*'",
        "'X-Accel-Redirect: /x'",
        "['Vary: A', 'Set-Cookie: b']",
        "'*.html Cache-Control: max-age=5'",
        "'Cache-Control: Public'",
        "['zip', 'tar']",
        "'png=text/html'",
        "{ a = 1 }",
        "[[]]",
        "1.5",
        "\"\"\"\nLink: <a>\nAge: 1\"\"\"",
    ]);
    let option =
        (names, prop_oneof![8 => texts, 1 => "[ -~]{0,12}"]).prop_map(|(name, text)| format!("{name} = {text}\n"));
    joined(
        prop_oneof![12 => option, 1 => words(&["[spa]\n", "# \u{202e}\n", "\u{feff}", "\r\n", "'\\u001b' = 1\n"])],
        5,
    )
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn targets(text in path()) {
        checks::target(text.as_bytes());
    }

    #[test]
    fn sets_of_ranges(size in prop_oneof![0..1_000_u64, any::<u64>()], value in ranges()) {
        checks::range(format!("{size} {value}").as_bytes());
    }

    #[test]
    fn entity_tags(text in tags()) {
        checks::etag(text.as_bytes());
    }

    #[test]
    fn what_is_accepted(text in accepted()) {
        checks::accept(text.as_bytes());
    }

    #[test]
    fn moments(text in dates()) {
        checks::date(text.as_bytes());
    }

    #[test]
    fn readmes(text in markdown()) {
        checks::readme(text.as_bytes());
    }

    #[test]
    fn files_of_sites(text in site_file()) {
        checks::site(text.as_bytes());
    }

    #[test]
    fn answers(text in exchange()) {
        checks::decide(text.as_bytes());
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        for (_, check) in checks::ALL {
            check(&bytes);
        }
    }
}

/// The seeds of the fuzz targets, and the inputs that they have found.
#[test]
#[expect(clippy::disallowed_methods, reason = "the core reads through `Tree`, its tests read their seeds")]
fn seeds() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, check) in checks::ALL {
        let seeds: Vec<_> = std::fs::read_dir(all.join(name)).expect("each check has seeds").collect();
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            let path = seed.expect("an entry").path();
            // The message of a check has the input; this adds the file.
            println!("{}", path.display());
            check(&std::fs::read(path).expect("a seed"));
        }
    }
}
