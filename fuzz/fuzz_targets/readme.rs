//! Looks for a README for which `checks::readme` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::readme(bytes));
