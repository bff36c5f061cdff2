//! Looks for a request target for which `checks::target` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::target(bytes));
