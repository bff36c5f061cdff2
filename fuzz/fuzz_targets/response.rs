//! Looks for a piece of a body for which `protocol::piece` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::protocol::piece(bytes));
