//! Looks for bytes that `checks::site` does not hold for. It refuses to know what that is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::checks::site(bytes));
