//! Looks for a PROXY protocol header for which `connection::proxy` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::proxy(bytes));
