//! Numbers of the binary format of WebAssembly, and conversions that cannot fail.

/// Bytes of a padded number.
pub(crate) const PADDED: usize = 5;

/// A `u32` in LEB128 with five bytes, so that its length does not depend on its value. Encoders write fewer bytes.
pub(crate) fn padded(number: u32) -> [u8; PADDED] {
    let mut rest = number;
    [0x80, 0x80, 0x80, 0x80, 0].map(|more: u8| {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        (low & 0x7f) | more
    })
}

/// The number of bytes as `u64`.
pub(crate) fn byte_count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_numbers_are_read_back() {
        for number in [0, 1, 127, 128, 65_536, 300_000_000, i32::MAX as u32, u32::MAX] {
            let bytes = padded(number);
            assert_eq!(wasmparser::BinaryReader::new(&bytes, 0).read_var_u32().expect("a number"), number);
        }
    }
}
