//! Looks for a `Range` header for which `checks::range` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::range(bytes));
