//! The cost of one instance of a component for the host, besides its memory, counted before anything is compiled.
//!
//! A component can instantiate a module a thousand times, and another component can instantiate that one a thousand
//! times. The host needs memory and processor time for each part, and no limit of a request counts them.

use super::error::InspectionError;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    DataKind, ElementItems, Instance, Parser, Payload,
};

/// The parts of a file or of one instance, by kind. Counts saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost([u64; KINDS.len()]);

/// A kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CostKind {
    Instances,
    Functions,
    Imports,
    Globals,
    Tables,
    Memories,
    Elements,
    Data,
    Parts,
}

/// Each kind with its name and its limit for one instance. An interpreter with its library has a dozen core instances,
/// 30,000 functions and 10,000 globals. The host needs up to 40 bytes for a function or import, and 16 for a global. A
/// packed folder is data, and the longest one has 1 GiB.
const KINDS: [(CostKind, &str, u64); 9] = [
    (CostKind::Instances, "core instances", 100),
    (CostKind::Functions, "functions", 250_000),
    (CostKind::Imports, "imports of core instances", 100_000),
    (CostKind::Globals, "globals", 100_000),
    (CostKind::Tables, "tables", 100),
    (CostKind::Memories, "memories", 100),
    (CostKind::Elements, "elements for tables", 1_000_000),
    (CostKind::Data, "bytes of data for memories", 1 << 30),
    (CostKind::Parts, "functions, resources and instances of components", 50_000),
];

impl Cost {
    fn add(&mut self, kind: CostKind, count: impl TryInto<u64>) {
        let count = count.try_into().unwrap_or(u64::MAX);
        for (total, (each, ..)) in self.0.iter_mut().zip(KINDS) {
            if each == kind {
                *total = total.saturating_add(count);
            }
        }
    }

    fn add_all(&mut self, other: &Cost) {
        for (total, count) in self.0.iter_mut().zip(other.0) {
            *total = total.saturating_add(count);
        }
    }

    /// # Errors
    /// The first kind that exceeds its limit.
    fn check(&self, scope: &'static str) -> Result<(), InspectionError> {
        match self.0.iter().zip(KINDS).find(|(count, (.., max))| *count > max) {
            None => Ok(()),
            Some((count, (_, part, max))) => Err(InspectionError::TooMany { scope, part, count: *count, max }),
        }
    }
}

/// A module or component whose payloads are read.
enum OpenScope {
    Module(Cost),
    Component {
        /// The cost of each module and component that can be instantiated, by index. `None` for imported ones.
        modules: Vec<Option<Cost>>,
        components: Vec<Option<Cost>>,
        /// The cost of one instance.
        cost: Cost,
    },
}

impl OpenScope {
    fn component() -> OpenScope {
        OpenScope::Component { modules: Vec::new(), components: Vec::new(), cost: Cost::default() }
    }
}

/// Checks the cost of one instance, and of the file. Does not validate: an invalid index counts nothing, and the
/// validator reports it.
///
/// # Errors
/// A limit is exceeded, the cost cannot be computed, or the file is broken.
pub(crate) fn check(bytes: &[u8]) -> Result<(), InspectionError> {
    let mut open: Vec<OpenScope> = Vec::new();
    // All modules of the file, because all are compiled.
    let mut file = Cost::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: wasmparser::Encoding::Module, .. } => {
                open.push(OpenScope::Module(Cost::default()));
            }
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => open.push(OpenScope::component()),
            Payload::End(_) => {
                let Some(closed) = open.pop() else { continue };
                let (cost, is_module) = match closed {
                    OpenScope::Module(cost) => {
                        file.add_all(&cost);
                        (cost, true)
                    }
                    OpenScope::Component { cost, .. } => (cost, false),
                };
                match open.last_mut() {
                    Some(OpenScope::Component { modules, components, .. }) => {
                        (if is_module { modules } else { components }).push(Some(cost));
                    }
                    Some(OpenScope::Module(_)) => {}
                    None => cost.check("one instance of it")?,
                }
            }
            payload => count(&mut open, payload)?,
        }
    }
    file.check("the file")
}

/// Counts a payload of the innermost scope.
fn count(open: &mut [OpenScope], payload: Payload<'_>) -> Result<(), InspectionError> {
    let Some((last, around)) = open.split_last_mut() else { return Ok(()) };
    match last {
        OpenScope::Module(cost) => count_of_module(cost, payload),
        OpenScope::Component { modules, components, cost } => {
            count_of_component(modules, components, cost, around, payload)
        }
    }
}

