//! What one instance of a component costs the host beside its memory, counted before anything is compiled. A component
//! may make a module a thousand times, and a component that does so again a thousand times; memory and processor time
//! of that are the host's own, so no limit of a request counts them. It refuses to know what the parts are for.

use super::broken;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    DataKind, ElementItems, Instance, Parser, Payload,
};

/// What something has, or one instance of it. Counts stay at the largest number rather than overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost([u64; KINDS.len()]);

/// One of the counts of a [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Kind {
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

/// Each kind, what it is called, and how many one instance of a component may have. An interpreter with its library has
/// a dozen core instances, 30,000 functions and 10,000 globals; for each function and import the host keeps up to 40
/// bytes, for a global 16.
const KINDS: [(Kind, &str, u64); 9] = [
    (Kind::Instances, "core instances", 100),
    (Kind::Functions, "functions", 250_000),
    (Kind::Imports, "imports of core instances", 100_000),
    (Kind::Globals, "globals", 100_000),
    (Kind::Tables, "tables", 100),
    (Kind::Memories, "memories", 100),
    (Kind::Elements, "elements for tables", 1_000_000),
    (Kind::Data, "bytes of data for memories", 256 << 20),
    (Kind::Parts, "functions, resources and instances of components", 50_000),
];

impl Cost {
    fn add(&mut self, kind: Kind, count: impl TryInto<u64>) {
        if let Some(total) = self.0.get_mut(kind as usize) {
            *total = total.saturating_add(count.try_into().unwrap_or(u64::MAX));
        }
    }

    fn add_all(&mut self, other: &Cost) {
        for (kind, _, _) in KINDS {
            self.add(kind, other.of(kind));
        }
    }

    fn of(&self, kind: Kind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(u64::MAX)
    }

    /// # Errors
    /// Whatever there is too much of.
    fn check(&self, of_what: &str) -> Result<(), String> {
        match KINDS.into_iter().find(|(kind, _, most)| self.of(*kind) > *most) {
            None => Ok(()),
            Some((kind, name, most)) => {
                Err(format!("too much: {of_what} has {} {name}, and may have {most}", self.of(kind)))
            }
        }
    }
}

/// A component or module that is being read.
enum Open {
    Module(Cost),
    Component {
        /// What there is to be instantiated, by its index; `None` for what is given from outside.
        modules: Vec<Option<Cost>>,
        components: Vec<Option<Cost>>,
        /// Of one instance.
        cost: Cost,
    },
}

impl Open {
    fn component() -> Open {
        Open::Component { modules: Vec::new(), components: Vec::new(), cost: Cost::default() }
    }
}

/// Fails for a component of which one instance costs too much, or that has too much in it. What else may be wrong with
/// it is for the validator to find: here an index that leads nowhere counts for nothing.
///
/// # Errors What there is too much of, or why that cannot be told.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut open: Vec<Open> = Vec::new();
    // Everything in the file once, instantiated or not: all of it is compiled.
    let mut file = Cost::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { encoding: wasmparser::Encoding::Module, .. } => open.push(Open::Module(Cost::default())),
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => open.push(Open::component()),
            Payload::End(_) => {
                let Some(closed) = open.pop() else { continue };
                let (cost, is_module) = match closed {
                    Open::Module(cost) => {
                        file.add_all(&cost);
                        (cost, true)
                    }
                    Open::Component { cost, .. } => (cost, false),
                };
                match open.last_mut() {
                    Some(Open::Component { modules, components, .. }) => {
                        (if is_module { modules } else { components }).push(Some(cost));
                    }
                    Some(Open::Module(_)) => {}
                    None => cost.check("one instance of it")?,
                }
            }
            payload => count(&mut open, payload)?,
        }
    }
    file.check("the file")
}

/// Counts a part of what was opened last.
fn count(open: &mut [Open], payload: Payload<'_>) -> Result<(), String> {
    let Some((last, around)) = open.split_last_mut() else { return Ok(()) };
    match last {
        Open::Module(cost) => count_of_module(cost, payload),
        Open::Component { modules, components, cost } => count_of_component(modules, components, cost, around, payload),
    }
}

