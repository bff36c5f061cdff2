//! Runs each command in the fenced blocks of README.md and docs/*.md, so that no example goes stale. A command that
//! cannot run here is compared with the files that it needs, and its arguments for glasshouse are parsed.

mod blocks;

use crate::support::certs;
use crate::support::fixture::{self, MODIFIED, is_there, link, put};
use crate::support::server::{TestServer, Version, glasshouse, handler, run};
use crate::tidy::root;
use blocks::{FencedBlock, blocks};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Servers that are not started, each with the reason. Their arguments are parsed.
const NOT_STARTED: &[(&str, &str)] = &[("-b 'fe80::1%eth0'", "a machine need not have this interface and address")];

/// Absolute paths in the documentation, each of which stands for one in the temporary tree.
const PLACES: [&str; 3] = ["/etc/default", "/run/site", "/srv"];

/// Commands of glasshouse that end without serving.
const COMMANDS: [&str; 7] = ["completions", "compose", "handler", "inspect", "man", "pack", "passwd"];
const REPORTS: [&str; 5] = ["--check", "--help", "--version", "-V", "-h"];

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Category {
    /// Serves until it listens, on a port that the kernel chooses.
    Serves,
    /// Ends with exit code 0.
    Program,
    /// Is sent to the last server of its block.
    Client,
    /// Serves the handler with the published `wasmtime serve`.
    Wasmtime,
    /// Names targets of the Makefile.
    Make,
    /// Names a package of the workspace.
    Cargo,
    /// Names units in `dist/`.
    Systemd,
    /// Names the image that `dist/build` writes, and arguments of glasshouse.
    Container,
    /// Names files of the repository. `tests/hosts/run` runs it, or it needs a cluster.
    Deployment,
}

/// `None` for a command that this test does not know.
fn category(command: &str) -> Option<Category> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ends = |word: &&str| COMMANDS.contains(word);
    Some(match *words.iter().find(|word| !word.contains('='))? {
        "glasshouse" if words.get(1).is_some_and(ends) || words.iter().any(|word| REPORTS.contains(word)) => {
            Category::Program
        }
        "glasshouse" => Category::Serves,
        "echo" | "mkdir" => Category::Program,
        "curl" => Category::Client,
        "wasmtime" => Category::Wasmtime,
        "make" => Category::Make,
        "cargo" => Category::Cargo,
        "systemctl" => Category::Systemd,
        "podman" if matches!(words.get(1), Some(&("build" | "push"))) => Category::Deployment,
        "podman" | "docker" => Category::Container,
        "docker-compose" | "kubectl" | "skopeo" => Category::Deployment,
        _ => return None,
    })
}

/// The files that the examples name, in a directory `here` and beside it.
struct ExampleTree(TempDir);

impl ExampleTree {
    fn new() -> ExampleTree {
        let place = fixture::place();
        let at = |name: &str| place.path().join(name);
        for name in [
            "here/index.html",
            "here/site/index.html",
            "here/site/.git/HEAD",
            "here/manual/index.html",
            "here/pub/index.html",
            "here/report.pdf",
            "here/releases/1/index.html",
            "manual/html/index.html",
            "srv/archive/index.html",
            "srv/photos/index.html",
            "srv/site/index.html",
            "etc/default/other",
            "run/site/other",
        ] {
            put(&at(name), b"x", MODIFIED);
        }
        link(Path::new("releases/1"), &at("here/current"));
        let pair = certs::pair();
        let [cert, key] = [&pair.cert, &pair.key].map(|path| fs::read_to_string(path).expect("a pair can be read"));
        put(&at("here/site.crt"), format!("{cert}{key}").as_bytes(), MODIFIED);
        put(&at("here/site.key"), key.as_bytes(), MODIFIED);
        put(&at("here/secret"), b"open sesame\n", MODIFIED);
        put(&at("password"), b"open sesame\n", MODIFIED);
        for name in ["handler.wasm", "api.wasm", "gallery.wasm"] {
            fs::copy(handler(Version::P3), at("here").join(name)).expect("a file can be copied");
        }
        for name in ["token.wasm", "banner.wasm"] {
            fs::copy(env!("EXAMPLE_BANNER"), at("here").join(name)).expect("a file can be copied");
        }
        let mut pack = glasshouse();
        pack.arg("pack").arg(at("here/site")).arg("-o").arg(at("here/site.wasm"));
        assert!(run(pack).status.success(), "the folder can be packed");
        ExampleTree(place)
    }

    fn here(&self) -> PathBuf {
        self.0.path().join("here")
    }

    /// A command with the paths of this tree.
    fn localized(&self, command: &str) -> String {
        let root = self.0.path().display();
        let replace = |command: String, place: &str| {
            let (from, to) =
                ([" ", "=", ">", ":"].map(|before| format!("{before}{place}/")), format!("{root}{place}/"));
            from.iter().fold(command, |command, from| command.replace(from, &format!("{}{to}", &from[..1])))
        };
        let command = PLACES.iter().fold(command.to_owned(), |command, place| replace(command, place));
        let wasm = fs::read(self.here().join("handler.wasm")).expect("the handler can be read");
        let hash = Sha256::digest(wasm).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        command.replace("\"…\"", &format!("\"{hash}\""))
    }

