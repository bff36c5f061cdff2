//! Looks for acts of an HTTP/2 client that violate `connection::http2`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::http2(bytes));
