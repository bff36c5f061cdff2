//! Whether a component needs a directory: it imports the preopens, and is not a packed site.

use glasshouse_protocol::SITE_SECTION;
use wasmparser::{Parser, Payload};

/// The interface by which a component gets its directory.
const PREOPENS: &str = "wasi:filesystem/preopens@";

/// Whether a component needs a directory. Reads the file without validating it: `true` for a file that is broken or not
/// a component, because [`Inspection`](super::Inspection) reports that.
pub fn needs_directory(bytes: &[u8]) -> bool {
    outcome(bytes).unwrap_or(true)
}

fn outcome(bytes: &[u8]) -> wasmparser::Result<bool> {
    if !Parser::is_component(bytes) {
        return Ok(true);
    }
    let (mut depth, mut imports_preopens) = (0_u32, false);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ComponentSection { .. } | Payload::ModuleSection { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            // A packed site still imports the interface, because the standard library of its language does.
            Payload::CustomSection(section) if depth == 0 && section.name() == SITE_SECTION => return Ok(false),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports_preopens |= import?.name.name.starts_with(PREOPENS);
                }
            }
            _ => {}
        }
    }
    Ok(imports_preopens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preopens_need_a_directory_and_packed_sites_do_not() {
        const IMPORT: &str = r#"(import "wasi:filesystem/preopens@0.2.0" (instance))"#;
        const SECTION: &str = r#"(@custom "glasshouse:site" "")"#;
        for (text, expected) in [
            ("(component)".to_owned(), false),
            (r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#.to_owned(), false),
            (format!("(component {IMPORT})"), true),
            (format!("(component {IMPORT} {SECTION})"), false),
            (format!("(component {SECTION} {IMPORT})"), false),
            // Those of inner components do not count.
            (format!("(component (component {IMPORT}))"), false),
            (format!("(component {IMPORT} (component {SECTION}))"), true),
            ("(module)".to_owned(), true),
        ] {
            assert_eq!(needs_directory(&wat::parse_str(&text).unwrap()), expected, "{text}");
        }
        assert!(needs_directory(b"#!/bin/sh") && needs_directory(b"\0asm\x0d\0\x01\0\xff"));
    }
}
