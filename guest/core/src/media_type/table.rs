//! The media type of a file name, without parameters. The tables of this file come first, then the IANA registry, then
//! `mime_guess`, which also has types that are not registered.

/// Suffix (lower case, sorted) and type, where the other tables have none or a worse one. A row without a remark is
/// that of CPython 3.15, which follows newer registrations than `mime_guess` does (RFC 8216 playlists, 9559 Matroska),
/// or the type that browsers and tools require.
///
/// `.xml` is missing: all tables have text/xml, which RFC 7303 9.2 makes an alias of application/xml.
/// `.mod` is missing: `go.mod` is text by its whole name, and other files with the suffix (films, music) are not text.
pub(super) const OVERRIDES: &[(&str, &str)] = &[
    ("3gpp2", "video/3gpp2"), // As `.3g2` in `mime_guess`.
    ("a", "application/octet-stream"),
    ("ai", "application/pdf"),
    ("applescript", "text/plain"),
    ("arb", "application/json"),
    ("ass", "text/plain"), // Subtitles; see DIFFERENCES in the tests.
    ("automount", "text/plain"),
    ("avi", "video/vnd.avi"),
    ("avsc", "application/json"),
    ("bat", "text/plain"),
    ("br", "application/octet-stream"), // Brotli has a coding name but no media type.
    ("cdf", "application/x-netcdf"),
    ("cjs", "text/javascript"), // Bundlers write scripts for pages with this suffix; application/node does not run.
    ("cts", "text/plain"),      // See `ts`.
    ("dds", "image/vnd.ms-dds"),
    ("deb", "application/x-debian-package"),
    ("dll", "application/vnd.microsoft.portable-executable"),
    ("dockerfile", "text/plain"),
    ("exe", "application/vnd.microsoft.portable-executable"),
    ("feather", "application/vnd.apache.arrow.file"), // Its second version is an Arrow file.
    ("h5", "application/x-hdf5"),
    ("handlebars", "text/plain"),
    ("har", "application/json"),
    ("hjif", "haptics/hjif"),
    ("hmpg", "haptics/hmpg"),
    ("importmap", "application/importmap+json"), // HTML requires it.
    ("ipynb", "application/x-ipynb+json"),       // Not registered; Jupyter sends it.
    ("ivs", "haptics/ivs"),
    ("ksh", "text/plain"),
    ("libsonnet", "text/plain"),
    ("litcoffee", "text/plain"),
    ("loas", "audio/aac"),
    ("m3u", "application/vnd.apple.mpegurl"),
    ("mk3d", "video/matroska-3d"),
    ("mka", "audio/matroska"),
    ("mkv", "video/matroska"),
    ("msgpack", "application/vnd.msgpack"), // Registered with IANA.
    ("mts", "text/plain"),                  // See `ts`.
    ("o", "application/octet-stream"),
    ("pl", "text/plain"),
    ("pls", "audio/x-scpls"), // A playlist; players know this type. See EXCEPTIONS in the tests.
    ("pmtiles", "application/vnd.pmtiles"), // Registered with IANA.
    ("properties", "text/plain"),
    ("py", "text/x-python"),
    ("pyc", "application/x-python-code"),
    ("pyo", "application/x-python-code"),
    ("ram", "application/x-pn-realaudio"),
    ("rpm", "application/x-rpm"),
    ("rst", "text/x-rst"),
    ("srt", "text/plain"),
    ("svgz", "application/gzip"), // Without a content coding, no SVG parser reads its gzip bytes.
    ("swiftinterface", "text/plain"),
    ("taz", "application/x-tar"), // PY-54: for Python, taz, tbz2, tgz, txz and tz are tar files without a coding.
    ("tbz", "application/x-tar"),
    ("tbz2", "application/x-tar"),
    ("tfstate", "application/json"),
    ("tgz", "application/x-tar"),
    ("topojson", "application/json"),
    // TypeScript, not an MPEG transport stream: people read sources, and every browser shows text/plain, while HLS
    // players use the playlist. `--mime ts=video/mp2t` changes it.
    ("ts", "text/plain"),
    ("tsx", "text/plain"), // See `ts`.
    ("txz", "application/x-tar"),
    ("tz", "application/x-tar"),
    ("tzst", "application/x-tar"),
    ("wsdl", "application/xml"),
    ("xlb", "application/vnd.ms-excel"),
    ("xpdl", "application/xml"),
    ("z", "application/octet-stream"), // PY-53: as `.Z` in Python.
];

