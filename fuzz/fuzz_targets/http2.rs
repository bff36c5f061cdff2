//! Looks for acts of an HTTP/2 client for which `connection::http2` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::http2(bytes));
