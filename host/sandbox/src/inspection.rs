//! Inspects a component without compiling or running it: its kind, its imports and exports, and why it cannot serve.
//!
//! The file may come from anyone, so the time and memory of the inspection are bounded.

mod cost;
mod directory;
mod error;

pub use directory::needs_directory;
pub use error::InspectionError;

use crate::capability::ImportStatus;
use crate::wasi_version::WasiVersion;
use std::fmt;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Bytes of the names of all imported functions. A file can import one interface many times, so the names may be longer
/// than the file.
const MAX_NAMES: usize = 1 << 20;

/// The depth of components within components. Tools that compose components produce a few levels; validating a hundred
/// thousand levels, which fit into one or two megabytes, takes minutes.
const MAX_DEPTH: u32 = 64;

/// The WebAssembly features of this program: the defaults of wasmtime without the parts that are not compiled in.
const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::GC_TYPES.union(WasmFeatures::EXCEPTIONS).union(WasmFeatures::THREADS))
    .union(WasmFeatures::COMPONENT_MODEL.union(WasmFeatures::CM_ASYNC));

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// A component that exports an HTTP handler.
    Handler {
        /// For `wasi:http` 0.2.
        p2: bool,
        /// For `wasi:http` 0.3.
        p3: bool,
    },
    /// A component without an HTTP handler.
    Component,
    /// A component that cannot be inspected: it is broken or exceeds a limit.
    Unclear,
    /// A core module.
    Module,
    /// Not WebAssembly.
    Other,
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ComponentKind::Handler { p2: true, p3: true } => "component for wasi:http 0.2 and 0.3",
            ComponentKind::Handler { p2: true, p3: false } => "component for wasi:http 0.2",
            ComponentKind::Handler { .. } => "component for wasi:http 0.3",
            ComponentKind::Component => "component without an HTTP handler",
            ComponentKind::Unclear => "component that cannot be inspected",
            ComponentKind::Module => "core module",
            ComponentKind::Other => "not WebAssembly",
        })
    }
}

/// An import of a component.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The name in the component, such as `wasi:cli/environment@0.2.6`.
    pub name: String,
    /// The functions of an interface, sorted. Empty for an interface of types, and for other imports.
    pub functions: Vec<String>,
    /// Whether this host provides it.
    pub status: ImportStatus,
}

