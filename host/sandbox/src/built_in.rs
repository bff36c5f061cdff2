//! The built-in handler, which the build script compiles from source: as a component for each version of WASI, and as
//! machine code.

use std::sync::LazyLock;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

/// The component for WASI 0.3.
pub static P3: LazyLock<Vec<u8>> = LazyLock::new(|| decode(include_bytes!(env!("GLASSHOUSE_P3")), &[]));
/// The component for WASI 0.2.
pub static P2: LazyLock<Vec<u8>> = LazyLock::new(|| decode(include_bytes!(env!("GLASSHOUSE_P2")), &P3));

/// [`P3`] as machine code for the architecture of this program.
pub(crate) fn machine_code() -> Vec<u8> {
    decode(include_bytes!(env!("GLASSHOUSE_P3_COMPILED")), &[])
}

#[expect(clippy::expect_used, reason = "the build script has encoded these bytes")]
fn decode(frame: &[u8], dictionary: &[u8]) -> Vec<u8> {
    let length = get_frame_content_size(frame).ok().flatten().and_then(|length| usize::try_from(length).ok());
    let mut decoder = Decompressor::with_dictionary(dictionary).expect("memory for a decoder");
    decoder.decompress(frame, length.expect("a frame with its length")).expect("an encoded handler")
}
