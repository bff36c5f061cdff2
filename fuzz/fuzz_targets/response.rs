//! Looks for a complete response for which `protocol::response` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::protocol::response(bytes));
