//! What a file is, as far as can be told without compiling it: its kind, what it imports and exports, and why it could not serve.
//! It runs nothing of it, and refuses to know where it is from. The file may be anybody's: it can be anything, and is judged within
//! bounds.

mod cost;

use crate::capability::{ImportStatus, WasiVersion};
use semver::Version;
use std::fmt;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{BinaryReaderError, Parser, Payload, Validator, WasmFeatures};

/// Bytes that the names of imported functions may have together. A file can name one list of them many times, and so have names
/// that are longer than itself.
const NAMES: usize = 1 << 20;

/// Components and modules that may be within each other. What composes components makes a few levels; to validate a hundred thousand,
/// which fit into a megabyte or two, takes minutes.
const DEPTH: u32 = 64;

/// The WebAssembly that this program runs: what wasmtime has by itself, without the parts that are not compiled into it.
const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::GC_TYPES.union(WasmFeatures::EXCEPTIONS).union(WasmFeatures::THREADS))
    .union(WasmFeatures::COMPONENT_MODEL.union(WasmFeatures::CM_ASYNC));

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A component that exports a handler of HTTP, for one line of WASI or for both.
    Handler { p2: bool, p3: bool },
    /// A component that exports none.
    Component,
    /// What begins like a component, but is broken or too much to be looked into.
    Unclear,
    /// A module, of which components are made.
    Module,
    /// Nothing of WebAssembly.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Handler { p2: true, p3: true } => "component for wasi:http 0.2 and 0.3",
            Kind::Handler { p2: true, p3: false } => "component for wasi:http 0.2",
            Kind::Handler { .. } => "component for wasi:http 0.3",
            Kind::Component => "component, and no handler of HTTP",
            Kind::Unclear => "component that cannot be looked into",
            Kind::Module => "core module",
            Kind::Other => "no WebAssembly",
        })
    }
}

/// Something that a component wants from its host.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// As it stands in the component, such as `wasi:cli/environment@0.2.6`.
    pub name: String,
    /// The functions of an interface; none for one of types alone, and for what is no interface.
    pub functions: Vec<String>,
    pub standing: ImportStatus,
}

/// What was found out about a file.
#[derive(Debug)]
pub struct Inspection {
    pub kind: Kind,
    /// In the order of their names.
    pub imports: Vec<Import>,
    /// In the order of their names.
    pub exports: Vec<String>,
    /// Why a component cannot be looked into.
    fault: Option<String>,
}

impl Inspection {
    /// Looks at the bytes of a file.
    pub fn of(bytes: &[u8]) -> Inspection {
        let kind = match bytes {
            _ if Parser::is_component(bytes) => Kind::Component,
            _ if Parser::is_core_wasm(bytes) => Kind::Module,
            _ => Kind::Other,
        };
        let mut inspection = Inspection { kind, imports: Vec::new(), exports: Vec::new(), fault: None };
        if kind == Kind::Component
            && let Err(fault) = inspection.look_inside(bytes)
        {
            (inspection.imports, inspection.exports) = (Vec::new(), Vec::new());
            (inspection.kind, inspection.fault) = (Kind::Unclear, Some(fault));
        }
        inspection
    }

    /// Why a server would refuse it as its handler, each in words that follow on its name; nothing if it would be compiled and
    /// linked. That may still fail, for a function that this host has with another type or in no version of the interface.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = match self.kind {
            Kind::Other => vec!["it is no WebAssembly component".into()],
            Kind::Module => {
                vec![
                    "it is a core module and no WebAssembly component; `wasm-tools component new` makes one of it"
                        .into(),
                ]
            }
            Kind::Component | Kind::Unclear | Kind::Handler { .. } => {
                self.fault.iter().map(|fault| format!("it is {fault}")).collect()
            }
        };
        reasons.extend(self.imports.iter().filter_map(|Import { name, standing, .. }| match standing {
            ImportStatus::Granted => None,
            ImportStatus::Refused(reason) => Some(format!("it imports {name}, which is refused: {reason}")),
            ImportStatus::Unknown => Some(format!("it imports {name}, which this host does not know")),
        }));
        if self.kind == Kind::Component {
            let neither = "it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2";
            reasons.push(neither.into());
        }
        reasons
    }

    fn look_inside(&mut self, bytes: &[u8]) -> Result<(), String> {
        shallow(bytes)?;
        cost::check(bytes)?;
        let types = Validator::new_with_features(FEATURES).validate_all(bytes).map_err(broken)?;
        let (mut depth, mut names, mut p2, mut p3) = (0_u32, 0, false, false);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(broken)? {
                Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth = depth.saturating_add(1),
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let name = import.map_err(broken)?.name.name;
                        let functions = types.as_ref().component_item_for_import(name).map(|item| item.ty);
                        let functions = functions.map_or(Vec::new(), |item| functions_of(&types, item, &mut names));
                        if names > NAMES {
                            return Err(format!(
                                "too much: the functions that it imports have over {NAMES} bytes of names"
                            ));
                        }
                        self.imports.push(Import { name: name.into(), functions, standing: ImportStatus::of(name) });
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let name = export.map_err(broken)?.name.name;
                        if let Some(item) = types.as_ref().component_item_for_export(name) {
                            p2 |= is_handler(&types, name, item.ty, "wasi:http/incoming-handler", WasiVersion::P2);
                            p3 |= is_handler(&types, name, item.ty, "wasi:http/handler", WasiVersion::P3);
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
            self.kind = Kind::Handler { p2, p3 };
        }
        Ok(())
    }
}

