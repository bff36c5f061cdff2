//! The imports of the shipped components, compared with `wit/world.wit` and with a list of functions. A new import
//! fails here first.

use crate::support::server::{Version, handler};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The functions of an interface that may be called.
type Functions = (&'static str, &'static [&'static str]);

/// In both handlers: how files and directories are read, and what Rust's standard library brings along.
const OF_BOTH: &[Functions] = &[
    ("wasi:cli/environment@0.2", &["get-environment"]),
    ("wasi:cli/exit@0.2", &["exit"]),
    ("wasi:cli/stderr@0.2", &["get-stderr"]),
    ("wasi:cli/stdin@0.2", &["get-stdin"]),
    ("wasi:cli/stdout@0.2", &["get-stdout"]),
    ("wasi:cli/terminal-stderr@0.2", &["get-terminal-stderr"]),
    ("wasi:cli/terminal-stdin@0.2", &["get-terminal-stdin"]),
    ("wasi:cli/terminal-stdout@0.2", &["get-terminal-stdout"]),
    ("wasi:filesystem/preopens@0.2", &["get-directories"]),
    (
        "wasi:filesystem/types@0.2",
        &[
            "[method]descriptor.open-at",
            "[method]descriptor.read-directory",
            "[method]descriptor.read-via-stream",
            "[method]descriptor.stat",
            "[method]descriptor.stat-at",
            "[method]directory-entry-stream.read-directory-entry",
        ],
    ),
    // The log of the host gets the reason why a file could not be read.
    ("wasi:io/error@0.2", &["[method]error.to-debug-string"]),
    ("wasi:io/poll@0.2", &["[method]pollable.block"]),
    (
        "wasi:io/streams@0.2",
        &[
            "[method]input-stream.blocking-read",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.check-write",
            "[method]output-stream.subscribe",
            "[method]output-stream.write",
        ],
    ),
];

const OF_P3: &[Functions] = &[
    ("wasi:cli/environment@0.3", &["get-environment"]),
    (
        "wasi:http/types@0.3",
        &[
            "[method]fields.append",
            "[method]fields.get",
            "[method]request.get-headers",
            "[method]request.get-method",
            "[method]request.get-path-with-query",
            "[method]response.set-status-code",
            "[static]fields.from-list",
            "[static]response.new",
        ],
    ),
];

const OF_P2: &[Functions] = &[(
    "wasi:http/types@0.2",
    &[
        "[constructor]outgoing-response",
        "[method]fields.get",
        "[method]incoming-request.headers",
        "[method]incoming-request.method",
        "[method]incoming-request.path-with-query",
        "[method]outgoing-body.write",
        "[method]outgoing-response.body",
        "[method]outgoing-response.set-status-code",
        "[static]fields.from-list",
        "[static]outgoing-body.finish",
        "[static]response-outparam.set",
    ],
)];

/// What is imported, as `PACKAGE/INTERFACE@VERSION` and, for each function, `PACKAGE/INTERFACE@VERSION#FUNCTION`.
struct Imports {
    interfaces: BTreeSet<String>,
    functions: BTreeSet<String>,
}

fn imports(version: Version) -> Imports {
    let bytes = fs::read(handler(version)).expect("the handler was written");
    let types = Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes).expect("the handler is valid");
    let mut imports = Imports { interfaces: BTreeSet::new(), functions: BTreeSet::new() };
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.expect("the handler can be parsed") {
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.expect("the import can be parsed").name.name;
                    let item = types.as_ref().component_item_for_import(name).expect("an import has a type");
                    let ComponentEntityType::Instance(instance) = item.ty else { panic!("{name} is not an interface") };
                    imports.interfaces.insert(name.to_owned());
                    let exports = &types.as_ref()[instance].exports;
                    let functions = exports.iter().filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
                    imports.functions.extend(functions.map(|(function, _)| format!("{name}#{function}")));
                }
            }
            _ => {}
        }
    }
    imports
}

/// The interfaces that a handler imports, in the order of their names.
pub fn interfaces(version: Version) -> Vec<String> {
    imports(version).interfaces.into_iter().collect()
}

