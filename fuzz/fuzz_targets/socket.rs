//! Looks for bytes and pauses on an HTTP/1 connection for which `connection::socket` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::socket(bytes));