/// Fails for what is nested too deep to be looked at soon.
fn shallow(bytes: &[u8]) -> Result<(), String> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } if depth == DEPTH => {
                return Err(format!("too much: it has components within components, more than {DEPTH} deep"));
            }
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What is wrong with a file, and where. The first line alone, as others quote the file.
fn broken(error: BinaryReaderError) -> String {
    let message = error.message().lines().next().unwrap_or_default();
    format!("broken at byte {}: {message}", error.offset())
}

/// The functions of an interface, until the bytes of their names are more than [`NAMES`].
fn functions_of(types: &Types, item: ComponentEntityType, names: &mut usize) -> Vec<String> {
    let ComponentEntityType::Instance(instance) = item else { return Vec::new() };
    let types = types.as_ref();
    let items = types[instance].exports.iter();
    let mut functions: Vec<String> = items
        .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
        .take_while(|(name, _)| {
            *names = names.saturating_add(name.len());
            *names <= NAMES
        })
        .map(|(name, _)| name.clone())
        .collect();
    functions.sort();
    functions
}

/// Whether an export is this interface, in a version of this line, with the function by which it is asked.
fn is_handler(types: &Types, export: &str, item: ComponentEntityType, interface: &str, line: WasiVersion) -> bool {
    let version = export.split_once('@').filter(|(name, _)| *name == interface).map(|(_, version)| version);
    let version = version.and_then(|version| Version::parse(version).ok());
    let ComponentEntityType::Instance(instance) = item else { return false };
    let types = types.as_ref();
    let handle = types[instance].exports.get("handle");
    version.is_some_and(|version| WasiVersion::of(&version) == Some(line))
        && handle.is_some_and(|item| matches!(item.ty, ComponentEntityType::Func(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};
    use wasmtime::Engine;
    use wasmtime::component::Component;

    fn of(text: &str) -> Inspection {
        Inspection::of(&wat::parse_str(text).unwrap())
    }

    /// Components that need a part of WebAssembly that may be there or not.
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
    fn a_component_is_broken_here_where_it_is_for_the_compiler() {
        let engine = Engine::new(&crate::engine::config()).unwrap();
        let (mut whole, mut broken) = (0, 0);
        for (part, text) in PARTS {
            let bytes = wat::parse_str(format!("(component {text})")).unwrap_or_else(|error| panic!("{part}: {error}"));
            let compiled = Component::new(&engine, &bytes);
            let fault = Inspection::of(&bytes).fault;
            assert_eq!(compiled.is_err(), fault.is_some(), "{part}: {:?}, {fault:?}", compiled.err());
            *(if fault.is_some() { &mut broken } else { &mut whole }) += 1;
        }
        assert!(whole > 5 && broken > 3, "{whole} whole, {broken} broken");
    }

    #[test]
    fn kinds_are_told() {
        let handler = |name: &str| {
            format!(
                r#"(component $of (core module $m (func (export "f"))) (core instance $i (instantiate $m))
                   (func $f (canon lift (core func $i "f"))) (instance $e (export "handle" (func $f)))
                   (export "{name}" (instance $e)))"#
            )
        };
        let rows = [
            (handler("wasi:http/handler@0.3.1"), Kind::Handler { p2: false, p3: true }),
            (handler("wasi:http/incoming-handler@0.2.0"), Kind::Handler { p2: true, p3: false }),
            (handler("wasi:http/handler@0.2.0"), Kind::Component),
            (handler("wasi:http/handler@0.3.0-rc-1"), Kind::Component),
            (handler("wasi:http/handler"), Kind::Component),
            (r#"(component (instance $e) (export "wasi:http/handler@0.3.0" (instance $e)))"#.into(), Kind::Component),
            ("(component)".into(), Kind::Component),
            ("(module)".into(), Kind::Module),
        ];
        for (text, expected) in rows {
            let inspection = of(&text);
            assert_eq!((inspection.kind, inspection.fault), (expected, None), "{text}");
        }
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01", b"\0asm\x0d\0\x02\0", b"#!/bin/sh\n"] {
            assert_eq!(Inspection::of(bytes).kind, Kind::Other, "{bytes:?}");
        }
    }

    /// What is cut off or changed anywhere is told, and ends nothing.
    #[test]
    fn nothing_in_a_file_is_trusted() {
        let text = r#"(component (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func (param "status" (result))))))
            (component $in (import "wasi:sockets/tcp@0.2.0" (instance))) (core module (func (drop (i32.const 1)))))"#;
        let whole = wat::parse_str(text).unwrap();
        let inspection = Inspection::of(&whole);
        assert_eq!((inspection.imports.len(), inspection.fault), (1, None), "what is within asks its own surroundings");
        for length in 0..whole.len() {
            assert!(!Inspection::of(&whole[..length]).reasons().is_empty(), "{length}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = Inspection::of(&changed).reasons();
            }
        }
    }

    /// Components within each other.
    fn nested(depth: usize) -> Vec<u8> {
        const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
        // The section of a component has its length in five digits of LEB128, whatever it is.
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
    fn what_lies_deep_or_says_much_is_told_soon() {
        let started = Instant::now();
        assert_eq!(Inspection::of(&nested(DEPTH as usize)).fault, None);
        for depth in [DEPTH as usize + 1, 1_000_000] {
            let fault = Inspection::of(&nested(depth)).fault.unwrap_or_default();
            assert!(fault.starts_with("too much: "), "{depth}: {fault}");
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
        let fault = inspection.fault.unwrap_or_default();
        assert!(fault.starts_with("too much: ") && inspection.imports.is_empty(), "{fault}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
