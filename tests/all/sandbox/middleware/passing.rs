//! Middleware for WASI 0.2, written here: it passes requests on, or commits a misdeed instead.

/// What a middleware does with each request.
#[derive(Clone, Copy, Debug)]
pub enum Passing {
    On,
    Trap,
    Loop,
    /// Takes memory until there is none.
    Grow,
}

/// The component in the binary format.
pub fn passing(passing: Passing) -> Vec<u8> {
    let code = match passing {
        Passing::On => "(call $next (local.get 0) (local.get 1))",
        Passing::Trap => "(unreachable)",
        Passing::Loop => "(loop $again (br $again))",
        Passing::Grow => "(loop $again (drop (memory.grow (i32.const 256))) (br $again))",
    };
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (type $handle (func (param "request" (own $request)) (param "response-out" (own $out))))
            (import "wasi:http/incoming-handler@0.2.0" (instance $next
                (alias outer 1 $request (type $r)) (alias outer 1 $out (type $o))
                (export "incoming-request" (type $r2 (eq $r)))
                (export "response-outparam" (type $o2 (eq $o)))
                (export "handle" (func (param "request" (own $r2)) (param "response-out" (own $o2))))))
            (alias export $next "handle" (func $next-handle))
            (core func $lowered (canon lower (func $next-handle)))
            (core module $code
                (import "next" "handle" (func $next (param i32 i32)))
                (memory 1)
                (func (export "handle") (param i32 i32) {code}))
            (core instance $instance
                (instantiate $code (with "next" (instance (export "handle" (func $lowered))))))
            (func $own (type $handle) (canon lift (core func $instance "handle")))
            (instance $handler
                (export "incoming-request" (type $request))
                (export "response-outparam" (type $out))
                (export "handle" (func $own)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
