//! Looks for an HTTP date for which `checks::date` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::date(bytes));
