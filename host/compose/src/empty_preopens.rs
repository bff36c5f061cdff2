//! A component that exports `wasi:filesystem/preopens` and returns no directory.

use crate::error::ComposeError;

/// The component in the binary format. `preopens` and `types` are the names of the interfaces with their versions, as
/// a middleware imports them, because the descriptors in its (empty) list have the type of that version.
///
/// # Errors
/// A name is invalid.
pub(crate) fn component(preopens: &str, types: &str) -> Result<Vec<u8>, ComposeError> {
    // The list has no elements: address and length are 0.
    let text = format!(
        r#"(component
            (import "{types}" (instance $types (export "descriptor" (type (sub resource)))))
            (alias export $types "descriptor" (type $descriptor))
            (core module $code
                (memory (export "memory") 1)
                (func (export "get-directories") (result i32) (i32.const 0)))
            (core instance $instance (instantiate $code))
            (alias core export $instance "memory" (core memory $memory))
            (type $directories (func (result (list (tuple (own $descriptor) string)))))
            (func $get (type $directories)
                (canon lift (core func $instance "get-directories") (memory $memory)))
            (instance $preopens
                (export "descriptor" (type $descriptor))
                (export "get-directories" (func $get)))
            (export "{preopens}" (instance $preopens)))"#
    );
    wat::parse_str(text).map_err(|_| ComposeError::Unsupported)
}
