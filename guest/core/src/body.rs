//! Bodies of responses.

pub mod block;
pub mod encode;
pub mod generated;
pub mod multipart;

pub use block::BLOCK;
pub use generated::{GeneratedBody, Source};