fn count_of_module(cost: &mut Cost, payload: Payload<'_>) -> Result<(), String> {
    match payload {
        Payload::ImportSection(section) => cost.add(Kind::Imports, section.into_imports().count()),
        Payload::FunctionSection(section) => cost.add(Kind::Functions, section.count()),
        Payload::GlobalSection(section) => cost.add(Kind::Globals, section.count()),
        Payload::TableSection(section) => cost.add(Kind::Tables, section.count()),
        Payload::MemorySection(section) => cost.add(Kind::Memories, section.count()),
        Payload::ElementSection(section) => {
            for element in section {
                match element.map_err(broken)?.items {
                    ElementItems::Functions(items) => cost.add(Kind::Elements, items.count()),
                    ElementItems::Expressions(_, items) => cost.add(Kind::Elements, items.count()),
                }
            }
        }
        Payload::DataSection(section) => {
            for data in section {
                let data = data.map_err(broken)?;
                // What is not copied when an instance is made is copied by its code, whose time is counted.
                if let DataKind::Active { .. } = data.kind {
                    cost.add(Kind::Data, data.data.len());
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
    around: &[Open],
    payload: Payload<'_>,
) -> Result<(), String> {
    match payload {
        Payload::InstanceSection(section) => {
            for instance in section {
                match instance.map_err(broken)? {
                    Instance::Instantiate { module_index, .. } => {
                        cost.add(Kind::Instances, 1_u64);
                        cost.add_all(&known(modules, module_index)?);
                    }
                    Instance::FromExports(_) => cost.add(Kind::Parts, 1_u64),
                }
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                cost.add(Kind::Parts, 1_u64);
                if let ComponentInstance::Instantiate { component_index, .. } = instance.map_err(broken)? {
                    cost.add_all(&known(components, component_index)?);
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => cost.add(Kind::Parts, section.count()),
        Payload::ComponentTypeSection(section) => {
            for of_type in section {
                if let ComponentType::Resource { .. } = of_type.map_err(broken)? {
                    cost.add(Kind::Parts, 1_u64);
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                match import.map_err(broken)?.ty {
                    ComponentTypeRef::Module(_) => modules.push(None),
                    ComponentTypeRef::Component(_) => components.push(None),
                    _ => {}
                }
            }
        }
        // What is exported has a second index.
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export.map_err(broken)?;
                match export.kind {
                    ComponentExternalKind::Module => modules.push(at(modules, export.index)),
                    ComponentExternalKind::Component => components.push(at(components, export.index)),
                    _ => {}
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias.map_err(broken)? {
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

type Known<'a> = &'a [Option<Cost>];

/// The modules and components of the component that is so many levels around.
fn outer<'a>(around: &'a [Open], own: (Known<'a>, Known<'a>), count: u32) -> (Option<Known<'a>>, Option<Known<'a>>) {
    let Some(levels) = usize::try_from(count).ok().and_then(|count| count.checked_sub(1)) else {
        return (Some(own.0), Some(own.1));
    };
    match around.iter().rev().nth(levels) {
        Some(Open::Component { modules, components, .. }) => (Some(modules), Some(components)),
        _ => (None, None),
    }
}

fn at(all: &[Option<Cost>], index: u32) -> Option<Cost> {
    all.get(usize::try_from(index).ok()?).copied().flatten()
}

/// What an instance of this costs.
fn known(all: &[Option<Cost>], index: u32) -> Result<Cost, String> {
    match usize::try_from(index).ok().and_then(|index| all.get(index)) {
        Some(Some(cost)) => Ok(*cost),
        Some(None) => {
            Err("too much: it makes an instance of what it is given from outside, and nobody can tell how much \
                           that costs"
                .into())
        }
        None => Ok(Cost::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant as Clock};

    #[track_caller]
    fn told(text: &str) -> Option<String> {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}: {}", &text[..text.len().min(400)]));
        check(&bytes).err()
    }

    /// A component that makes a module so many times.
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
            ("data", format!(r#"(memory 400) (data (i32.const 0) "{}")"#, "x".repeat(1 << 24)), 16, "bytes of data"),
        ];
        for (what, module, most, name) in rows {
            assert_eq!(told(&times(module, *most)), None, "{what}");
            let over = told(&times(module, most + 1)).unwrap_or_else(|| panic!("{what} is not counted"));
            let (name, limit) = (name.trim_start_matches(|char: char| char.is_ascii_digit() || char == ' '), KINDS);
            let limit = limit.iter().find(|(_, told, _)| told.starts_with(name)).expect("a kind").2;
            let is_told = over.contains(name) && over.ends_with(&format!("and may have {limit}"));
            assert!(is_told && over.starts_with("too much: one instance of it has "), "{what}: {over}");
        }
    }

    /// Ten of ten of ten, and so on: a file of a few hundred bytes with more instances than there are atoms.
    #[test]
    fn instances_within_instances_are_multiplied() {
        let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        for level in 1..60 {
            let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
            text = format!("(component $c{level} {text} {inner})");
        }
        let started = Clock::now();
        let told = told(&text).unwrap();
        assert!(told.contains(&format!("has {} core instances", u64::MAX)), "{told}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_costs_nothing_is_counted_as_a_part() {
        let mut text = "(component $c0)".to_owned();
        for level in 1..6 {
            let inner = format!("(instance (instantiate $c{}))", level - 1).repeat(10);
            text = format!("(component $c{level} {text} {inner})");
        }
        assert!(told(&text).unwrap().contains("111110 functions, resources and instances of components"));
        let resources = format!("(component {})", "(type (resource (rep i32)))".repeat(50_001));
        assert!(told(&resources).unwrap().contains("50001 functions, resources"));
        let lifted = r#"(core func (canon task.cancel))"#.repeat(50_001);
        assert!(told(&format!("(component {lifted})")).unwrap().contains("50001 functions"));
    }

    /// However a module or component is named, it is the one that it is.
    #[test]
    fn other_names_of_the_same_are_followed() {
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
            assert!(told(&text).is_some_and(|told| told.contains("101 core instances")), "{text}");
        }
    }

    #[test]
    fn what_is_given_from_outside_makes_no_instances() {
        for text in [
            r#"(component (import "m" (core module $m)) (core instance (instantiate $m)))"#,
            r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#,
            r#"(component (component $c (core module $m) (export "m" (core module $m))) (instance $i (instantiate $c))
                (alias export $i "m" (core module $n)) (core instance (instantiate $n)))"#,
        ] {
            assert!(told(text).is_some_and(|told| told.contains("from outside")), "{text}");
        }
        assert_eq!(told(r#"(component (import "m" (core module $m)))"#), None);
    }

    #[test]
    fn all_of_the_file_counts_once() {
        let modules = format!("(component {})", format!("(core module {})", "(func)".repeat(25_001)).repeat(10));
        assert!(told(&modules).is_some_and(|told| told.starts_with("too much: the file has 250010 functions")));
    }

    #[test]
    fn the_handlers_of_this_program_are_far_from_it() {
        for bytes in [crate::P2, crate::P3] {
            assert_eq!(check(bytes), Ok(()));
        }
    }
}
