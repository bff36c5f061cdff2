//! Listings in JSON match docs/listing.schema.json for any directory.

use glasshouse_core::http::date::HttpTime;
use glasshouse_core::tree::memory::{MemoryNode, MemoryTree};
use glasshouse_core::{Body, Config, Request, answer, at_once};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "the core reads through `Tree`, its tests read the documents")]
fn schema() -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/listing.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).expect("the schema is there")).expect("it is JSON");
    jsonschema::validator_for(&schema).expect("it is a schema")
}

/// The JSON response to a GET.
fn json(tree: &MemoryTree, target: &str, config: &Config) -> Value {
    let accept = |name: &str| if name == "accept" { vec![b"application/json".to_vec()] } else { Vec::new() };
    let request = Request::read("GET", Some(target), accept);
    let reply = at_once(answer(&request, tree, config)).expect("memory never waits");
    let bytes = match reply.write(request.method).1 {
        Body::Bytes(bytes) => bytes,
        Body::Generated(mut generated) => {
            let mut all = Vec::new();
            while let Some(piece) =
                at_once(generated.next(tree)).expect("memory never waits").expect("nothing is cut off")
            {
                all.extend(piece);
            }
            all
        }
        body => panic!("{body:?}"),
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
}

#[track_caller]
fn check(schema: &Validator, json: &Value) {
    let errors: Vec<String> = schema.iter_errors(json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{json:#}");
}

#[test]
fn every_kind_of_entry_is_described() {
    let (schema, mut tree) = (schema(), MemoryTree::default());
    for (path, node) in [
        ("sub/deep/file", MemoryNode::File(b"x".to_vec(), HttpTime::new(5, 7))),
        ("undated", MemoryNode::File(Vec::new(), None)),
        ("closed", MemoryNode::Special),
        ("to-file", MemoryNode::Link("undated".into())),
        ("to-dir", MemoryNode::Link("sub".into())),
        ("to-nothing", MemoryNode::Link("nowhere".into())),
    ] {
        tree.insert(path, node);
    }
    let config = Config::default();
    let root = json(&tree, "/", &config);
    check(&schema, &root);
    let entries = root.get("entries").and_then(Value::as_array).map(Vec::len);
    assert_eq!(entries, Some(6));
    for target in ["/sub/", "/?search=file", "/?search=none", "/?sort=size&order=desc&search=o"] {
        check(&schema, &json(&tree, target, &config));
    }
    check(&schema, &json(&tree, "/", &Config { listing_max: 2, ..config }));
}

#[test]
fn a_long_listing_is_the_same() {
    let mut tree = MemoryTree::default();
    for index in 0..3_000 {
        tree.insert(&format!("file {index}"), MemoryNode::File(vec![b'x'; index % 7], HttpTime::new(9, 0)));
    }
    let json = json(&tree, "/?sort=size&order=desc", &Config::default());
    check(&schema(), &json);
    let sizes = json.get("entries").and_then(Value::as_array).into_iter().flatten();
    let sizes: Vec<_> = sizes.filter_map(|entry| entry.get("size")?.as_u64()).collect();
    assert!(sizes.len() == 3_000 && sizes.is_sorted_by(|one, next| one >= next));
}

#[test]
fn the_schema_rejects_other_json() {
    let schema = schema();
    for wrong in [
        r#"{}"#,
        r#"{"path":"sub","entries":[],"omitted":0,"stopped":null}"#,
        r#"{"path":"/","entries":[{"name":"a"}],"omitted":0,"stopped":null}"#,
        r#"{"path":"/","entries":[],"omitted":-1,"stopped":null}"#,
        r#"{"path":"/","entries":[{"name":"a","kind":"file","size":1,"modified":null,"href":"/a"}],"omitted":0,
            "stopped":null}"#,
    ] {
        let wrong = serde_json::from_str(wrong).expect("it is JSON");
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_is_described(names in prop::collection::vec("[^/\0]{1,9}", 0..9), term in "[^&#+%]{0,2}") {
        let mut tree = MemoryTree::default();
        for name in &names {
            tree.insert(&format!("a/{name}"), MemoryNode::File(Vec::new(), HttpTime::new(1, 0)));
        }
        let schema = schema();
        check(&schema, &json(&tree, "/", &Config::default()));
        if !names.is_empty() {
            check(&schema, &json(&tree, &format!("/a/?search={term}"), &Config::default()));
        }
    }
}