/// The imports that a world of `wit/world.wit` lists.
fn listed(world: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/world.wit");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let (_, body) = text.split_once(&format!("world {world} {{")).unwrap_or_else(|| panic!("no world {world}"));
    let (body, _) = body.split_once('}').expect("a world ends");
    let imports = body.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    imports.map(str::to_owned).collect()
}

#[track_caller]
fn same(what: &str, found: &BTreeSet<String>, listed: &BTreeSet<String>) {
    let new: Vec<_> = found.difference(listed).collect();
    let gone: Vec<_> = listed.difference(found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{what}: imported and not listed {new:#?}, listed and not imported {gone:#?}"
    );
}

#[test]
fn the_worlds_list_every_interface() {
    same("handler", &imports(Version::P3).interfaces, &listed("handler"));
    same("handler-p2", &imports(Version::P2).interfaces, &listed("handler-p2"));
}

#[test]
fn no_function_is_imported_but_these() {
    let unversioned = |version| -> BTreeSet<String> {
        let functions = imports(version).functions.into_iter();
        let strip = |name: String| match (name.split_once('@'), name.split_once('#')) {
            (Some((interface, version)), Some((_, function))) => {
                let major: String = version.split('.').take(2).collect::<Vec<_>>().join(".");
                format!("{interface}@{major}#{function}")
            }
            _ => name,
        };
        functions.map(strip).collect()
    };
    let golden = |own: &[Functions]| {
        let functions = |(interface, functions): &Functions| {
            functions.iter().map(|function| format!("{interface}#{function}")).collect::<Vec<_>>()
        };
        OF_BOTH.iter().chain(own).flat_map(functions).collect()
    };
    same("handler", &unversioned(Version::P3), &golden(OF_P3));
    same("handler-p2", &unversioned(Version::P2), &golden(OF_P2));
}

/// The lists above could be changed without a thought; these words cannot.
#[test]
fn nothing_that_writes_connects_or_reads_a_clock_is_imported() {
    const INTERFACES: &[&str] =
        &["wasi:sockets", "wasi:random", "outgoing-handler", "wasi:http/client", "wasi:keyvalue", "wasi:config"];
    const FUNCTIONS: &[&str] = &[
        "write-via-stream",
        "append-via-stream",
        "create-directory",
        "set-size",
        "set-times",
        "symlink-at",
        "link-at",
        "rename-at",
        "unlink-file",
        "remove-directory",
        "advise",
        "sync",
        "[method]descriptor.write",
        "#now",
        "#resolution",
        "subscribe-instant",
        "subscribe-duration",
        "wait-until",
        "wait-for",
    ];
    for version in [Version::P2, Version::P3] {
        let imports = imports(version);
        for interface in &imports.interfaces {
            assert!(!INTERFACES.iter().any(|word| interface.contains(word)), "{version:?} imports {interface}");
        }
        for function in &imports.functions {
            assert!(!FUNCTIONS.iter().any(|word| function.contains(word)), "{version:?} imports {function}");
            assert!(!function.contains("wasi:clocks/"), "{version:?} imports {function}");
        }
    }
}

/// The program contains no HTTP client for a handler to use: not that of wasmtime, nothing that connects, and no root
/// certificates. rustls is there for the server, and has the certificate of the server only.
#[test]
fn the_program_holds_no_client() {
    let tree = cargo_tree(&["-p", "glasshouse", "-e", "normal", "-f", "{p} {f}"]);
    assert!(tree.contains("wasmtime-wasi-http v"), "{tree}");
    const CLIENTS: &[&str] =
        &["default-send-request", "hyper-rustls", "hyper-tls", "native-tls", "openssl", "reqwest", "ureq"];
    const TRUSTED: &[&str] = &["webpki-roots", "rustls-native-certs", "rustls-platform-verifier"];
    for word in CLIENTS.iter().chain(TRUSTED) {
        assert!(!tree.contains(word), "the program depends on {word}:\n{tree}");
    }
    let connectors = tree.lines().find(|line| line.starts_with("hyper-util v") && line.contains("client"));
    assert_eq!(connectors, None);
}

/// What cargo says of the dependencies of this workspace.
#[track_caller]
pub fn cargo_tree(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--locked", "--prefix", "none"]).args(arguments);
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