/// Why a component cannot serve. Each message completes a sentence about it: `it …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The file is neither a component nor a module.
    #[error("it is not a WebAssembly component")]
    NotWasm,
    /// The file is a core module.
    #[error("it is a core module, not a WebAssembly component; `wasm-tools component new` converts it")]
    Module,
    /// The component cannot be inspected.
    #[error("it is {0}")]
    Invalid(#[from] InspectionError),
    /// The component imports something that no handler gets.
    #[error("it imports {name}, which is refused: {reason}")]
    RefusedImport {
        /// The name of the import.
        name: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The component imports something that this host does not have.
    #[error("it imports {name}, which this host does not know")]
    UnknownImport {
        /// The name of the import.
        name: String,
    },
    /// The component imports the next handler of a chain.
    #[error("it is a middleware, because it imports {name}; name it with --with")]
    Middleware {
        /// The name of the import.
        name: String,
    },
    /// The component exports an HTTP handler of another version.
    #[error("it exports {name}, and this host knows wasi:http/handler@0.3 and wasi:http/incoming-handler@0.2")]
    OtherVersion {
        /// The name of the export.
        name: String,
    },
    /// The component exports no HTTP handler.
    #[error("it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")]
    NoHandler,
}

/// The result of inspecting a file.
#[derive(Debug)]
pub struct Inspection {
    /// The kind of the file.
    pub kind: ComponentKind,
    /// Sorted by name.
    pub imports: Vec<Import>,
    /// Sorted names.
    pub exports: Vec<String>,
    /// Why a component cannot be inspected.
    error: Option<InspectionError>,
}

impl Inspection {
    /// Inspects the bytes of a file.
    pub fn new(bytes: &[u8]) -> Inspection {
        let kind = match bytes {
            _ if Parser::is_component(bytes) => ComponentKind::Component,
            _ if Parser::is_core_wasm(bytes) => ComponentKind::Module,
            _ => ComponentKind::Other,
        };
        let mut inspection = Inspection { kind, imports: Vec::new(), exports: Vec::new(), error: None };
        if kind == ComponentKind::Component
            && let Err(error) = inspection.read(bytes)
        {
            (inspection.imports, inspection.exports) = (Vec::new(), Vec::new());
            (inspection.kind, inspection.error) = (ComponentKind::Unclear, Some(error));
        }
        inspection
    }

    /// Why the component cannot serve. Empty if it can be compiled and linked, unless an imported function has another
    /// type here or exists in no version of its interface.
    pub fn reasons(&self) -> Vec<Rejection> {
        let mut reasons: Vec<Rejection> = match self.kind {
            ComponentKind::Other => vec![Rejection::NotWasm],
            ComponentKind::Module => vec![Rejection::Module],
            ComponentKind::Component | ComponentKind::Unclear | ComponentKind::Handler { .. } => {
                self.error.iter().cloned().map(Rejection::Invalid).collect()
            }
        };
        reasons.extend(self.imports.iter().filter_map(|Import { name, status, .. }| match status {
            ImportStatus::Granted => None,
            ImportStatus::Refused(reason) => Some(Rejection::RefusedImport { name: name.clone(), reason }),
            ImportStatus::Unknown if WasiVersion::of_handler(name).is_some() => {
                Some(Rejection::Middleware { name: name.clone() })
            }
            ImportStatus::Unknown => Some(Rejection::UnknownImport { name: name.clone() }),
        }));
        if self.kind == ComponentKind::Component {
            let is_handler = |name: &&String| {
                ["wasi:http/handler@", "wasi:http/incoming-handler@"].iter().any(|at| name.starts_with(at))
            };
            reasons.push(match self.exports.iter().find(is_handler) {
                Some(name) if WasiVersion::of_handler(name).is_none() => Rejection::OtherVersion { name: name.clone() },
                _ => Rejection::NoHandler,
            });
        }
        reasons
    }

    /// Why the component cannot be a middleware. As [`Inspection::reasons`], but it may import a handler: the next
    /// component of the chain. The composition checks that it does.
    pub fn middleware_reasons(&self) -> Vec<Rejection> {
        self.reasons().into_iter().filter(|reason| !matches!(reason, Rejection::Middleware { .. })).collect()
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), InspectionError> {
        check_depth(bytes)?;
        cost::check(bytes)?;
        let types = Validator::new_with_features(FEATURES).validate_all(bytes)?;
        let (mut depth, mut names, mut p2, mut p3) = (0_u32, 0, false, false);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth = depth.saturating_add(1),
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let name = import?.name.name;
                        let item = types.as_ref().component_item_for_import(name).map(|item| item.ty);
                        let functions = item.map_or(Vec::new(), |item| functions_of(&types, item, &mut names));
                        if names > MAX_NAMES {
                            return Err(InspectionError::LongNames { max: MAX_NAMES });
                        }
                        self.imports.push(Import { name: name.into(), functions, status: ImportStatus::of(name) });
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let name = export?.name.name;
                        if let Some(item) = types.as_ref().component_item_for_export(name)
                            && has_handle(&types, item.ty)
                        {
                            p2 |= WasiVersion::of_handler(name) == Some(WasiVersion::P2);
                            p3 |= WasiVersion::of_handler(name) == Some(WasiVersion::P3);
                        }
                        self.exports.push(name.into());
                    }
                }
                _ => {}
            }
        }
        self.imports.sort_by(|one, other| one.name.cmp(&other.name));
        self.exports.sort();
        if p2 || p3 {
            self.kind = ComponentKind::Handler { p2, p3 };
        }
        Ok(())
    }
}

/// Fails if components are nested too deeply.
fn check_depth(bytes: &[u8]) -> Result<(), InspectionError> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } if depth >= MAX_DEPTH => {
                return Err(InspectionError::TooDeep { max: MAX_DEPTH });
            }
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The functions of an interface, sorted. Stops when `names`, the bytes of all names so far, exceeds [`MAX_NAMES`].
fn functions_of(types: &Types, item: ComponentEntityType, names: &mut usize) -> Vec<String> {
    let ComponentEntityType::Instance(instance) = item else { return Vec::new() };
    let types = types.as_ref();
    let items = types.get(instance).into_iter().flat_map(|instance| instance.exports.iter());
    let mut functions: Vec<String> = items
        .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
        .take_while(|(name, _)| {
            *names = names.saturating_add(name.len());
            *names <= MAX_NAMES
        })
        .map(|(name, _)| name.clone())
        .collect();
    functions.sort();
    functions
}

