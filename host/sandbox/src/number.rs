//! Conversions between lengths. Both types have 64 bits on all supported targets, so the fallback is not reached.

/// A length in memory as a file offset.
pub(crate) fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A file offset as a length in memory; an offset that does not fit becomes the largest length.
pub(crate) fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