    /// The words of a command, as a shell splits them.
    fn words(&self, command: &str) -> Vec<String> {
        let text = self.shell(&format!("printf '%s\\0' {command}"));
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    /// The output of a command of the shell, which succeeds; `glasshouse` is the program under test.
    #[track_caller]
    fn shell(&self, command: &str) -> String {
        let program = PathBuf::from(glasshouse().get_program());
        let beside = program.parent().expect("a program is in a directory").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{{ {command}; }} <../password")]).current_dir(self.here());
        shell.env("PATH", format!("{beside}:{path}")).env("no_proxy", "*");
        let done = run(shell);
        assert!(done.status.success(), "{command}: {done:?}");
        done.stdout
    }

    /// The settings that these arguments come to, as a file for `--config`.
    #[track_caller]
    fn settings(&self, arguments: &[String]) -> String {
        let mut command = glasshouse();
        let done = run({
            command.args(arguments).arg("--check").current_dir(self.here());
            command
        });
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        done.stdout
    }

    /// A server with these arguments, but on ports that the kernel chooses.
    #[track_caller]
    fn serve(&self, arguments: &[String]) -> TestServer {
        let settings = self.settings(arguments);
        let line = |line: &str| match line.split(" = ").next() {
            Some(key @ ("port" | "redirect-http")) => format!("{key} = 0\n"),
            // A socket alone has no address for a test to wait for.
            Some("bind") => line.replace("[\"unix:", "[\"127.0.0.1\", \"unix:") + "\n",
            _ => format!("{line}\n"),
        };
        let settings: String = settings.lines().map(line).collect();
        fs::write(self.0.path().join("settings.toml"), settings).expect("a file can be written");
        let mut command = glasshouse();
        command.args(["--config", "../settings.toml"]).current_dir(self.here()).env("BROWSER", "true");
        TestServer::spawn(command)
    }
}

#[track_caller]
fn run_block(block: &FencedBlock) -> usize {
    let (tree, mut servers, commands) = (ExampleTree::new(), Vec::new(), block.commands());
    for text in &commands {
        println!("{}: {text}", block.at);
        let category = category(text).unwrap_or_else(|| panic!("{}: no category for: {text}", block.at));
        let command = tree.localized(text);
        match category {
            Category::Serves => {
                let arguments = &tree.words(&command)[1..];
                if NOT_STARTED.iter().any(|(part, _)| text.contains(part)) {
                    tree.settings(arguments);
                } else {
                    servers.push(tree.serve(arguments));
                }
            }
            Category::Program => {
                let filter = command.split_once(" | ").and_then(|(_, filter)| filter.split(' ').next());
                let is_whole = filter.is_none_or(|filter| is_there(filter, text));
                let part = command.split(" | ").next().filter(|_| !is_whole);
                tree.shell(part.unwrap_or(&command));
            }
            Category::Client => {
                let server = servers.last().unwrap_or_else(|| panic!("{}: no server before: {text}", block.at));
                let address = server.address().to_string();
                let client =
                    ["localhost:8000", "127.0.0.1:8000"].iter().fold(command, |text, at| text.replace(at, &address));
                assert!(client.contains(&address), "{}: not the address of the server: {text}", block.at);
                if is_there("curl", text) {
                    tree.shell(&client.replacen("curl", "curl --fail --max-time 20", 1));
                }
            }
            Category::Wasmtime => {
                let words = tree.words(&command);
                assert_eq!(words.get(1).map(String::as_str), Some("serve"), "{text}");
                let mut stock = Command::new(env!("CARGO_BIN_EXE_stock-serve"));
                stock.args(["serve", "--addr", "127.0.0.1:0"]).args(&words[2..]).current_dir(tree.here());
                servers.push(TestServer::spawn(stock));
            }
            Category::Make => names_targets(&tree.words(text)[1..]),
            Category::Cargo => {
                let words = tree.words(text);
                let package = words.iter().skip_while(|word| *word != "--path").nth(1);
                let package = package.unwrap_or_else(|| panic!("{}: no --path: {text}", block.at));
                assert!(root().join(package).join("Cargo.toml").is_file(), "{}: no package: {text}", block.at);
            }
            Category::Systemd => names_units(&tree.words(text)[1..]),
            Category::Container => names_image(&tree, &tree.words(text)[1..]),
            Category::Deployment => names_files(&tree.words(text)),
        }
    }
    commands.len()
}

#[track_caller]
fn names_targets(targets: &[String]) {
    let mut make = Command::new("make");
    make.arg("-n").args(targets).current_dir(root());
    let done = run(make);
    assert!(done.status.success(), "{done:?}");
}

#[track_caller]
fn names_units(words: &[String]) {
    let [verb, rest @ ..] = words else { panic!("no verb") };
    let units: Vec<&String> = rest.iter().filter(|word| !word.starts_with('-')).collect();
    assert!(!units.is_empty(), "{verb}: no unit");
    for unit in units {
        let name = if unit.contains('.') { unit.clone() } else { format!("{unit}.service") };
        let text =
            fs::read_to_string(root().join("dist").join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        match verb.as_str() {
            "reload" => assert!(text.contains("ExecReload="), "{name} cannot be reloaded"),
            "enable" => assert!(text.contains("[Install]"), "{name} cannot be enabled"),
            "edit" | "restart" | "start" | "status" | "stop" => {}
            _ => panic!("systemctl {verb}: add what it needs"),
        }
    }
}

#[track_caller]
fn names_files(words: &[String]) {
    for file in words.iter().filter(|word| word.starts_with("deploy/") || word.starts_with("dist/")) {
        assert!(root().join(file).exists(), "no file {file}");
    }
}

#[track_caller]
fn names_image(tree: &ExampleTree, words: &[String]) {
    let script = fs::read_to_string(root().join("dist/build")).expect("the script can be read");
    match words {
        [verb, option, file] if verb == "load" && option == "-i" => {
            let end = file.strip_prefix("target/dist/glasshouse-*").unwrap_or_else(|| panic!("{file}: not an image"));
            assert!(script.contains(&format!("image=$out/glasshouse-$version{end}")), "{file} is not written");
        }
        [verb, rest @ ..] if verb == "run" => {
            let image = concat!("glasshouse:", env!("CARGO_PKG_VERSION"));
            let at = rest.iter().position(|word| word == image).unwrap_or_else(|| panic!("{words:?}: not {image}"));
            tree.settings(&rest[at + 1..]);
        }
        _ => panic!("{words:?}: add what it needs"),
    }
}

/// A block of options for a directory is a file that glasshouse takes without a complaint.
#[track_caller]
fn is_site_file(block: &FencedBlock) {
    let tree = ExampleTree::new();
    put(&tree.here().join("site/glasshouse.toml"), block.text.as_bytes(), MODIFIED);
    let mut command = glasshouse();
    command.args(["site", "--check"]).current_dir(tree.here());
    let done = run(command);
    assert!(done.status.success() && done.stderr.is_empty(), "{}: {done:?}", block.at);
    let first = block.text.lines().next().and_then(|line| line.split(" = ").next()).expect("an option");
    assert!(done.stdout.contains("glasshouse.toml"), "{}: {first} is not in effect: {}", block.at, done.stdout);
}

#[track_caller]
fn is_json(block: &FencedBlock) {
    let values = serde_json::Deserializer::from_str(&block.text).into_iter::<serde_json::Value>();
    values.for_each(|value| drop(value.unwrap_or_else(|error| panic!("{}: {error}", block.at))));
}

/// Statements. The tests of the crates run the same calls.
#[track_caller]
fn is_rust(block: &FencedBlock) {
    let parsed = syn::parse_str::<syn::Block>(&format!("{{{}}}", block.text));
    parsed.unwrap_or_else(|error| panic!("{}: {error}", block.at));
}

fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs")).expect("a directory can be read");
    let docs = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    names.push("README.md".to_owned());
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, text)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn every_command_runs() {
    let mut count = 0;
    let pages = pages();
    for block in pages.iter().flat_map(|(name, text)| blocks(name, text)) {
        match block.language.as_str() {
            "sh" | "console" => count += run_block(&block),
            "toml" => is_site_file(&block),
            "json" => is_json(&block),
            "rust" => is_rust(&block),
            // Commands that `tests/hosts/run` has run.
            "text" => assert_eq!(block.at.split(':').next(), Some("docs/hosts.md"), "{}: use sh", block.at),
            other => panic!("{}: a block in {other:?}: add what it must be", block.at),
        }
    }
    assert!(count > 20, "the commands are found: {count}");
    for (part, why) in NOT_STARTED {
        assert!(pages.iter().any(|(_, text)| text.contains(part)), "no page has {part}, which is here because {why}");
    }
}

#[test]
fn a_client_asks_the_server_before_it() {
    let text = "```console\n$ glasshouse\nServing\n$ curl -sS http://localhost:8000/report.pdf  # the file\n```\n";
    let [block] = &blocks("P.md", text)[..] else { panic!("one block") };
    assert_eq!(run_block(block), 2);
}

#[test]
fn each_command_needs_a_category() {
    assert_eq!(category("rm -rf site"), None);
    assert_eq!(category("glasshouse site --spa"), Some(Category::Serves));
    assert_eq!(category("glasshouse --check site"), Some(Category::Program));
    assert_eq!(category("glasshouse inspect x.wasm"), Some(Category::Program));
}
