//! WASI functions that the sandbox implements instead of wasmtime-wasi, and the functions that a replay can repeat.

#[cfg(not(target_os = "linux"))]
mod exact_names;
#[cfg(target_os = "linux")]
mod fs;
#[cfg_attr(not(target_os = "linux"), path = "wasi/p2_portable.rs")]
mod p2;
#[cfg_attr(not(target_os = "linux"), path = "wasi/p3_portable.rs")]
mod p3;
#[cfg(not(target_os = "linux"))]
mod portable;
mod preopens;

use crate::body_handoff;
use crate::state::InstanceState;
use wasmtime::Result;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

/// Functions whose results a recording contains, or whose results cannot vary, by interface. `*` stands for all
/// functions. A handler that imports another function cannot be replayed.
pub(crate) const REPLAYABLE_IMPORTS: &[(&str, &[&str])] = &[
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

/// The first imported function that a replay could not repeat, with its interface.
pub(crate) fn first_unreplayable(component: &Component) -> Option<String> {
    let engine = component.engine();
    component.component_type().imports(engine).find_map(|(interface, import)| {
        let name = interface.split('@').next().unwrap_or_default();
        let known = REPLAYABLE_IMPORTS.iter().find(|(known, _)| *known == name);
        let replayable = known.map_or(&[][..], |(_, functions)| functions);
        let ComponentItem::ComponentInstance(imported) = import.ty else { return Some(interface.to_owned()) };
        let function = imported.exports(engine).find_map(|(function, item)| {
            let is_function = matches!(item.ty, ComponentItem::ComponentFunc(_));
            (is_function && replayable != ["*"] && !replayable.contains(&function)).then(|| function.to_owned())
        });
        function.map(|function| format!("{function} of {interface}"))
    })
}

/// Replaces every function by which a handler reads files or headers.
///
/// # Errors
/// The linker has no definition to replace.
pub(crate) fn override_imports(linker: &mut Linker<InstanceState>) -> Result<()> {
    preopens::override_imports(linker)?;
    body_handoff::override_imports(linker)?;
    p3::override_imports(linker)?;
    p2::override_imports(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability;
    use wasmtime::Engine;

    /// An upgrade of wasmtime must not disable an override silently.
    #[test]
    fn every_override_replaces_a_function_of_the_library() {
        let engine = Engine::new(&glasshouse_engine::config()).unwrap();
        override_imports(&mut capability::linker(&engine).unwrap()).unwrap();
        for overrides in
            [preopens::override_imports, body_handoff::override_imports, p3::override_imports, p2::override_imports]
        {
            let error = overrides(&mut Linker::new(&engine)).unwrap_err().to_string();
            assert!(error.contains("to replace"), "{error}");
        }
    }
}
