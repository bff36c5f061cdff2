//! Looks for an `Accept` header for which `checks::accept` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::accept(bytes));
