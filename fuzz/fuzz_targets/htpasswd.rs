//! Looks for a password file for which `connection::htpasswd` fails.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| glasshouse_fuzz::connection::htpasswd(bytes));
