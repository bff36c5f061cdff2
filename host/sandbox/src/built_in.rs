//! The built-in handler, which the build script compiles from source: as a component for each version of WASI, and as
//! machine code.

use flate2::read::DeflateDecoder;
use std::io::Read as _;
use std::sync::LazyLock;

/// The component for WASI 0.3.
pub static P3: LazyLock<Vec<u8>> = LazyLock::new(|| inflate(include_bytes!(env!("GLASSHOUSE_P3"))));
/// The component for WASI 0.2.
pub static P2: LazyLock<Vec<u8>> = LazyLock::new(|| inflate(include_bytes!(env!("GLASSHOUSE_P2"))));
/// [`P3`] as machine code for the architecture of this program. Not deflated, because every start uses it.
pub const COMPILED: &[u8] = include_bytes!(env!("GLASSHOUSE_P3_COMPILED"));

#[expect(clippy::expect_used, reason = "the build script has deflated these bytes")]
fn inflate(deflated: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut bytes).expect("a deflated component");
    bytes
}
