//! WASI functions that the sandbox implements instead of wasmtime-wasi, and which functions replay can record.

pub(crate) mod fs;
pub(crate) mod p2;
pub(crate) mod p3;

use crate::sandbox::State;
use wasmtime::Result;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

/// The functions by which a handler learns nothing, or nothing that goes unseen here, by their interface; `*` for all of
/// it. Whatever else it imports may tell it something that a recording would miss.
pub const REPLAYABLE_IMPORTS: &[(&str, &[&str])] = &[
    ("wasi:cli/environment", &["*"]),
    ("wasi:cli/exit", &["*"]),
    ("wasi:cli/stderr", &["*"]),
    ("wasi:cli/stdin", &["*"]),
    ("wasi:cli/stdout", &["*"]),
    ("wasi:cli/terminal-input", &["*"]),
    ("wasi:cli/terminal-output", &["*"]),
    ("wasi:cli/terminal-stderr", &["*"]),
    ("wasi:cli/terminal-stdin", &["*"]),
    ("wasi:cli/terminal-stdout", &["*"]),
    ("wasi:filesystem/preopens", &["*"]),
    (
        "wasi:filesystem/types",
        &[
            "[method]descriptor.open-at",
            "[method]descriptor.read-directory",
            "[method]descriptor.read-via-stream",
            "[method]descriptor.stat",
            "[method]descriptor.stat-at",
            "[method]directory-entry-stream.read-directory-entry",
        ],
    ),
    (
        "wasi:http/types",
        &[
            "[constructor]fields",
            "[method]fields.append",
            "[method]fields.get",
            "[method]fields.set",
            "[method]request.get-headers",
            "[method]request.get-method",
            "[method]request.get-path-with-query",
            "[method]response.set-status-code",
            "[static]fields.from-list",
            "[static]response.new",
        ],
    ),
    ("wasi:io/error", &["*"]),
    ("wasi:io/poll", &["*"]),
    ("wasi:io/streams", &["*"]),
];

/// The first function that a handler imports and that could tell it something unseen.
pub fn first_unreplayable(component: &Component) -> Option<String> {
    let engine = component.engine();
    component.component_type().imports(engine).find_map(|(interface, import)| {
        let name = interface.split('@').next().unwrap_or_default();
        let seen =
            REPLAYABLE_IMPORTS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, functions)| functions);
        let ComponentItem::ComponentInstance(imported) = import.ty else { return Some(interface.to_owned()) };
        let first_unreplayable = imported.exports(engine).find_map(|(function, item)| {
            let is_function = matches!(item.ty, ComponentItem::ComponentFunc(_));
            (is_function && seen != ["*"] && !seen.contains(&function)).then(|| function.to_owned())
        });
        first_unreplayable.map(|function| format!("{function} of {interface}"))
    })
}

/// Overrides the functions of both WASI versions whose results a response can depend on.
pub fn override_imports(linker: &mut Linker<State>) -> Result<()> {
    p3::override_imports(linker)?;
    p2::override_imports(linker)
}
