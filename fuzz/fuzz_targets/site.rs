//! Looks for a site file for which `checks::site` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::site(bytes));
