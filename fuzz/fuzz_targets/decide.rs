//! Looks for a request for which `checks::decide` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::decide(bytes));
