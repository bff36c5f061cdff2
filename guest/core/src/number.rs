//! Conversions between integer types that saturate instead of failing.

/// The number of bytes as `u64`, as file sizes are.
pub(crate) fn byte_count(bytes: &[u8]) -> u64 {
    to_u64(bytes.len())
}

/// A length or a count as `u64`. No platform of Rust has a `usize` with more than 64 bits.
pub(crate) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A size as `usize`. A size beyond the address space becomes the largest value, which no index reaches.
pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length as `u32`, for limits that are far below 4 GiB.
pub(crate) fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