/// Suffixes (lower case, sorted) of sources and settings. People read them, and every browser shows text/plain. If
/// another type is registered, EXCEPTIONS in the tests has the reason.
#[rustfmt::skip]
pub(super) const TEXT: &[&str] = &[
    "abnf", "ada", "adb", "adoc", "ads", "agda", "ahk", "am", "as", "asciidoc", "asmdef", "astro", "au3", "avdl", "awk",
    "bash", "bats", "bazel", "bib", "bicep", "bnf", "bst", "bzl", "c++", "cabal", "cairo", "capnp", "cbl", "cginc",
    "changes", "cl", "clj", "cljc", "cljs", "cls", "cmake", "cmakein", "cob", "coffee", "comp", "control", "cppm", "cr",
    "csh", "cshtml", "cson", "csx", "cu", "cue", "cuh", "cwl", "cyp", "cypher", "d", "d2", "dart", "desktop", "dhall",
    "di", "diff", "do", "dpr", "dtsi", "dtx", "dune", "ebnf", "ebuild", "eclass", "edn", "eex", "ejs", "el", "elm",
    "elv", "env", "envrc", "erb", "erl", "err", "ex", "exs", "f", "f03", "f08", "f77", "f90", "f95", "fa", "factor",
    "fasta", "fastq", "fbs", "feature", "fish", "fnl", "for", "fq", "frag", "fs", "fsi", "fsproj", "fsx", "ftn", "g4",
    "gcode", "gd", "gdshader", "gemspec", "geom", "gff", "gjs", "gleam", "glsl", "gnuplot", "go", "gohtml", "gotmpl",
    "gp", "gql", "gradle", "graphql", "groovy", "gtf", "gts", "h++", "haml", "hbs", "hcl", "heex", "hip", "hjson",
    "hlsl", "hocon", "hrl", "hs", "http", "hurl", "hx", "idr", "ii", "inf", "ino", "ipp", "ispc", "iss", "ixx", "j2",
    "jade", "jags", "janet", "java", "jbuilder", "jinja", "jinja2", "jison", "jl", "json5", "jsonc", "jsonl", "jsonnet",
    "jsp", "kdl", "kql", "ksy", "kt", "kts", "l", "lark", "latex", "lean", "less", "lex", "lhs", "liquid", "lisp", "ll",
    "lock", "lsp", "ltx", "lua", "ly", "m", "m4", "make", "makefile", "marko", "md5", "mdx", "mermaid", "meson",
    "metal", "mjml", "ml", "mli", "mlir", "mm", "mmd", "moon", "mount", "move", "mustache", "nasm", "ndjson", "netdev",
    "network", "nf", "nfo", "nim", "nimble", "ninja", "nix", "njk", "nomad", "nsh", "nsi", "nu", "nush", "nut", "odin",
    "ohm", "opam", "org", "p", "pas", "patch", "pbtxt", "pde", "peg", "pegjs", "pest", "php", "php3", "php4", "php5",
    "phps", "phtml", "pkl", "plantuml", "plist", "plt", "plx", "pm", "po", "pod", "podspec", "pony", "pp", "pri",
    "prisma", "pro", "props", "proto", "prototxt", "ps1", "psd1", "psm1", "pug", "puml", "purs", "pxd", "pyi", "pyst",
    "pyw", "pyx", "ql", "qmd", "qml", "r", "rake", "raku", "rakumod", "raml", "razor", "rb", "rbi", "rbs", "rd", "re",
    "rego", "rei", "resi", "rhtml", "rkt", "rmd", "rnc", "rnw", "robot", "roc", "rockspec", "ron", "rprofile", "rproj",
    "rq", "rs", "ru", "ruby", "rules", "sas", "sass", "sbt", "sc", "scad", "scala", "scm", "scss", "sed", "service",
    "sh", "sha1", "sha224", "sha256", "sha384", "sha512", "shader", "slice", "slim", "smithy", "smk", "sml", "socket",
    "sparql", "spec", "sps", "sql", "ss", "ssa", "stan", "star", "starlark", "strings", "sty", "styl", "stylus", "sum",
    "surql", "sv", "svelte", "svh", "swift", "target", "targets", "tcc", "tcl", "tcsh", "td", "templ", "tesc", "tese",
    "tex", "texi", "texinfo", "textile", "tf", "tfvars", "thrift", "thy", "timer", "tk", "tla", "tmpl", "toml", "tpl",
    "tpp", "tres", "tscn", "twig", "typ", "uss", "uxml", "v", "vala", "vapi", "vbs", "vert", "vhdl", "vim", "vimrc",
    "vtl", "vue", "wast", "wat", "wdl", "wit", "wl", "work", "xonshrc", "xs", "xsh", "y", "yaml", "yang", "yml", "yy",
    "zig", "zon", "zsh", "zshrc",
];

