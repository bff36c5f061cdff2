//! Looks for bytes that `connection::htpasswd` does not hold for. It refuses to know what that is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::htpasswd(bytes));
