//! The built-in handler, which the build script compiles from source: as a component for each version of WASI, and as
//! machine code.

use std::sync::LazyLock;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

/// The component for WASI 0.3.
pub static P3: LazyLock<Vec<u8>> = LazyLock::new(|| decompress(include_bytes!(env!("GLASSHOUSE_P3")), &machine_code()));
/// The component for WASI 0.2.
pub static P2: LazyLock<Vec<u8>> = LazyLock::new(|| decompress(include_bytes!(env!("GLASSHOUSE_P2")), &P3));

/// [`P3`] as machine code for the architecture of this program.
pub(crate) fn machine_code() -> Vec<u8> {
    decompress(include_bytes!(env!("GLASSHOUSE_P3_COMPILED")), &[])
}

#[expect(clippy::expect_used, reason = "the build script has compressed these bytes")]
fn decompress(frame: &[u8], dictionary: &[u8]) -> Vec<u8> {
    let length = get_frame_content_size(frame).ok().flatten().and_then(|length| usize::try_from(length).ok());
    let mut decompressor = Decompressor::with_dictionary(dictionary).expect("enough memory");
    decompressor.decompress(frame, length.expect("a frame with its length")).expect("a compressed handler")
}