/// Whole names (lower case, sorted) of text files without a suffix, or with a misleading one.
#[rustfmt::skip]
pub(super) const NAMES: &[&str] = &[
    ".babelrc", ".bash_aliases", ".bash_logout", ".bash_profile", ".bashrc", ".browserslistrc", ".clang-format",
    ".clang-tidy", ".clangd", ".curlrc", ".cvsignore", ".dockerignore", ".editorconfig", ".env", ".envrc",
    ".eslintignore", ".flake8", ".gdbinit", ".gemrc", ".gitattributes", ".gitconfig", ".gitignore", ".gitkeep",
    ".gitmodules", ".hgignore", ".htaccess", ".inputrc", ".mailmap", ".node-version", ".npmignore", ".npmrc", ".nvmrc",
    ".prettierignore", ".prettierrc", ".profile", ".pylintrc", ".python-version", ".rspec", ".ruby-version",
    ".screenrc", ".tool-versions", ".vimrc", ".wgetrc", ".yarnrc", ".zprofile", ".zshenv", ".zshrc", "_headers",
    "_redirects", "brewfile", "build", "cname", "codeowners", "config", "configure", "configure.ac", "contributors",
    "credits", "crontab", "emakefile", "fastfile", "gnumakefile", "go.mod", "guardfile", "hacking", "history",
    "inrelease", "install", "justfile", "kbuild", "kconfig", "maintainers", "md5sums", "news", "owners", "packages",
    "patents", "pkgbuild", "podfile", "rakefile", "release", "sconscript", "sconstruct", "security", "sha1sums",
    "sha256sums", "sha512sums", "sources", "thanks", "unlicense", "version", "workspace",
];

/// The same, also before `.` or `-`: `Dockerfile.dev`, `LICENSE-MIT`, `.env.local`.
#[rustfmt::skip]
pub(super) const STEMS: &[&str] = &[
    ".env", "authors", "caddyfile", "changelog", "changes", "containerfile", "contributing", "copying", "copyright",
    "dockerfile", "gemfile", "jenkinsfile", "licence", "license", "makefile", "notice", "pipfile", "procfile", "readme",
    "todo", "vagrantfile",
];

/// Whole names of JSON files: the metadata of a zarr store of version 2, and settings of tools.
const JSON: &[&str] =
    &[".eslintrc", ".jshintrc", ".swcrc", ".watchmanconfig", ".zarray", ".zattrs", ".zgroup", ".zmetadata"];

/// Suffix and registered type, sorted, one pair on each line, after lines that begin with `#`.
pub(super) const REGISTERED: &str = include_str!("registered.tsv");

/// The type of a file with this name, or `None` if no table has it.
pub(super) fn essence(name: &str) -> Option<&'static str> {
    let suffix = crate::media_type::suffix(name);
    let known = suffix.filter(|_| !has(NAMES, name)).and_then(of_suffix);
    known.or_else(|| of_whole(name))
}

fn of_suffix(suffix: &str) -> Option<&'static str> {
    let own = OVERRIDES.binary_search_by(|(key, _)| compare(key, suffix)).ok().and_then(|row| OVERRIDES.get(row));
    match own {
        Some(&(_, essence)) => Some(essence),
        None if has(TEXT, suffix) => Some("text/plain"),
        None => registered(suffix).or_else(|| mime_guess::from_ext(suffix).first_raw()),
    }
}

fn of_whole(name: &str) -> Option<&'static str> {
    // Leading dots are part of the stem.
    let rest = name.trim_start_matches('.');
    let end = rest.find(['.', '-']).and_then(|end| rest.get(end..));
    match name.strip_suffix(end.unwrap_or_default()) {
        _ if JSON.iter().any(|known| known.eq_ignore_ascii_case(name)) => Some("application/json"),
        _ if has(NAMES, name) => Some("text/plain"),
        Some(stem) if has(STEMS, stem) => Some("text/plain"),
        _ => None,
    }
}

/// Whether a sorted table of words in lower case has a word, whatever its case.
fn has(table: &[&str], word: &str) -> bool {
    table.binary_search_by(|key| compare(key, word)).is_ok()
}

/// Compares a key in lower case with a word, whatever its case.
fn compare(key: &str, word: &str) -> std::cmp::Ordering {
    key.bytes().cmp(word.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Looks up a suffix in [`REGISTERED`] by binary search.
fn registered(suffix: &str) -> Option<&'static str> {
    let mut rest = REGISTERED;
    while !rest.is_empty() {
        let half = rest.get(..rest.len() / 2)?;
        let before = half.rfind('\n').map_or("", |end| half.get(..=end).unwrap_or_default());
        // Not `strip_prefix`, which would compare half of the table.
        let after = rest.get(before.len()..)?;
        let (line, behind) = after.split_once('\n')?;
        let (key, essence) = line.split_once('\t').unwrap_or((line, ""));
        match compare(key, suffix) {
            std::cmp::Ordering::Less => rest = behind,
            std::cmp::Ordering::Equal => return Some(essence),
            std::cmp::Ordering::Greater => rest = before,
        }
    }
    None
}
