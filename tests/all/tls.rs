//! TLS: versions, keys, certificates and their renewal.

mod renewal;
mod serving;