fn count_of_module(cost: &mut Cost, payload: Payload<'_>) -> Result<(), InspectionError> {
    match payload {
        Payload::ImportSection(section) => cost.add(CostKind::Imports, section.into_imports().count()),
        Payload::FunctionSection(section) => cost.add(CostKind::Functions, section.count()),
        Payload::GlobalSection(section) => cost.add(CostKind::Globals, section.count()),
        Payload::TableSection(section) => cost.add(CostKind::Tables, section.count()),
        Payload::MemorySection(section) => cost.add(CostKind::Memories, section.count()),
        Payload::ElementSection(section) => {
            for element in section {
                match element?.items {
                    ElementItems::Functions(items) => cost.add(CostKind::Elements, items.count()),
                    ElementItems::Expressions(_, items) => cost.add(CostKind::Elements, items.count()),
                }
            }
        }
        Payload::DataSection(section) => {
            for data in section {
                let data = data?;
                // The code of the instance copies passive data, and its time is limited.
                if let DataKind::Active { .. } = data.kind {
                    cost.add(CostKind::Data, data.data.len());
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn count_of_component(
    modules: &mut Vec<Option<Cost>>,
    components: &mut Vec<Option<Cost>>,
    cost: &mut Cost,
    around: &[OpenScope],
    payload: Payload<'_>,
) -> Result<(), InspectionError> {
    match payload {
        Payload::InstanceSection(section) => {
            for instance in section {
                match instance? {
                    Instance::Instantiate { module_index, .. } => {
                        cost.add(CostKind::Instances, 1_u64);
                        cost.add_all(&cost_of(modules, module_index)?);
                    }
                    Instance::FromExports(_) => cost.add(CostKind::Parts, 1_u64),
                }
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                cost.add(CostKind::Parts, 1_u64);
                if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                    cost.add_all(&cost_of(components, component_index)?);
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => cost.add(CostKind::Parts, section.count()),
        Payload::ComponentTypeSection(section) => {
            for of_type in section {
                if let ComponentType::Resource { .. } = of_type? {
                    cost.add(CostKind::Parts, 1_u64);
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                match import?.ty {
                    ComponentTypeRef::Module(_) => modules.push(None),
                    ComponentTypeRef::Component(_) => components.push(None),
                    _ => {}
                }
            }
        }
        // An export has an index as well.
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export?;
                match export.kind {
                    ComponentExternalKind::Module => modules.push(at(modules, export.index)),
                    ComponentExternalKind::Component => components.push(at(components, export.index)),
                    _ => {}
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias? {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => modules.push(None),
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        components.push(None)
                    }
                    ComponentAlias::Outer { kind, count, index } => {
                        let outer = outer(around, (&*modules, &*components), count);
                        match kind {
                            ComponentOuterAliasKind::CoreModule => modules.push(outer.0.and_then(|all| at(all, index))),
                            ComponentOuterAliasKind::Component => {
                                components.push(outer.1.and_then(|all| at(all, index)))
                            }
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}

type Costs<'a> = &'a [Option<Cost>];

/// The modules and components of the scope that is `count` levels outside.
fn outer<'a>(
    around: &'a [OpenScope],
    own: (Costs<'a>, Costs<'a>),
    count: u32,
) -> (Option<Costs<'a>>, Option<Costs<'a>>) {
    let Some(levels) = usize::try_from(count).ok().and_then(|count| count.checked_sub(1)) else {
        return (Some(own.0), Some(own.1));
    };
    match around.iter().rev().nth(levels) {
        Some(OpenScope::Component { modules, components, .. }) => (Some(modules), Some(components)),
        _ => (None, None),
    }
}

fn at(all: &[Option<Cost>], index: u32) -> Option<Cost> {
    all.get(usize::try_from(index).ok()?).copied().flatten()
}

/// The cost of one instance of a module or component.
fn cost_of(all: &[Option<Cost>], index: u32) -> Result<Cost, InspectionError> {
    match usize::try_from(index).ok().and_then(|index| all.get(index)) {
        Some(Some(cost)) => Ok(*cost),
        Some(None) => Err(InspectionError::UnknownCost),
        None => Ok(Cost::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant as Clock};

    #[track_caller]
    fn rejected(text: &str) -> Option<String> {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}: {}", &text[..text.len().min(400)]));
        check(&bytes).err().map(|error| error.to_string())
    }

    /// A component that instantiates a module `count` times.
    fn times(module: &str, count: usize) -> String {
        format!("(component (core module $m {module}) {})", "(core instance (instantiate $m))".repeat(count))
    }

    #[test]
    fn each_kind_is_counted_for_each_instance() {
        let rows: &[(&str, String, usize, &str)] = &[
            ("", String::new(), 100, "core instances"),
            ("functions", "(func)".repeat(25_000), 10, "250000 functions"),
            ("imports", r#"(import "" "" (func))"#.repeat(10_000), 10, "imports"),
            ("globals", "(global i64 (i64.const 1))".repeat(10_000), 10, "100000 globals"),
            ("tables", "(table 0 funcref)".repeat(10), 10, "tables"),
            ("memories", "(memory 0)".repeat(10), 10, "memories"),
            (
                "elements",
                format!("(table 0 funcref) (func $f) (elem (i32.const 0) {})", "$f ".repeat(100_000)),
                10,
                "elements",
            ),
            ("data", format!(r#"(memory 400) (data (i32.const 0) "{}")"#, "x".repeat(1 << 24)), 64, "bytes of data"),
        ];
        for (what, module, most, name) in rows {
            assert_eq!(rejected(&times(module, *most)), None, "{what}");
            let over = rejected(&times(module, most + 1)).unwrap_or_else(|| panic!("{what} is not counted"));
            let (name, limit) = (name.trim_start_matches(|char: char| char.is_ascii_digit() || char == ' '), KINDS);
            let limit = limit.iter().find(|(_, part, _)| part.starts_with(name)).expect("a kind").2;
            let is_reported = over.contains(name) && over.ends_with(&format!("and may have {limit}"));
            assert!(is_reported && over.starts_with("too much: one instance of it has "), "{what}: {over}");
        }
    }

    /// Sixty levels of ten instances each: a file of a few kilobytes with more instances than there are atoms.
    #[test]
    fn instances_within_instances_are_multiplied() {
        let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        for level in 1..60 {
            let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
            text = format!("(component $c{level} {text} {inner})");
        }
        let started = Clock::now();
        let error = rejected(&text).unwrap();
        assert!(error.contains(&format!("has {} core instances", u64::MAX)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn instances_without_code_are_counted_as_parts() {
        let mut text = "(component $c0)".to_owned();
        for level in 1..6 {
            let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
            text = format!("(component $c{level} {text} {inner})");
        }
        assert!(rejected(&text).unwrap().contains("111110 functions, resources and instances of components"));
        let resources = format!("(component {})", "(type (resource (rep i32)))".repeat(50_001));
        assert!(rejected(&resources).unwrap().contains("50001 functions, resources"));
        let lifted = r#"(core func (canon task.cancel))"#.repeat(50_001);
        assert!(rejected(&format!("(component {lifted})")).unwrap().contains("50001 functions"));
    }

    /// An alias or export counts like the original.
    #[test]
    fn aliases_are_followed() {
        let hundred = "(core instance (instantiate $n))".repeat(101);
        for text in [
            format!(r#"(component (core module $m) (export $n "x" (core module $m)) {hundred})"#),
            format!(
                "(component (core module $m) (component $c (alias outer 1 0 (core module $n)) {hundred})
                   (instance (instantiate $c)))"
            ),
            format!(
                "(component (component $d (core module $n) {hundred})
                   (component $c (alias outer 1 0 (component $e)) (instance (instantiate $e)))
                   (instance (instantiate $c)))"
            ),
        ] {
            assert!(rejected(&text).is_some_and(|error| error.contains("101 core instances")), "{text}");
        }
    }

    #[test]
    fn imported_modules_cannot_be_instantiated() {
        for text in [
            r#"(component (import "m" (core module $m)) (core instance (instantiate $m)))"#,
            r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#,
            r#"(component (component $c (core module $m) (export "m" (core module $m))) (instance $i (instantiate $c))
                (alias export $i "m" (core module $n)) (core instance (instantiate $n)))"#,
        ] {
            assert!(rejected(text).is_some_and(|error| error.contains("that it imports")), "{text}");
        }
        assert_eq!(rejected(r#"(component (import "m" (core module $m)))"#), None);
    }

    #[test]
    fn all_of_the_file_counts_once() {
        let modules = format!("(component {})", format!("(core module {})", "(func)".repeat(25_001)).repeat(10));
        assert!(rejected(&modules).is_some_and(|error| error.starts_with("too much: the file has 250010 functions")));
    }

    #[test]
    fn the_built_in_handlers_are_within_the_limits() {
        for bytes in [&**crate::P2, &**crate::P3] {
            assert_eq!(check(bytes), Ok(()));
        }
    }
}
