//! Replaces a definition of wasmtime-wasi in a linker.
//!
//! The sandbox depends on it: a definition under another version would be added beside that of the library, and
//! handlers would call the library. Every replacement therefore fails unless there is a definition to replace.

use crate::wasi_version::WasiVersion;
use wasmtime::component::{Linker, LinkerInstance};
use wasmtime::{Result, bail};

/// Replaces `item`, a function or a resource of `interface`. `define` is called twice, and defines it each time.
///
/// # Errors
/// The linker has no such item, or `define` fails.
pub(crate) fn override_import<T: 'static>(
    linker: &mut Linker<T>,
    interface: &str,
    version: WasiVersion,
    item: &str,
    define: impl Fn(&mut LinkerInstance<'_, T>, &str) -> Result<()>,
) -> Result<()> {
    let interface = format!("{interface}@{}", version.linked());
    linker.allow_shadowing(false);
    // A linker reports what it has only by refusing a second definition.
    if define(&mut linker.instance(&interface)?, item).is_ok() {
        bail!("{interface} has no '{item}' to replace; does wasmtime-wasi define another version?");
    }
    linker.allow_shadowing(true);
    let replaced = define(&mut linker.instance(&interface)?, item);
    linker.allow_shadowing(false);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::Engine;

    fn linker() -> Linker<()> {
        let mut linker = Linker::new(&Engine::new(&glasshouse_engine::config()).unwrap());
        linker.instance("wasi:a/b@0.3.0").unwrap().func_wrap("f", |_, (): ()| Ok((1_u32,))).unwrap();
        linker
    }

    fn replace(linker: &mut Linker<()>, interface: &str, version: WasiVersion, item: &str) -> Result<()> {
        override_import(linker, interface, version, item, |instance, name| {
            instance.func_wrap(name, |_, (): ()| Ok((2_u32,)))
        })
    }

    #[test]
    fn a_definition_is_replaced() {
        replace(&mut linker(), "wasi:a/b", WasiVersion::P3, "f").unwrap();
    }

    #[test]
    fn an_override_without_a_definition_fails() {
        for (interface, version, item) in
            [("wasi:a/b", WasiVersion::P2, "f"), ("wasi:a/b", WasiVersion::P3, "g"), ("wasi:a/c", WasiVersion::P3, "f")]
        {
            let error = replace(&mut linker(), interface, version, item).unwrap_err().to_string();
            assert!(error.contains(item) && error.contains("to replace"), "{error}");
        }
    }
}
