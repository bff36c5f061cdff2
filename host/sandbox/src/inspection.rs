//! What a file is, as far as can be told without compiling it: its kind, what it imports and exports, and why it could not serve.
//! It runs nothing of it, and refuses to know where it is from. The file may be anybody's: it can be anything, and is judged within
//! bounds.

use crate::capability::{Line, Standing};
use semver::Version;
use std::fmt;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{BinaryReaderError, Parser, Payload, Validator, WasmFeatures};

/// Bytes that the names of imported functions may have together. A file can name one list of them many times, and so have names
/// that are longer than itself.
const NAMES: usize = 1 << 20;

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
    pub standing: Standing,
}

/// What was found out about a file.
#[derive(Debug)]
pub struct Inspection {
    pub kind: Kind,
    /// In the order of their names.
    pub imports: Vec<Import>,
    /// In the order of their names.
    pub exports: Vec<String>,
    /// Why nothing can be told of the insides of what begins like WebAssembly.
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
            inspection.fault = Some(fault);
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
            Kind::Component | Kind::Handler { .. } => self.fault.iter().map(|fault| format!("it is {fault}")).collect(),
        };
        reasons.extend(self.imports.iter().filter_map(|Import { name, standing, .. }| match standing {
            Standing::Granted => None,
            Standing::Refused(reason) => Some(format!("it imports {name}, which is refused: {reason}")),
            Standing::Unknown => Some(format!("it imports {name}, which this host does not know")),
        }));
        if self.kind == Kind::Component && self.fault.is_none() {
            let neither = "it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2";
            reasons.push(neither.into());
        }
        reasons
    }

    fn look_inside(&mut self, bytes: &[u8]) -> Result<(), String> {
        let broken = |error: BinaryReaderError| {
            // The first line alone, as others quote the file.
            let message = error.message().lines().next().unwrap_or_default();
            format!("broken at byte {}: {message}", error.offset())
        };
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
                        self.imports.push(Import { name: name.into(), functions, standing: Standing::of(name) });
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let name = export.map_err(broken)?.name.name;
                        if let Some(item) = types.as_ref().component_item_for_export(name) {
                            p2 |= is_handler(&types, name, item.ty, "wasi:http/incoming-handler", Line::P2);
                            p3 |= is_handler(&types, name, item.ty, "wasi:http/handler", Line::P3);
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
fn is_handler(types: &Types, export: &str, item: ComponentEntityType, interface: &str, line: Line) -> bool {
    let version = export.split_once('@').filter(|(name, _)| *name == interface).map(|(_, version)| version);
    let version = version.and_then(|version| Version::parse(version).ok());
    let ComponentEntityType::Instance(instance) = item else { return false };
    let types = types.as_ref();
    let handle = types[instance].exports.get("handle");
    version.is_some_and(|version| Line::of(&version) == Some(line))
        && handle.is_some_and(|item| matches!(item.ty, ComponentEntityType::Func(_)))
}
