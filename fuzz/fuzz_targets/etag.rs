//! Looks for a list of entity tags for which `checks::etag` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::etag(bytes));