/// Whether an export is an interface with the function `handle`.
fn has_handle(types: &Types, item: ComponentEntityType) -> bool {
    let ComponentEntityType::Instance(instance) = item else { return false };
    let types = types.as_ref();
    let handle = types.get(instance).and_then(|instance| instance.exports.get("handle"));
    handle.is_some_and(|item| matches!(item.ty, ComponentEntityType::Func(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};
    use wasmtime::Engine;
    use wasmtime::component::Component;

    fn of(text: &str) -> Inspection {
        Inspection::new(&wat::parse_str(text).unwrap())
    }

    /// Components that need an optional part of WebAssembly.
    const PARTS: &[(&str, &str)] = &[
        ("simd", "(core module (func (drop (v128.const i64x2 0 0))))"),
        (
            "relaxed simd",
            "(core module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))",
        ),
        ("bulk memory", "(core module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))"),
        ("references", "(core module (func (param externref)))"),
        ("typed references", "(core module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))"),
        ("tail calls", "(core module (func $f (return_call $f)))"),
        ("memories", "(core module (memory 1) (memory 1))"),
        ("memory64", "(core module (memory i64 1))"),
        (
            "wide arithmetic",
            "(core module (func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0))))",
        ),
        ("threads", "(core module (memory 1 1 shared))"),
        ("exceptions", "(core module (tag))"),
        ("collection", "(core module (type (struct)))"),
        ("async", r#"(component (import "f" (func async)))"#),
        ("streams", r#"(type (stream u8))"#),
        ("error contexts", "(type error-context)"),
        ("maps", "(type (map string u8))"),
        ("values", r#"(import "v" (value string))"#),
        ("page sizes", "(core module (memory 1 (pagesize 1)))"),
    ];

    #[test]
    fn the_inspection_agrees_with_the_compiler() {
        let engine = Engine::new(&glasshouse_engine::config()).unwrap();
        let (mut whole, mut broken) = (0, 0);
        for (part, text) in PARTS {
            let bytes = wat::parse_str(format!("(component {text})")).unwrap_or_else(|error| panic!("{part}: {error}"));
            let compiled = Component::new(&engine, &bytes);
            let error = Inspection::new(&bytes).error;
            assert_eq!(compiled.is_err(), error.is_some(), "{part}: {:?}, {error:?}", compiled.err());
            *(if error.is_some() { &mut broken } else { &mut whole }) += 1;
        }
        assert!(whole > 5 && broken > 3, "{whole} whole, {broken} broken");
    }

    #[test]
    fn kinds_are_distinguished() {
        let handler = |name: &str| {
            format!(
                r#"(component $of (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                   (func $f (canon lift (core func $i "f"))) (instance $e (export "handle" (func $f)))
                   (export "{name}" (instance $e)))"#
            )
        };
        let rows = [
            (handler("wasi:http/handler@0.3.1"), ComponentKind::Handler { p2: false, p3: true }),
            (handler("wasi:http/incoming-handler@0.2.0"), ComponentKind::Handler { p2: true, p3: false }),
            (handler("wasi:http/handler@0.2.0"), ComponentKind::Component),
            (handler("wasi:http/handler@0.3.0-rc-1"), ComponentKind::Component),
            (handler("wasi:http/handler"), ComponentKind::Component),
            (
                r#"(component (instance $e) (export "wasi:http/handler@0.3.0" (instance $e)))"#.into(),
                ComponentKind::Component,
            ),
            ("(component)".into(), ComponentKind::Component),
            ("(module)".into(), ComponentKind::Module),
        ];
        for (text, expected) in rows {
            let inspection = of(&text);
            assert_eq!((inspection.kind, inspection.error), (expected, None), "{text}");
        }
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01", b"\0asm\x0d\0\x02\0", b"#!/bin/sh\n"] {
            assert_eq!(Inspection::new(bytes).kind, ComponentKind::Other, "{bytes:?}");
        }
    }

    /// A truncated or changed file is reported, and does not panic.
    #[test]
    fn nothing_in_a_file_is_trusted() {
        let text = r#"(component (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func (param "status" (result))))))
            (component $in (import "wasi:sockets/tcp@0.2.0" (instance))) (core module (func (drop (i32.const 1)))))"#;
        let whole = wat::parse_str(text).unwrap();
        let inspection = Inspection::new(&whole);
        assert_eq!((inspection.imports.len(), inspection.error), (1, None), "imports of inner components do not count");
        for length in 0..whole.len() {
            assert!(!Inspection::new(&whole[..length]).reasons().is_empty(), "{length}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = Inspection::new(&changed).reasons();
            }
        }
    }

    /// Components within each other.
    fn nested(depth: usize) -> Vec<u8> {
        const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
        // The length of each section has five digits of LEB128.
        let of_section = |depth: usize| HEADER.len() + depth * (HEADER.len() + 6);
        let mut bytes = HEADER.to_vec();
        for depth in (0..depth).rev() {
            let length = of_section(depth);
            let digit = |at: usize| (length >> (7 * at)) as u8 & 0x7f;
            bytes.extend([4, digit(0) | 0x80, digit(1) | 0x80, digit(2) | 0x80, digit(3) | 0x80, digit(4)]);
            bytes.extend(HEADER);
        }
        bytes
    }

    #[test]
    fn a_deep_or_long_component_is_rejected_soon() {
        let started = Instant::now();
        assert_eq!(Inspection::new(&nested(MAX_DEPTH as usize)).error, None);
        for depth in [MAX_DEPTH as usize + 1, 1_000_000] {
            let error = Inspection::new(&nested(depth)).error.map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("too much: "), "{depth}: {error}");
        }
        let mut long = r#"(component (type $t (instance"#.to_owned();
        for number in 0..20 {
            let _ = write!(long, r#" (export "f{number}{}" (func))"#, "x".repeat(50_000));
        }
        long.push_str("))");
        for number in 0..900 {
            let _ = write!(long, r#" (import "a:b/c{number}" (instance (type $t)))"#);
        }
        long.push(')');
        let inspection = of(&long);
        let error = inspection.error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("too much: ") && inspection.imports.is_empty(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
