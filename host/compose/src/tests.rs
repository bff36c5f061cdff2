//! Compositions of small components, read back by their imports and exports.

use super::*;
use wasmparser::{Validator, WasmFeatures};

/// A component for a chain. Its handler interface has the function `handle` without a request, as all parts here.
fn part(imports: &[&str], export: &str) -> Vec<u8> {
    let imports: String = imports
        .iter()
        .map(|name| match name.split('@').next().unwrap_or_default() {
            "wasi:filesystem/types" => {
                format!(r#"(import "{name}" (instance $types (export "descriptor" (type (sub resource)))))"#)
            }
            "wasi:filesystem/preopens" => format!(
                r#"(alias export $types "descriptor" (type $d))
                   (import "{name}" (instance (alias outer $of $d (type $e)) (export "descriptor" (type $f (eq $e)))
                       (export "get-directories" (func (result (list (tuple (own $f) string)))))))"#
            ),
            _ => format!(r#"(import "{name}" (instance (export "handle" (func))))"#),
        })
        .collect();
    let text = format!(
        r#"(component $of {imports} (core module $m (func (export "f"))) (core instance $i (instantiate $m))
           (func $f (canon lift (core func $i "f"))) (instance $e (export "handle" (func $f)))
           (export "{export}" (instance $e)))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

const P3: &str = "wasi:http/handler@0.3.2";
const P3_OLD: &str = "wasi:http/handler@0.3.0";
const P2: &str = "wasi:http/incoming-handler@0.2.6";
const TYPES: &str = "wasi:filesystem/types@0.2.6";
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.6";

fn chain_of(middleware: &[(&str, Vec<u8>)], handler: &[u8], to: Directories) -> Result<Interfaces, ComposeError> {
    let parts: Vec<_> = middleware.iter().map(|(name, bytes)| ChainPart { name, bytes }).collect();
    let composed = Middleware::new(&parts)?.compose(ChainPart { name: "handler", bytes: handler }, to)?;
    Validator::new_with_features(WasmFeatures::default() | WasmFeatures::CM_ASYNC)
        .validate_all(&composed)
        .expect("a valid component");
    Interfaces::read(&ChainPart { name: "composition", bytes: &composed })
}

#[test]
fn a_chain_is_one_handler() {
    let middleware = [("a", part(&[P3], P3)), ("b", part(&[P3_OLD], P3_OLD)), ("c", part(&[P3], P3))];
    let composed = chain_of(&middleware, &part(&[], P3), Directories::FromHost).unwrap();
    assert_eq!((composed.imports.len(), composed.exports), (0, vec![P3.to_owned()]));
    let composed = chain_of(&[("a", part(&[P2], P2))], &part(&[], P2), Directories::FromHost).unwrap();
    assert_eq!(composed.exports, [P2]);
}

#[test]
fn only_the_handler_gets_directories() {
    let reader = || part(&[TYPES, PREOPENS, P3], P3);
    let (reads, reads_not) = (part(&[TYPES, PREOPENS], P3), part(&[], P3));
    let imports = |middleware: &[(&str, Vec<u8>)], handler: &[u8], to| {
        chain_of(middleware, handler, to).map(|composed| composed.imports).unwrap()
    };
    let both = [TYPES, PREOPENS];
    assert_eq!(imports(&[("a", reader()), ("b", reader())], &reads_not, Directories::FromHost), [TYPES]);
    assert_eq!(imports(&[("a", reader())], &reads, Directories::FromHost), both);
    assert_eq!(imports(&[("a", reader())], &reads, Directories::Empty), [TYPES]);
    assert_eq!(imports(&[("a", part(&[P3], P3))], &reads, Directories::FromHost), both);
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let (p3, p2) = (|| part(&[P3], P3), || part(&[P2], P2));
    let handler = part(&[], P3);
    let name = || "b".to_owned();
    let rows = [
        (vec![("a", p3()), ("b", part(&[], P3))], &handler, ComposeError::ImportsNoHandler { name: name() }),
        (
            vec![("a", p3()), ("b", part(&[P3], P2))],
            &handler,
            ComposeError::ExportsNoHandler { name: name(), import: P3.into() },
        ),
        (vec![("a", p2()), ("b", p3())], &handler, ComposeError::Mixed { p2: "a".into(), p3: name() }),
        (vec![("a", p3()), ("b", p2())], &handler, ComposeError::Mixed { p2: name(), p3: "a".into() }),
        (
            vec![("a", p2())],
            &handler,
            ComposeError::OtherVersion {
                name: "handler".into(),
                handler: HttpVersion::P3,
                middleware: HttpVersion::P2,
            },
        ),
        (vec![("a", p3())], &p3(), ComposeError::HandlerIsMiddleware { name: "handler".into(), import: P3.into() }),
        (vec![("a", p3())], &part(&[], "acme:a/b"), ComposeError::NoHandler { name: "handler".into() }),
    ];
    for (middleware, handler, expected) in rows {
        let error = chain_of(&middleware, handler, Directories::FromHost).unwrap_err();
        assert_eq!(error, expected);
    }
    let broken = chain_of(&[("b", b"#!/bin/sh".to_vec())], &handler, Directories::FromHost).unwrap_err();
    assert!(matches!(&broken, ComposeError::Broken { name, .. } if name == "b"), "{broken}");
    let other = r#"(component (import "wasi:http/handler@0.3.0" (instance $e (export "handle" (func (param "a" u8)))))
                   (export "wasi:http/handler@0.3.1" (instance $e)))"#;
    let other = chain_of(&[("b", wat::parse_str(other).unwrap())], &handler, Directories::FromHost).unwrap_err();
    assert!(matches!(&other, ComposeError::Mismatch { name, reason } if name == "b" && !reason.is_empty()), "{other}");
}

/// A truncated or changed component is an error, and does not panic here.
#[test]
fn nothing_in_a_file_is_trusted() {
    let (middleware, handler) = (part(&[TYPES, PREOPENS, P3], P3), part(&[], P3));
    let compose = |bytes: &[u8]| {
        let middleware = Middleware::new(&[ChainPart { name: "a", bytes }])?;
        middleware.compose(ChainPart { name: "handler", bytes: &handler }, Directories::FromHost)
    };
    assert!(compose(&middleware).is_ok());
    let failed = (0..middleware.len()).filter(|length| compose(&middleware[..*length]).is_err()).count();
    // The last section, with names, may be absent.
    assert!(failed > middleware.len() / 2, "{failed} of {}", middleware.len());
    for at in 0..middleware.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = middleware.clone();
            changed[at] = byte;
            let _ = compose(&changed);
        }
    }
}
