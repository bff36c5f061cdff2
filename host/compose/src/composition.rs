//! Recognizes a component that contains other components with code.

use wasmparser::{Parser, Payload};

/// Whether a component is a composition: a component in it has code. `false` for a file that is broken.
///
/// In a composition, the built-in handler may be behind middleware. It must then not pass its response to the host by
/// the way of `GLASSHOUSE_BODY=direct`, because the middleware would not see the response.
pub fn is_composition(bytes: &[u8]) -> bool {
    let (mut depth, mut modules) = (0_u32, 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            // The encoder of components also nests components without code, for exports.
            Ok(Payload::ModuleSection { .. }) if depth > 0 => return true,
            Ok(Payload::ModuleSection { .. }) => modules = modules.saturating_add(1),
            Ok(Payload::ComponentSection { .. }) => depth = depth.saturating_add(1),
            Ok(Payload::End(_)) if modules > 0 => modules = modules.saturating_sub(1),
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_a_nested_component_makes_a_composition() {
        for (text, expected) in [
            ("(component)", false),
            ("(component (core module))", false),
            ("(component (core module) (component) (core module))", false),
            ("(component (component (component)))", false),
            ("(component (component (core module)))", true),
            ("(component (core module) (component (component (core module))))", true),
            ("(module)", false),
        ] {
            assert_eq!(is_composition(&wat::parse_str(text).expect("a component")), expected, "{text}");
        }
        assert!(!is_composition(b"#!/bin/sh"));
    }
}
